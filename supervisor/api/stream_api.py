"""InvokeWithResponseStream, 2021-11-15: what a caller's request means and what the caller reads (AWS: API reference).

What it has in common with Invoke is in `invoke_api`, the encoding of its messages in `event_stream`.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from supervisor.api import event_stream, invoke_api
from supervisor.api.http import NOT_FOUND, Request, Response, method_not_allowed
from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.lifecycle.invocation import (
    FunctionError,
    FunctionResponse,
    Invocation,
    Outcome,
    Payload,
    PlatformError,
    StreamError,
    Unavailable,
)

PATHS: Final = "/2021-11-15/"
"""What the paths of this API begin with."""

CHUNK_BYTES: Final = 1024 * 1024
"""The largest payload of one message. Ours: the SDKs take 24 MiB, older ones 16, and hold a whole message in memory."""

UNHANDLED: Final = "Unhandled"
"""The `ErrorCode` of an error that the runtime reported instead of a response. Ours: none was recorded on AWS."""

_PATH: Final = re.compile(r"/2021-11-15/functions/([^/]+)/response-streaming-invocations")
_TYPES: Final = ("RequestResponse", "DryRun")


def _event_headers(event_type: str, content_type: str) -> bytes:
    """The headers of an event, in the order that was recorded on AWS."""
    return event_stream.encode_headers(
        {":event-type": event_type, ":content-type": content_type, ":message-type": "event"}
    )


_PAYLOAD_CHUNK: Final = _event_headers("PayloadChunk", "application/octet-stream")
_INVOKE_COMPLETE: Final = _event_headers("InvokeComplete", "application/json")


def find(method: str, path: str) -> invoke_api.Target | Response:
    """What a path names, or the answer that the request gets when it names nothing."""
    match = _PATH.fullmatch(path)
    if match is None:
        return NOT_FOUND
    return invoke_api.Target(unquote(match[1])) if method == "POST" else method_not_allowed("POST")


def parse(
    request: Request,
    target: invoke_api.Target,
    function: Function,
    fresh: invoke_api.Identifiers,
    *,
    raw_payload: bool = False,
) -> Invocation:
    """The invocation that a whole request asks for, with *raw_payload* as in `invoke_api.parse`.

    Raises:
        ProtocolError: The request is not as the API wants it.
    """
    invocation_type = request.headers.get("x-amz-invocation-type", "RequestResponse")
    if invocation_type not in _TYPES:
        text = f"The invocation type {invocation_type!r} is none of {', '.join(_TYPES)}"
        raise ProtocolError(400, "InvalidParameterValueException", text)
    invocation = invoke_api.parse(request, target, function, fresh, raw_payload=raw_payload)
    return replace(invocation, wants_stream=True)


def head(invocation: Invocation, version: str, content_type: str = "") -> Response:
    """The beginning of the answer; *content_type* is that of the function's bytes, empty when there are none.

    The names and what they say were recorded on AWS.
    """
    headers = [
        ("Content-Type", event_stream.CONTENT_TYPE),
        ("x-amzn-RequestId", invocation.request_id),
        ("X-Amz-Executed-Version", version),
        ("X-Amzn-Trace-Id", invocation.trace_id),
    ]
    if content_type:
        headers.append(("x-amzn-Remapped-Content-Type", content_type))
    return Response(200, tuple(headers))


def payload_chunks(piece: Payload) -> Iterator[bytes]:
    """The messages that carry *piece*: none for nothing."""
    view = memoryview(piece)
    for start in range(0, len(view), CHUNK_BYTES):
        yield event_stream.encode(_PAYLOAD_CHUNK, view[start : start + CHUNK_BYTES])


def content_type_of(outcome: Outcome) -> str:
    """The content type of the function's bytes in an answer that was not streamed."""
    if isinstance(outcome, FunctionResponse) and outcome.payload:
        return outcome.content_type or "application/json"
    return ""


def rest(outcome: Outcome) -> Payload:
    """What the caller has not read yet of the function's bytes."""
    return outcome.payload if isinstance(outcome, FunctionResponse) else b""


def invoke_complete(outcome: Outcome, log_tail: bytes | None = None) -> bytes:
    """The last message, which says how it ended; the caller gets *log_tail* if it is given."""
    error = _error_of(outcome)
    said: dict[str, str] = {}
    if error is not None:
        said = {"ErrorCode": error.error_type, "ErrorDetails": error.details}
    if log_tail is not None:
        said["LogResult"] = base64.b64encode(log_tail).decode()
    return event_stream.encode(_INVOKE_COMPLETE, json.dumps(said, separators=(",", ":")).encode())


def _error_of(outcome: Outcome) -> StreamError | None:
    """What failed. The details are what a caller of Invoke would read as the body."""
    match outcome:
        case FunctionResponse():
            return outcome.stream_error
        case FunctionError():
            return StreamError(UNHANDLED, bytes(outcome.payload).decode(errors="replace"))
        case PlatformError():
            return StreamError(outcome.error_type, invoke_api.platform_error_body(outcome).decode())
        case Unavailable():
            return StreamError(outcome.error_type, outcome.message)
