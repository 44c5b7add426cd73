"""The record of how an accepted invocation ended, for a destination (AWS: Asynchronous invocation, destinations).

Payloads are put in as they are, without being decoded. Where the record goes is not known here.
"""

import json
from datetime import UTC, datetime
from typing import Final

from supervisor.asynchronous.policy import Accepted, Condition
from supervisor.function import Function
from supervisor.lifecycle.invocation import FunctionResponse, Outcome, Payload, PlatformError, Unavailable

VERSION: Final = "1.0"

_ANSWERED: Final = 200
"""The status of an invocation, also of one that the function failed."""

_UNHANDLED: Final = "Unhandled"
_QUALIFIED: Final = 8
"""The parts of an ARN that names a version or an alias."""


def render(accepted: Accepted, condition: Condition, outcome: Outcome | None, function: Function, now: float) -> bytes:
    """The record, as one line of JSON without a newline; *outcome* is that of the last attempt, if there was one."""
    arn = accepted.invocation.invoked_function_arn
    request_context = {
        "requestId": accepted.invocation.request_id,
        "functionArn": arn if arn.count(":") + 1 == _QUALIFIED else f"{arn}:{function.version}",
        "condition": condition,
        "approximateInvokeCount": accepted.attempts,
    }
    parts = [
        ("version", _json(VERSION)),
        ("timestamp", _json(_timestamp(now))),
        ("requestContext", _json(request_context)),
        ("requestPayload", _document(accepted.invocation.payload)),
    ]
    if outcome is not None and not (isinstance(outcome, Unavailable) and outcome.is_setback):
        parts += [
            ("responseContext", _json(_response_context(outcome, function.version))),
            ("responsePayload", _response_payload(outcome)),
        ]
    return b"{" + b",".join(_json(name) + b":" + value for name, value in parts) + b"}"


def _response_context(outcome: Outcome, version: str) -> dict[str, object]:
    status = outcome.http_status if isinstance(outcome, Unavailable) else _ANSWERED
    context: dict[str, object] = {"statusCode": status, "executedVersion": version}
    succeeded = isinstance(outcome, FunctionResponse) and outcome.is_whole
    return context if succeeded else {**context, "functionError": _UNHANDLED}


def _response_payload(outcome: Outcome) -> bytes:
    if isinstance(outcome, PlatformError | Unavailable):
        return _json({"errorType": outcome.error_type, "errorMessage": outcome.message})
    return _document(outcome.payload)


def _document(payload: Payload) -> bytes:
    """A payload that is JSON, on one line: a newline is mere white space there. Anything else becomes a string."""
    text = bytes(payload).decode(errors="replace")
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _json(text)
    return text.replace("\r", " ").replace("\n", " ").encode()


def _refuse_constant(name: str) -> None:
    """Python's parser knows three numbers that JSON does not."""
    raise ValueError(f"{name} is not JSON")


def _timestamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
