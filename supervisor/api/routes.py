"""Every endpoint of the runtime's port, on one screen. What an endpoint does is not here."""

from collections.abc import Mapping
from enum import IntEnum, auto
from typing import Final
from urllib.parse import unquote

from supervisor.api.http import NOT_FOUND, Response, method_not_allowed
from supervisor.child_environ import CREDENTIALS_PATH
from supervisor.values import frozen


class Endpoint(IntEnum):
    """What a peer can ask for."""

    PING = auto()
    INVOCATION_NEXT = auto()
    INVOCATION_RESPONSE = auto()
    INVOCATION_ERROR = auto()
    RUNTIME_INIT_ERROR = auto()
    RESTORE_NEXT = auto()
    RESTORE_ERROR = auto()
    CREDENTIALS = auto()
    EXTENSION_REGISTER = auto()
    EXTENSION_NEXT = auto()
    EXTENSION_INIT_ERROR = auto()
    EXTENSION_EXIT_ERROR = auto()
    TELEMETRY_SUBSCRIBE = auto()
    LOGS_SUBSCRIBE = auto()


@frozen()
class Route:
    """Where a request goes; *request_id* is the one in its path, empty for the other paths."""

    endpoint: Endpoint
    request_id: str = ""


ROUTES: Final[Mapping[str, tuple[str, Endpoint]]] = {
    "/2018-06-01/ping": ("GET", Endpoint.PING),
    "/2018-06-01/runtime/invocation/next": ("GET", Endpoint.INVOCATION_NEXT),
    "/2018-06-01/runtime/invocation/{id}/response": ("POST", Endpoint.INVOCATION_RESPONSE),
    "/2018-06-01/runtime/invocation/{id}/error": ("POST", Endpoint.INVOCATION_ERROR),
    "/2018-06-01/runtime/init/error": ("POST", Endpoint.RUNTIME_INIT_ERROR),
    "/2018-06-01/runtime/restore/next": ("GET", Endpoint.RESTORE_NEXT),
    "/2018-06-01/runtime/restore/error": ("POST", Endpoint.RESTORE_ERROR),
    CREDENTIALS_PATH: ("GET", Endpoint.CREDENTIALS),
    "/2020-01-01/extension/register": ("POST", Endpoint.EXTENSION_REGISTER),
    "/2020-01-01/extension/event/next": ("GET", Endpoint.EXTENSION_NEXT),
    "/2020-01-01/extension/init/error": ("POST", Endpoint.EXTENSION_INIT_ERROR),
    "/2020-01-01/extension/exit/error": ("POST", Endpoint.EXTENSION_EXIT_ERROR),
    # AWS prints these two with and without a final slash.
    "/2020-08-15/logs": ("PUT", Endpoint.LOGS_SUBSCRIBE),
    "/2020-08-15/logs/": ("PUT", Endpoint.LOGS_SUBSCRIBE),
    "/2022-07-01/telemetry": ("PUT", Endpoint.TELEMETRY_SUBSCRIBE),
    "/2022-07-01/telemetry/": ("PUT", Endpoint.TELEMETRY_SUBSCRIBE),
}

_WITHOUT_REQUEST_ID: Final = {
    path: (method, Route(endpoint)) for path, (method, endpoint) in ROUTES.items() if "{id}" not in path
}
_INVOCATION: Final = "/2018-06-01/runtime/invocation/"
"""What the paths begin with that a request id is in."""

_OF_EXTENSIONS: Final = ("/2020-01-01/", "/2020-08-15/", "/2022-07-01/")
_OF_SNAP_START: Final = frozenset({Endpoint.RESTORE_NEXT, Endpoint.RESTORE_ERROR, Endpoint.CREDENTIALS})


def find(method: str, path: str, *, extensions_enabled: bool = True, snap_start: bool = False) -> Route | Response:
    """The route of a request, or the answer that it gets when there is none.

    Without *extensions_enabled* or *snap_start* what belongs to them is unknown.

    Unknown paths, most of those with a trailing slash among them, give 404, wrong methods 405 with `Allow` (RIE 1.170
    does so).
    """
    row = _WITHOUT_REQUEST_ID.get(path) or _with_request_id(path)
    if row is None or (not extensions_enabled and path.startswith(_OF_EXTENSIONS)):
        return NOT_FOUND
    allowed, route = row
    if route.endpoint in _OF_SNAP_START and not snap_start:
        return NOT_FOUND
    return route if method == allowed else method_not_allowed(allowed)


def _with_request_id(path: str) -> tuple[str, Route] | None:
    if not path.startswith(_INVOCATION):
        return None
    request_id, _, call = path.removeprefix(_INVOCATION).partition("/")
    row = ROUTES.get(f"{_INVOCATION}{{id}}/{call}")
    if row is None or not request_id:
        return None
    allowed, endpoint = row
    return allowed, Route(endpoint, unquote(request_id) if "%" in request_id else request_id)
