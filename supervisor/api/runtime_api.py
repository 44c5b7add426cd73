"""The Runtime API, 2018-06-01: what a runtime's requests mean and how it is answered (AWS: Runtime API)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from supervisor.api.http import JSON, JSON_HEAD, TEXT, Request, Response, parse_json, refused, render_json
from supervisor.errors import Fault, ProtocolError
from supervisor.lifecycle.events import (
    ErrorReceived,
    ErrorStarted,
    ResponseModeRefused,
    ResponseReceived,
    ResponseStarted,
    RestoreErrorReported,
    RuntimeInitErrorReported,
)
from supervisor.lifecycle.invocation import Invocation, Payload, StreamError
from supervisor.lifecycle.limits import PAYLOAD_BYTES, STREAM_BYTES

RESTORED: Final = Response(200, (JSON,))
"""The snapshot has been restored: an answer without a body (RIE 1.170 `rapi/handler/restorenext.go`)."""

PONG: Final = Response(200, (TEXT,), b"pong")


def _too_large(limit: int) -> Response:
    text = f"Exceeded maximum allowed payload size ({limit} bytes)."
    return refused(ProtocolError(413, "RequestEntityTooLarge", text))


TOO_LARGE: Final = _too_large(PAYLOAD_BYTES)
STREAM_TOO_LARGE: Final = _too_large(STREAM_BYTES)
INVALID_MODE: Final = refused(ProtocolError(400, "InvalidFunctionResponseMode", "Invalid function response mode"))
TRUNCATED: Final = refused(ProtocolError(400, "TruncatedHTTPRequest", "HTTP request detected as truncated"))

RESPONSE_MODE: Final = "lambda-runtime-function-response-mode"
STREAMING: Final = "streaming"
"""The one value that the response mode header may have; without the header a response is buffered."""

_ERROR_CAUSE: Final = "application/vnd.aws.lambda.error.cause+json"
_FORWARDED_OF_ERROR_CAUSE: Final = ("errorMessage", "errorType", "stackTrace")


def response_started(request: Request, request_id: str) -> ResponseStarted | ResponseModeRefused:
    """The head of `POST …/invocation/{id}/response` is in."""
    headers = request.headers
    invocation_id = headers.get("lambda-runtime-invocation-id", "")
    mode = headers.get(RESPONSE_MODE)
    if mode is None:
        return ResponseStarted(request_id, invocation_id)
    if mode != STREAMING:
        return ResponseModeRefused(request_id, invocation_id)
    return ResponseStarted(request_id, invocation_id, streaming=True, content_type=headers.get("content-type", ""))


def response_received(request: Request, trailers: Mapping[str, str], streamed_bytes: int = 0) -> ResponseReceived:
    """The whole of `POST …/invocation/{id}/response` is in; *streamed_bytes* of its body were forwarded before."""
    stream_error = _stream_error(trailers) if trailers else None
    return ResponseReceived(request.body, request.headers.get("content-type", ""), stream_error, streamed_bytes)


def response_at_once(request: Request, trailers: Mapping[str, str], request_id: str) -> ResponseReceived:
    """The whole of a buffered `POST …/invocation/{id}/response` is in, of which nothing was told before."""
    headers = request.headers
    started = ResponseStarted(request_id, headers.get("lambda-runtime-invocation-id", ""))
    stream_error = _stream_error(trailers) if trailers else None
    return ResponseReceived(request.body, headers.get("content-type", ""), stream_error, started=started)


def error_started(request: Request, request_id: str) -> ErrorStarted:
    """The head of `POST …/invocation/{id}/error` is in."""
    return ErrorStarted(request_id, request.headers.get("lambda-runtime-invocation-id", ""))


def error_received(request: Request) -> ErrorReceived:
    """The whole of `POST …/invocation/{id}/error` is in."""
    content_type = request.headers.get("content-type", "")
    if content_type == _ERROR_CAUSE:
        return ErrorReceived(*_without_cause(request.body))
    return ErrorReceived(request.body, content_type)


def init_error_reported(request: Request) -> RuntimeInitErrorReported:
    """The whole of `POST …/init/error` is in.

    Its content type is found out, not asked for (RIE 1.170 `initerror.go`).
    """
    content_type = "application/octet-stream" if parse_json(request.body) is None else "application/json"
    error_type = request.headers.get("lambda-runtime-function-error-type", "")
    return RuntimeInitErrorReported(request.body, content_type, error_type)


def restore_error_reported(request: Request) -> RestoreErrorReported:
    """The whole of `POST …/restore/error` is in."""
    return RestoreErrorReported(request.headers.get("lambda-runtime-function-error-type", ""))


def next_invocation(invocation: Invocation, deadline_ms: int) -> Response:
    """Hand an invocation to the runtime; *deadline_ms* is in epoch milliseconds. Empty headers are left out."""
    of_caller = ""
    if invocation.client_context:
        of_caller += f"Lambda-Runtime-Client-Context: {invocation.client_context}\r\n"
    if invocation.cognito_identity:
        of_caller += f"Lambda-Runtime-Cognito-Identity: {invocation.cognito_identity}\r\n"
    if invocation.tenant_id:
        of_caller += f"Lambda-Runtime-Aws-Tenant-Id: {invocation.tenant_id}\r\n"
    head = (
        f"{JSON_HEAD}Lambda-Runtime-Aws-Request-Id: {invocation.request_id}\r\n"
        f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n"
        f"Lambda-Runtime-Invoked-Function-Arn: {invocation.invoked_function_arn}\r\n"
        f"Lambda-Runtime-Trace-Id: {invocation.trace_id}\r\n"
        f"Lambda-Runtime-Invocation-Id: {invocation.invocation_id}\r\n"
        f"{of_caller}Content-Length: {len(invocation.payload)}\r\n"
    )
    return Response(200, (), invocation.payload, head.encode("latin-1", "replace"))


def _stream_error(trailers: Mapping[str, str]) -> StreamError | None:
    """What the trailers say of a failure in the middle (AWS: Custom runtimes, "Response streaming")."""
    error_type = trailers.get("lambda-runtime-function-error-type")
    body = trailers.get("lambda-runtime-function-error-body", "")
    if error_type is None and not body:
        return None
    try:
        details = base64.b64decode(body, validate=True).decode(errors="replace")
    except binascii.Error:
        # What a runtime says in its own way is of more use than nothing.
        details = body
    return StreamError(error_type or Fault.RUNTIME_UNKNOWN, details)


def _without_cause(body: Payload) -> tuple[bytes, str]:
    """The part of an error with its X-Ray cause that is the caller's (RIE 1.170 `mime_type_error_cause_json.go`)."""
    error = parse_json(body)
    if not isinstance(error, dict):
        return b'"Invalid error body"', "application/octet-stream"
    forwarded = {name: error[name] for name in _FORWARDED_OF_ERROR_CAUSE if name in error}
    return render_json(forwarded).rstrip(), "application/json"
