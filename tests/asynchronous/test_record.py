"""What a destination is told, as values."""

import json
from typing import Any

import pytest

from supervisor.asynchronous.policy import Accepted, Condition
from supervisor.asynchronous.record import render
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

FUNCTION = Function(
    name="orders",
    version="$LATEST",
    handler="app.handler",
    timeout=3,
    memory_mb=128,
    region="eu-west-1",
    account_id="111122223333",
    log_group="/aws/lambda/orders",
    log_stream="stream",
)
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:orders"


def rendered(
    outcome: Outcome | None,
    payload: bytes = b'{"order": 1}',
    condition: Condition = Condition.SUCCESS,
    arn: str = ARN,
) -> bytes:
    invocation = Invocation("request", payload, arn)
    return render(Accepted("key", invocation, 1000, 1000, attempts=3), condition, outcome, FUNCTION, 1573754765.568)


def record(outcome: Outcome | None, payload: bytes = b"{}", condition: Condition = Condition.SUCCESS) -> Any:
    return json.loads(rendered(outcome, payload, condition))


def test_the_record_of_a_success_has_this_form() -> None:
    assert rendered(FunctionResponse(b'{"done": true}')) == (
        b'{"version":"1.0","timestamp":"2019-11-14T18:06:05.568Z","requestContext":{"requestId":"request",'
        b'"functionArn":"arn:aws:lambda:eu-west-1:111122223333:function:orders:$LATEST","condition":"Success",'
        b'"approximateInvokeCount":3},"requestPayload":{"order": 1},"responseContext":{"statusCode":200,'
        b'"executedVersion":"$LATEST"},"responsePayload":{"done": true}}'
    )


@pytest.mark.parametrize(
    ("outcome", "payload"),
    [
        (FunctionError(b'{"errorType":"ValueError"}'), {"errorType": "ValueError"}),
        (FunctionResponse(b"half", stream_error=StreamError("Function.Broken", "")), "half"),
        (PlatformError("Sandbox.Timedout", "late"), {"errorType": "Sandbox.Timedout", "errorMessage": "late"}),
    ],
)
def test_the_record_of_a_failure_has_the_error(outcome: Outcome, payload: object) -> None:
    told = record(outcome, condition=Condition.RETRIES_EXHAUSTED)

    assert told["requestContext"]["condition"] == "RetriesExhausted"
    assert told["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert told["responsePayload"] == payload


@pytest.mark.parametrize("outcome", [None, Unavailable("Rate Exceeded.")])
def test_the_record_of_what_never_ran_has_no_response(outcome: Outcome | None) -> None:
    told = record(outcome, condition=Condition.EVENT_AGE_EXCEEDED)

    assert told["requestContext"]["condition"] == "EventAgeExceeded"
    assert list(told) == ["version", "timestamp", "requestContext", "requestPayload"]


def test_the_record_of_a_restore_that_failed_has_its_error() -> None:
    told = record(Unavailable("too slow", 408, "SnapStartTimeoutException"), condition=Condition.RETRIES_EXHAUSTED)

    assert told["responseContext"] == {"statusCode": 408, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert told["responsePayload"] == {"errorType": "SnapStartTimeoutException", "errorMessage": "too slow"}


def test_an_arn_that_names_a_version_is_left_as_it_is() -> None:
    assert b'"functionArn":"%s:live"' % ARN.encode() in rendered(FunctionResponse(b""), arn=f"{ARN}:live")


def test_a_payload_is_left_as_it_is_but_on_one_line() -> None:
    assert b'"requestPayload":{"a":1.10,  "b":"\xc3\xa9"},' in rendered(
        FunctionResponse(b"1"), b'{"a":1.10,\r\n"b":"\xc3\xa9"}'
    )


@pytest.mark.parametrize(
    ("payload", "text"), [(b"", ""), (b"two\nlines", "two\nlines"), (b"\xff", "\ufffd"), (b"NaN", "NaN")]
)
def test_a_payload_that_is_not_json_becomes_a_string(payload: bytes, text: str) -> None:
    told = record(FunctionResponse(payload), payload)

    assert (told["requestPayload"], told["responsePayload"]) == (text, text)
    assert b"\n" not in rendered(FunctionResponse(payload), payload)
