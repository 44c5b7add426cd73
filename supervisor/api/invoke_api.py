"""The Invoke API, 2015-03-31: what a caller's request means and how it is answered (AWS: API reference, Invoke)."""

import base64
import binascii
import json
import re
from typing import Final
from urllib.parse import parse_qs, unquote

from supervisor.api.http import GOOD, JSON, NOT_FOUND, Headers, Request, Response, method_not_allowed
from supervisor.api.json_text import is_json
from supervisor.errors import SERVICE_ERRORS, ProtocolError
from supervisor.function import Function
from supervisor.lifecycle.invocation import (
    FunctionResponse,
    Invocation,
    Outcome,
    Payload,
    PlatformError,
    Unavailable,
)
from supervisor.values import frozen

REQUEST_BYTES: Final = 6 * 1024 * 1024
"""The payload of a synchronous invocation (AWS: Lambda quotas, "Invocation payload")."""

EVENT_BYTES: Final = 1024 * 1024
"""The payload of an asynchronous one (same section)."""

CLIENT_CONTEXT_BYTES: Final = 3583
"""The client context, as base64 (AWS: API reference, Invoke, `X-Amz-Client-Context`)."""

RIE_FUNCTION: Final = "function"
"""The only function name that RIE knows; whoever uses it means the function that is configured."""

_PATH: Final = "/2015-03-31/functions/"
_PATH_END: Final = "/invocations"
_OLD_PATH: Final = re.compile(r"/2014-11-13/functions/([^/]+)/invoke-async/?")
_NAME: Final = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_.-]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+))?"
)
"""A name, a partial ARN or a full ARN (AWS: API reference, Invoke, `FunctionName`)."""

_QUALIFIER: Final = re.compile(r"\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128}")
_TENANT: Final = re.compile(r"[a-zA-Z0-9._:/=+\-@ ]{1,256}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_CONTROL_CHARACTERS: Final = dict.fromkeys((*range(32), 127), " ")

_TYPES: Final = ("RequestResponse", "DryRun")
"""The invocation types whose caller waits."""

_CAPITAL_MESSAGE: Final = frozenset({"ServiceException", "SnapStartException", "SnapStartTimeoutException"})
"""The exceptions whose text stands under `Message`, not `message` (the service's API model)."""


@frozen()
class Identifiers:
    """Fresh identifiers, for what a request does not name itself."""

    request_id: str
    invocation_id: str
    trace_id: str


@frozen()
class Target:
    """What a path names: a function, and whether it is that of the old asynchronous call, `InvokeAsync`."""

    function_name: str
    is_invoke_async: bool = False


def find(method: str, path: str) -> Target | Response:
    """What a path names, or the answer that the request gets when it names nothing."""
    if path.startswith(_PATH) and path.endswith(_PATH_END):
        name, is_invoke_async = path[len(_PATH) : -len(_PATH_END)], False
    elif match := _OLD_PATH.fullmatch(path):
        name, is_invoke_async = match[1], True
    else:
        return NOT_FOUND
    if not name or "/" in name:
        return NOT_FOUND
    if "%" in name:
        name = unquote(name)
    return Target(name, is_invoke_async) if method == "POST" else method_not_allowed("POST")


def is_plain(request: Request, target: Target) -> bool:
    """Whether the caller says nothing of how the function is to be invoked: it waits for the function."""
    return not target.is_invoke_async and "x-amz-invocation-type" not in request.headers


def is_event(request: Request, target: Target) -> bool:
    """Whether the caller does not wait for the function."""
    return target.is_invoke_async or request.headers.get("x-amz-invocation-type") == "Event"


def parse(
    request: Request, target: Target, function: Function, fresh: Identifiers, *, raw_payload: bool = False
) -> Invocation:
    """The invocation that a whole request asks for; with *raw_payload* any bytes may be its payload.

    What only concerns the answer of the function, and the client context, are ignored when the caller does not wait
    for it (AWS: API reference, Invoke; recorded on AWS).

    Raises:
        ProtocolError: The request is not as the API wants it; the error type is the name of the service's exception.
    """
    headers = request.headers
    request_id = headers.get("x-amzn-requestid", "")
    if request_id and not _UUID.fullmatch(request_id):
        raise ProtocolError(400, "InvalidRequestContentException", f"The request id {request_id!r} is not a UUID")
    invocation_type = headers.get("x-amz-invocation-type", "RequestResponse")
    event = target.is_invoke_async or invocation_type == "Event"
    if not event and invocation_type not in _TYPES:
        raise _invalid(f"The invocation type {invocation_type!r} is none of RequestResponse, Event, DryRun")
    client_context = headers.get("x-amz-client-context", "")
    tenant_id = headers.get("x-amz-tenant-id", "")
    if tenant_id and not _TENANT.fullmatch(tenant_id):
        raise _invalid(f"The tenant id {tenant_id!r} does not match {_TENANT.pattern}")
    return Invocation(
        request_id=request_id or fresh.request_id,
        payload=request.body if raw_payload else _document(request.body),
        invoked_function_arn=_arn(target.function_name, request.query, function),
        invocation_id=fresh.invocation_id,
        trace_id=headers.get("x-amzn-trace-id") or fresh.trace_id,
        wants_log_tail=not event and headers.get("x-amz-log-type") == "Tail",
        client_context=_client_context(client_context) if client_context and not event else "",
        tenant_id=tenant_id,
    )


def is_dry_run(request: Request) -> bool:
    """Whether the caller only asks whether it might invoke."""
    return request.headers.get("x-amz-invocation-type") == "DryRun"


def _document(body: Payload) -> Payload:
    """The payload as sent, if it is JSON; a caller that sends nothing means an empty document, as the SDKs do."""
    if not body:
        return b"{}"
    if is_json(body):
        return body
    try:
        # It says what is wrong; and perhaps nothing is, because it knows UTF-16 and UTF-32 too.
        json.loads(bytes(body), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        text = f"Could not parse request body into json: Could not parse payload into json: {error}"
        raise ProtocolError(400, "InvalidRequestContentException", text) from None
    return body


def _refuse_constant(name: str) -> None:
    """Python's parser knows three numbers that JSON does not."""
    raise ValueError(f"{name} is not JSON")


def _arn(function_name: str, query: str, function: Function) -> str:
    """The ARN as the caller named the function; what the caller left out is the function's own."""
    if function_name == RIE_FUNCTION and not query:
        return f"arn:aws:lambda:{function.region}:{function.account_id}:function:{function.name}"
    match = _NAME.fullmatch(function_name)
    if match is None:
        raise _invalid(f"The function name {function_name!r} is neither a name nor an ARN")
    qualifier = match["qualifier"] or ""
    if "Qualifier=" in query:
        asked = parse_qs(query).get("Qualifier", [""])[0]
        if not _QUALIFIER.fullmatch(asked):
            raise _invalid(f"The qualifier {asked!r} is neither a version nor an alias")
        if qualifier and asked != qualifier:
            raise _invalid("The derived qualifier from the function name does not match the specified qualifier.")
        qualifier = asked
    name = function.name if match["name"] == RIE_FUNCTION else match["name"]
    arn = (
        f"arn:aws:lambda:{match['region'] or function.region}:{match['account'] or function.account_id}:function:{name}"
    )
    return f"{arn}:{qualifier}" if qualifier else arn


def _client_context(encoded: str) -> str:
    """The decoded client context, ready for a header: bytes as Latin-1 characters, no control characters."""
    if len(encoded) > CLIENT_CONTEXT_BYTES:
        raise _invalid(f"The client context has {len(encoded)} bytes; at most {CLIENT_CONTEXT_BYTES} are allowed")
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ProtocolError(400, "InvalidRequestContentException", "The client context is not base64") from None
    return decoded.decode("latin-1").translate(_CONTROL_CHARACTERS)


def _invalid(message: str) -> ProtocolError:
    return ProtocolError(400, "InvalidParameterValueException", message)


def too_large(limit: int) -> ProtocolError:
    """The refusal of a payload over the *limit*, in bytes."""
    text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return ProtocolError(413, "RequestTooLargeException", text)


def answer(invocation: Invocation, outcome: Outcome, version: str, log_tail: bytes | None = None) -> Response:
    """Answer a caller, who gets *log_tail* if it is given.

    A failure of the function is a 200 with `X-Amz-Function-Error`, as Lambda's callers know it.
    """
    if isinstance(outcome, Unavailable):
        return refused(refusal_of(outcome), invocation.request_id)
    content_type, payload = (
        ("", platform_error_body(outcome))
        if isinstance(outcome, PlatformError)
        else (outcome.content_type, outcome.payload)
    )
    error = "" if isinstance(outcome, FunctionResponse) else "X-Amz-Function-Error: Unhandled\r\n"
    tail = "" if log_tail is None else f"X-Amz-Log-Result: {base64.b64encode(log_tail).decode()}\r\n"
    head = (
        f"{GOOD}Content-Type: {content_type or JSON[1]}\r\n{error}"
        f"x-amzn-RequestId: {invocation.request_id}\r\n"
        "x-amzn-Remapped-Content-Length: 0\r\n"
        f"X-Amz-Executed-Version: {version}\r\n"
        f"X-Amzn-Trace-Id: {invocation.trace_id}\r\n"
        f"{tail}Content-Length: {len(payload)}\r\n"
    )
    return Response(200, (), payload, head.encode("latin-1", "replace"))


def refusal_of(outcome: Unavailable) -> ProtocolError:
    """The refusal of an invocation that was accepted and then never began."""
    return ProtocolError(outcome.http_status, outcome.error_type, outcome.message)


def accepted(request_id: str, target: Target) -> Response:
    """Answer a caller that does not wait for the function."""
    headers = (("x-amzn-RequestId", request_id), ("x-amzn-Remapped-Content-Length", "0"))
    if target.is_invoke_async:
        return Response(202, (JSON, *headers), b'{"Status":202}')
    return Response(202, headers)


def not_kept() -> ProtocolError:
    """The refusal of an invocation that could be promised to nobody."""
    return ProtocolError(500, "ServiceException", "The invocation could not be stored")


def platform_error_body(error: PlatformError) -> bytes:
    """What callers read of a failure of the environment."""
    return json.dumps({"errorType": error.error_type, "errorMessage": error.message}, separators=(",", ":")).encode()


def dry_run(request_id: str) -> Response:
    """Answer a caller that might invoke."""
    return Response(204, (("x-amzn-RequestId", request_id), ("x-amzn-Remapped-Content-Length", "0")))


def refused(error: ProtocolError, request_id: str) -> Response:
    """Answer a refused request in the form of the service's exceptions."""
    key = "Message" if error.error_type in _CAPITAL_MESSAGE else "message"
    body = {"Type": "User" if error.http_status < SERVICE_ERRORS else "Service", key: error.message}
    headers: Headers = (JSON, ("x-amzn-ErrorType", error.error_type), ("x-amzn-RequestId", request_id))
    if error.error_type == "TooManyRequestsException":
        body["Reason"] = "ReservedFunctionConcurrentInvocationLimitExceeded"
        headers += (("Retry-After", "1"),)
    return Response(error.http_status, headers, json.dumps(body, separators=(",", ":")).encode())
