"""The Extensions API, 2020-01-01: what an extension's requests mean and how it is answered (AWS: Extensions API).

Every mistake of a client is a 403, never a 400: RIE 1.170 does so, and so did AWS wherever it was recorded.
"""

import json
import re
from functools import lru_cache
from typing import Final

from supervisor.api.http import JSON, JSON_HEAD, TEXT, Request, Response, render_json, render_json_text
from supervisor.errors import ProtocolError
from supervisor.lifecycle.events import ExtensionExitErrorReported, ExtensionInitErrorReported, ExtensionRegistered
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.states import FORBIDDEN, ShutdownReason

_UUID: Final = re.compile(
    r"(?:urn:uuid:)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|\{([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}"
    r"|([0-9a-f]{32})",
    re.IGNORECASE,
)
"""The four forms that the platform's parser takes (RIE 1.170, Go's `uuid.Parse`)."""

_EMPTY: Final = "unexpected end of JSON input"
"""What the platform's parser says of an empty body."""

_quote: Final = json.encoder.encode_basestring
"""A string in JSON. Rendering a whole event as a value takes several times as long."""


def identifier(request: Request) -> str:
    """The identifier of the extension that asks, in the form in which it was given out.

    Raises:
        ProtocolError: 403, there is none, or it is none.
    """
    value = request.headers.get("lambda-extension-identifier", "")
    if not value:
        raise _refusal("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
    return _as_given_out(value)


@lru_cache(maxsize=64)
def _as_given_out(value: str) -> str:
    match = _UUID.fullmatch(value)
    if match is None:
        raise _refusal("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
    digits = "".join(filter(None, match.groups())).replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def registered(request: Request, extension_id: str) -> ExtensionRegistered:
    """The whole of `POST …/extension/register` is in; the extension will get *extension_id*.

    Raises:
        ProtocolError: 403, without a name or with a body that is not understood.
    """
    name = request.headers.get("lambda-extension-name", "")
    if not name:
        raise _refusal("Extension.InvalidExtensionName", "Empty extension name")
    body = _object(bytes(request.body))
    if body.get("configurationKeys"):
        text = "configurationKeys are deprecated; use environment variables instead"
        raise _refusal("InvalidRequestFormat", text)
    events = body.get("events") or []
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise _refusal("InvalidRequestFormat", "events is not a list of strings")
    # The bytes of a file's name, decoded as Python decodes those.
    name = name.encode("latin-1").decode("utf-8", "surrogateescape")
    return ExtensionRegistered(extension_id, name, tuple(events))


def _object(body: bytes) -> dict[str, object]:
    if not body.strip():
        raise _refusal("InvalidRequestFormat", _EMPTY)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _refusal("InvalidRequestFormat", str(error)) from None
    if not isinstance(value, dict | None):
        raise _refusal("InvalidRequestFormat", "the body is not a JSON object")
    return value or {}


def init_error_reported(request: Request) -> ExtensionInitErrorReported:
    """`POST …/extension/init/error`; its body is for people and is not looked at.

    Raises:
        ProtocolError: 403, without a valid identifier or an error type.
    """
    return ExtensionInitErrorReported(identifier(request), _error_type(request))


def exit_error_reported(request: Request) -> ExtensionExitErrorReported:
    """`POST …/extension/exit/error`; its body is for people and is not looked at.

    Raises:
        ProtocolError: 403, without a valid identifier or an error type.
    """
    return ExtensionExitErrorReported(identifier(request), _error_type(request))


def _error_type(request: Request) -> str:
    error_type = request.headers.get("lambda-extension-function-error-type", "")
    if not error_type:
        raise _refusal("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
    return error_type


def wants_account_id(request: Request) -> bool:
    """Whether a registering extension asked to be told the account; unknown features are ignored."""
    features = request.headers.get("lambda-extension-accept-feature", "")
    return "accountId" in [feature.strip() for feature in features.split(",")]


def registration(extension_id: str, function: dict[str, str]) -> Response:
    """Answer a registration with the identifier and the facts about the *function*."""
    return Response(200, (JSON, ("Lambda-Extension-Identifier", extension_id)), render_json(function))


def invoke_event(invocation: Invocation, deadline_ms: int) -> bytes:
    """What every extension is told of an invocation; *deadline_ms* is in epoch milliseconds."""
    tracing = ""
    if invocation.trace_id:
        tracing = f',"tracing":{{"type":"X-Amzn-Trace-Id","value":{_quote(invocation.trace_id)}}}'
    event = (
        f'{{"eventType":"INVOKE","deadlineMs":{deadline_ms},"requestId":{_quote(invocation.request_id)},'
        f'"invokedFunctionArn":{_quote(invocation.invoked_function_arn)}{tracing}}}'
    )
    return render_json_text(event)


def next_event(event: bytes, event_id: str) -> Response:
    """Hand *event* to one of the extensions."""
    head = f"{JSON_HEAD}Lambda-Extension-Event-Identifier: {event_id}\r\nContent-Length: {len(event)}\r\n"
    return Response(200, (), event, head.encode())


def shutdown_event(reason: ShutdownReason, deadline_ms: int) -> Response:
    """Tell an extension of the end: text/plain, no event identifier, no final newline (all recorded on AWS)."""
    event = {"eventType": "SHUTDOWN", "deadlineMs": deadline_ms, "shutdownReason": reason}
    return Response(200, (TEXT,), render_json(event).rstrip())


def _refusal(error_type: str, message: str) -> ProtocolError:
    return ProtocolError(FORBIDDEN, error_type, message)
