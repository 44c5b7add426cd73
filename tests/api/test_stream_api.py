import base64
import json

import pytest
from botocore.eventstream import EventStreamBuffer

from supervisor.api import stream_api
from supervisor.api.http import Request, Response
from supervisor.api.invoke_api import Identifiers, Target
from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.lifecycle.invocation import (
    FunctionError,
    FunctionResponse,
    Invocation,
    Outcome,
    PlatformError,
    StreamError,
    Unavailable,
)

PATH = "/2021-11-15/functions/{}/response-streaming-invocations"
FUNCTION = Function(
    name="mine",
    version="7",
    handler="app.handler",
    timeout=3,
    memory_mb=128,
    region="eu-west-1",
    account_id="111122223333",
    log_group="/aws/lambda/mine",
    log_stream="stream",
)
FRESH = Identifiers("fresh request id", "fresh invocation id", "fresh trace id")
INVOCATION = Invocation("the request", trace_id="Root=1-2-3")


def events_of(stream: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    return [(event.headers, event.payload) for event in buffer]


def test_a_path_names_its_function() -> None:
    assert stream_api.find("POST", PATH.format("mine%3Alive")) == Target("mine:live")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", PATH.format("mine"), 405), ("POST", PATH.format("mine") + "/", 404), ("POST", "/2021-11-15/x", 404)],
)
def test_another_path_or_method_is_answered_at_once(method: str, path: str, status: int) -> None:
    answer = stream_api.find(method, path)

    assert isinstance(answer, Response)
    assert answer.status == status


def test_a_caller_of_a_stream_wants_to_read_along() -> None:
    request = Request("POST", "", "Qualifier=live", {"x-amz-log-type": "Tail"}, b"[1]")
    invocation = stream_api.parse(request, Target("mine"), FUNCTION, FRESH)

    assert invocation.wants_stream
    assert invocation.wants_log_tail
    assert (invocation.request_id, invocation.payload) == ("fresh request id", b"[1]")
    assert invocation.invoked_function_arn.endswith(":function:mine:live")


def test_anything_may_be_a_payload_if_that_is_chosen() -> None:
    assert (
        stream_api.parse(Request("POST", "", body=b"{"), Target("mine"), FUNCTION, FRESH, raw_payload=True).payload
        == b"{"
    )
    with pytest.raises(ProtocolError, match="Could not parse"):
        stream_api.parse(Request("POST", "", body=b"{"), Target("mine"), FUNCTION, FRESH)


@pytest.mark.parametrize("invocation_type", ["Event", "event", ""])
def test_an_invocation_that_nobody_waits_for_cannot_be_streamed(invocation_type: str) -> None:
    request = Request("POST", "", headers={"x-amz-invocation-type": invocation_type})
    with pytest.raises(ProtocolError) as refusal:
        stream_api.parse(request, Target("mine"), FUNCTION, FRESH)

    assert (refusal.value.http_status, refusal.value.error_type) == (400, "InvalidParameterValueException")


def test_the_head_is_as_recorded() -> None:
    headers = {
        "Content-Type": "application/vnd.amazon.eventstream",
        "x-amzn-RequestId": "the request",
        "X-Amz-Executed-Version": "7",
        "X-Amzn-Trace-Id": "Root=1-2-3",
    }

    assert stream_api.head(INVOCATION, "7") == Response(200, tuple(headers.items()))
    assert dict(stream_api.head(INVOCATION, "7", "text/html").headers) == {
        **headers,
        "x-amzn-Remapped-Content-Type": "text/html",
    }


def test_the_headers_of_a_message_are_in_the_order_that_was_recorded() -> None:
    (chunk,) = stream_api.payload_chunks(b"\0\xff")

    assert events_of(chunk) == [
        (
            {":event-type": "PayloadChunk", ":content-type": "application/octet-stream", ":message-type": "event"},
            b"\0\xff",
        )
    ]
    assert chunk.index(b":event-type") < chunk.index(b":content-type") < chunk.index(b":message-type")


@pytest.mark.rule("invoke-api/stream-empty-chunk")
def test_nothing_is_no_message() -> None:
    assert list(stream_api.payload_chunks(b"")) == []


@pytest.mark.rule("invoke-api/stream-large-chunk")
def test_a_large_piece_is_sent_in_several_messages() -> None:
    piece = bytes(range(256)) * 4 * 1024 * 25
    payloads = [payload for chunk in stream_api.payload_chunks(piece) for _, payload in events_of(chunk)]

    assert b"".join(payloads) == piece
    assert max(map(len, payloads)) == 1024 * 1024


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (FunctionResponse(b"{}"), {}),
        (
            FunctionResponse(b"", stream_error=StreamError("Function.Odd", "odd")),
            {"ErrorCode": "Function.Odd", "ErrorDetails": "odd"},
        ),
        (FunctionError(b'{"a":"\xff"}'), {"ErrorCode": "Unhandled", "ErrorDetails": '{"a":"\ufffd"}'}),
        (
            PlatformError("Sandbox.Timedout", "late"),
            {"ErrorCode": "Sandbox.Timedout", "ErrorDetails": '{"errorType":"Sandbox.Timedout","errorMessage":"late"}'},
        ),
        (Unavailable("ended"), {"ErrorCode": "ServiceException", "ErrorDetails": "ended"}),
    ],
)
def test_the_last_message_says_how_it_ended(outcome: Outcome, said: dict[str, str]) -> None:
    ((headers, payload),) = events_of(stream_api.invoke_complete(outcome))
    ((_, with_tail),) = events_of(stream_api.invoke_complete(outcome, b"END\n"))

    assert headers == {
        ":event-type": "InvokeComplete",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert json.loads(payload) == said
    assert json.loads(with_tail) == {**said, "LogResult": base64.b64encode(b"END\n").decode()}


@pytest.mark.parametrize(
    ("outcome", "content_type", "rest"),
    [
        (FunctionResponse(b"x", "text/plain"), "text/plain", b"x"),
        (FunctionResponse(b"x"), "application/json", b"x"),
        (FunctionResponse(b""), "", b""),
        (FunctionError(b"x", "text/plain"), "", b""),
    ],
)
def test_a_response_that_was_not_streamed_has_its_type_and_its_bytes(
    outcome: Outcome, content_type: str, rest: bytes
) -> None:
    assert (stream_api.content_type_of(outcome), stream_api.rest(outcome)) == (content_type, rest)
