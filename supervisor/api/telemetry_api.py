"""The Telemetry API, 2022-07-01, and the Logs API, 2020-08-15: what may be subscribed to, and how that is answered.

On AWS two programs answer, and it shows: the errors of the first have the form of the Runtime API's, those of the
second, which reads the body, begin with the type and end without a newline (recorded on AWS). The errors raised here
are the second's, and `refused` answers them; `closed` is the first's.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from supervisor.api.http import JSON, Response
from supervisor.api.located_json import MisreadError
from supervisor.api.subscription_request import HttpRequested, SubscriptionRequest, read
from supervisor.errors import ProtocolError
from supervisor.lifecycle.invocation import Payload
from supervisor.telemetry.records import render
from supervisor.telemetry.subscription import (
    MAX_BYTES,
    MAX_ITEMS,
    TCP_PORTS,
    TIMEOUT_MS,
    Api,
    Buffering,
    Category,
    Destination,
    HttpDestination,
    Limits,
    SchemaVersion,
    Subscription,
    TcpDestination,
)

OK: Final = Response(200, (JSON,), b'"OK"')
ALREADY_SUBSCRIBED: Final = Response(200, (JSON,), b'"AlreadySubscribed"')

HOSTS: Final = frozenset({"sandbox.localdomain", "sandbox"})
"""The second is not in the service's error text, but published extensions use it, on AWS too."""

_FOREIGN_SCHEMA: Final = {
    Api.TELEMETRY: "TelemetryAPI only supports the SchemaVersion released after 2021-03-18",
    Api.LOGS: "LogsAPI only supports the following SchemaVersion: 2020-08-15, 2021-03-18",
}
_DEFAULT_SCHEMA: Final = SchemaVersion.LOGS_2020_08_15
"""Of both APIs, so that a request to the Telemetry API needs one (recorded on AWS)."""

_CATEGORIES: Final[frozenset[str]] = frozenset(Category)

_NOT_IN_A_REQUEST_LINE: Final = re.compile(r"[^!-~]+")


def closed(api: Api) -> ProtocolError:
    """The refusal of whoever comes after Init."""
    return ProtocolError(403, f"{api}.SubscriptionClosed", f"{api} API subscription is closed already")


def refused(error: ProtocolError) -> Response:
    """Answer a refusal as the program does that reads the body."""
    body = render({"errorType": error.error_type, "errorMessage": error.message})
    return Response(error.http_status, (JSON,), body)


def subscription(api: Api, body: Payload) -> Subscription:
    """What the body of a request asks for.

    Raises:
        ProtocolError: 400, it is not understood or asks for what is not allowed; 403, for a destination elsewhere.
    """
    try:
        request = read(bytes(body))
    except MisreadError as error:
        raise ProtocolError(400, f"{api}.DeserializationError", str(error)) from None
    uri = _split(api, request)
    faults = list(_faults(api, request, uri))
    if faults:
        raise ProtocolError(400, f"{api}.ValidationError", "; ".join(faults))
    timeout_ms = _or_default(request.timeout_ms, TIMEOUT_MS)
    return Subscription(
        request.schema or _DEFAULT_SCHEMA,
        tuple(Category(name) for name in request.types),
        _destination(request, uri),
        Buffering(
            _or_default(request.max_items, MAX_ITEMS), _or_default(request.max_bytes, MAX_BYTES), timeout_ms / 1000
        ),
    )


def _split(api: Api, request: SubscriptionRequest) -> SplitResult | None:
    """The URI in its parts; None for a destination without one.

    Raises:
        ProtocolError: 403, another scheme than http (asked first; recorded on AWS), or another host.
    """
    if not isinstance(request.destination, HttpRequested):
        return None
    try:
        uri = urlsplit(request.destination.uri)
    except ValueError as error:
        raise ProtocolError(400, f"{api}.ValidationError", f"URI is not valid: {error}") from None
    if uri.scheme != "http":
        raise ProtocolError(403, f"{api}.AccessDenied", "Only 'http' scheme is supported.")
    if uri.hostname not in HOSTS:
        raise ProtocolError(403, f"{api}.AccessDenied", "Only 'sandbox.localdomain' hostname is supported.")
    return uri


def _faults(api: Api, request: SubscriptionRequest, uri: SplitResult | None) -> Iterator[str]:
    """What is wrong with a request that was understood; all of it is told (AWS: Telemetry API reference, example)."""
    if uri is not None:
        yield from _port_faults(uri)
    elif not isinstance(request.destination, HttpRequested) and request.destination.port not in TCP_PORTS:
        yield f"port should be between {TCP_PORTS.start} and {TCP_PORTS.stop - 1}"
    if (request.schema or _DEFAULT_SCHEMA).api is not api:
        yield _FOREIGN_SCHEMA[api]
    if not request.types:
        yield "types should not be empty"
    if not _CATEGORIES.issuperset(request.types):
        yield "Unrecognized enum variant"
    if len(set(request.types)) < len(request.types):
        yield "types should be unique"
    yield from _limit_faults("timeoutMs", request.timeout_ms, TIMEOUT_MS)
    yield from _limit_faults("maxBytes", request.max_bytes, MAX_BYTES)
    yield from _limit_faults("maxItems", request.max_items, MAX_ITEMS)


def _port_faults(uri: SplitResult) -> Iterator[str]:
    try:
        port = uri.port
    except ValueError:
        yield "URI port is not valid"
        return
    if not port:
        yield "URI port is not provided"


def _limit_faults(name: str, value: int | None, limits: Limits) -> Iterator[str]:
    if value is not None and not limits.lowest <= value <= limits.highest:
        yield f"{name} should be between {limits.lowest} and {limits.highest}"


def _or_default(value: int | None, limits: Limits) -> int:
    return limits.default if value is None else value


def _destination(request: SubscriptionRequest, uri: SplitResult | None) -> Destination:
    destination = request.destination
    if not isinstance(destination, HttpRequested):
        return TcpDestination(destination.port)
    assert uri is not None and uri.port is not None
    target = (uri.path or "/") + (f"?{uri.query}" if uri.query else "")
    target = _NOT_IN_A_REQUEST_LINE.sub(lambda match: quote(match[0]), target)
    return HttpDestination(uri.port, target, destination.method)
