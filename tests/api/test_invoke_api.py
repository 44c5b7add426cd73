"""The callers' requests and answers, as values."""

import base64
import json

import pytest

from supervisor.api import invoke_api
from supervisor.api.http import NOT_FOUND, Request, Response, method_not_allowed
from supervisor.api.invoke_api import CLIENT_CONTEXT_BYTES, Identifiers, Target
from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.lifecycle.invocation import (
    FunctionError,
    FunctionResponse,
    Invocation,
    Outcome,
    PlatformError,
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
FRESH = Identifiers("fresh-request", "fresh-attempt", "fresh-trace")
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:orders"
UUID = "5b0d7a36-1f3c-4a55-9b0e-6b3d5f0c1a77"


def parse(name: str = "function", body: bytes = b"{}", query: str = "", **headers: str) -> Invocation:
    fields = {header.replace("_", "-"): value for header, value in headers.items()}
    return invoke_api.parse(Request("POST", "/", query, fields, body), Target(name), FUNCTION, FRESH)


def parse_raw(body: bytes) -> Invocation:
    return invoke_api.parse(Request("POST", "/", body=body), Target("function"), FUNCTION, FRESH, raw_payload=True)


def refusal(name: str = "function", body: bytes = b"{}", query: str = "", **headers: str) -> tuple[int, str, str]:
    with pytest.raises(ProtocolError) as error:
        parse(name, body, query, **headers)
    return error.value.http_status, error.value.error_type, error.value.message


def test_the_path_names_the_function() -> None:
    assert invoke_api.find("POST", "/2015-03-31/functions/function/invocations") == Target("function")
    assert invoke_api.find("POST", "/2015-03-31/functions/a%3Ab/invocations") == Target("a:b")
    assert invoke_api.find("GET", "/2015-03-31/functions/function/invocations") == method_not_allowed("POST")
    assert invoke_api.find("POST", "/2015-03-31/functions/function/invocations/") == NOT_FOUND
    assert invoke_api.find("POST", "/") == NOT_FOUND


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_old_path_names_a_function_whose_caller_does_not_wait(slash: str) -> None:
    target = invoke_api.find("POST", f"/2014-11-13/functions/orders/invoke-async{slash}")

    assert target == Target("orders", is_invoke_async=True)
    assert invoke_api.is_event(Request("POST", "/"), target)
    assert invoke_api.accepted("id", target).body == b'{"Status":202}'


def test_an_event_is_what_says_so() -> None:
    def is_event(**headers: str) -> bool:
        return invoke_api.is_event(Request("POST", "/", headers=headers), Target("function"))

    assert is_event(**{"x-amz-invocation-type": "Event"})
    assert not is_event(**{"x-amz-invocation-type": "event"})
    assert not is_event()


@pytest.mark.rule("invoke-api/client-context-with-event")
@pytest.mark.parametrize("context", ["bm8=", "no base64", "x" * 4000])
def test_an_event_has_neither_a_client_context_nor_a_log_tail(context: str) -> None:
    event = parse(x_amz_invocation_type="Event", x_amz_client_context=context, x_amz_log_type="Tail")

    assert (event.client_context, event.wants_log_tail) == ("", False)


@pytest.mark.parametrize(
    ("name", "query", "arn"),
    [
        ("function", "", ARN),
        ("orders", "", ARN),
        ("other", "", ARN.replace("orders", "other")),
        ("orders:7", "", f"{ARN}:7"),
        ("orders:$LATEST", "Qualifier=%24LATEST", f"{ARN}:$LATEST"),
        ("function", "x=1&Qualifier=live", f"{ARN}:live"),
        ("444455556666:function:orders", "", ARN.replace("111122223333", "444455556666")),
        (ARN, "", ARN),
        (f"{ARN}:live", "", f"{ARN}:live"),
        ("arn:aws:lambda:us-gov-west-1:444455556666:function:f", "", None),
    ],
)
def test_the_arn_is_what_the_caller_named_and_the_rest_is_the_functions(name: str, query: str, arn: str | None) -> None:
    expected = arn or name

    assert parse(name, query=query).invoked_function_arn == expected


@pytest.mark.rule("invoke-api/two-qualifiers")
def test_two_different_qualifiers_are_refused() -> None:
    message = "The derived qualifier from the function name does not match the specified qualifier."

    assert refusal("orders:live", query="Qualifier=7") == (400, "InvalidParameterValueException", message)


@pytest.mark.parametrize("name", ["", "a b", "a\r\nb", "arn:aws:s3:::bucket", "a:b:c"])
def test_what_is_neither_a_name_nor_an_arn_is_refused(name: str) -> None:
    assert refusal(name)[:2] == (400, "InvalidParameterValueException")


def test_identifiers_are_fresh_unless_the_caller_brings_some() -> None:
    fresh = parse()
    own = parse(x_amzn_requestid=UUID, x_amzn_trace_id="Root=1-2-3")

    assert (fresh.request_id, fresh.invocation_id, fresh.trace_id) == ("fresh-request", "fresh-attempt", "fresh-trace")
    assert (own.request_id, own.invocation_id, own.trace_id) == (UUID, "fresh-attempt", "Root=1-2-3")


@pytest.mark.rule("invoke-api/request-id-not-uuid")
def test_a_request_id_that_is_no_uuid_is_refused() -> None:
    assert refusal(x_amzn_requestid="mine")[:2] == (400, "InvalidRequestContentException")


@pytest.mark.parametrize("body", [b"{", b"x", b"NaN", b'{"a": Infinity}', b"\xff", b"[" * 100_000])
def test_a_payload_that_is_not_json_is_refused(body: bytes) -> None:
    status, error_type, message = refusal(body=body)

    assert (status, error_type) == (400, "InvalidRequestContentException")
    assert message.startswith("Could not parse request body into json: Could not parse payload into json: ")


def test_no_payload_is_an_empty_document() -> None:
    assert parse(body=b"").payload == b"{}"
    assert parse_raw(b"").payload == b""


def test_a_raw_payload_is_not_looked_at() -> None:
    assert parse_raw(b"\0\xff{").payload == b"\0\xff{"


@pytest.mark.rule("invoke-api/client-context-size")
def test_a_client_context_is_decoded_up_to_its_limit() -> None:
    # Base64 comes in fours; 3580 is the last multiple below the limit.
    largest = base64.b64encode(b"x" * 2685).decode()

    assert parse(x_amz_client_context=largest).client_context == "x" * 2685
    assert refusal(x_amz_client_context="A" * (CLIENT_CONTEXT_BYTES + 1))[:2] == (400, "InvalidParameterValueException")


def test_a_client_context_cannot_begin_a_header_of_its_own() -> None:
    context = base64.b64encode('{"a":\r\n"ü"}'.encode()).decode()

    assert parse(x_amz_client_context=context).client_context.encode("latin-1") == '{"a":  "ü"}'.encode()


@pytest.mark.rule("invoke-api/client-context-not-base64")
def test_a_client_context_that_is_not_base64_is_refused() -> None:
    assert refusal(x_amz_client_context="{}")[:2] == (400, "InvalidRequestContentException")


@pytest.mark.rule("invoke-api/unknown-invocation-type")
def test_an_unknown_invocation_type_is_refused() -> None:
    assert refusal(x_amz_invocation_type="event")[:2] == (400, "InvalidParameterValueException")


def test_a_tenant_is_passed_on_and_checked() -> None:
    assert parse(x_amz_tenant_id="blue team").tenant_id == "blue team"
    assert refusal(x_amz_tenant_id="a\tb")[:2] == (400, "InvalidParameterValueException")


@pytest.mark.parametrize(
    ("outcome", "content_type", "function_error", "body"),
    [
        (FunctionResponse(b"1"), "application/json", None, b"1"),
        (FunctionResponse(b"1", "image/png"), "image/png", None, b"1"),
        (FunctionError(b"{}", "text/x"), "text/x", "Unhandled", b"{}"),
        (
            PlatformError("Sandbox.Timedout", "RequestId: r Error: Task timed out after 3.00 seconds"),
            "application/json",
            "Unhandled",
            b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r Error: Task timed out after 3.00 seconds"}',
        ),
    ],
)
def test_a_failure_of_the_function_is_an_ordinary_answer_with_a_mark(
    outcome: Outcome, content_type: str, function_error: str | None, body: bytes
) -> None:
    answer = invoke_api.answer(Invocation("r", trace_id="t"), outcome, "$LATEST")

    headers = (
        ("Content-Type", content_type),
        *([("X-Amz-Function-Error", function_error)] if function_error else ()),
        ("x-amzn-RequestId", "r"),
        ("x-amzn-Remapped-Content-Length", "0"),
        ("X-Amz-Executed-Version", "$LATEST"),
        ("X-Amzn-Trace-Id", "t"),
    )
    assert answer.head() == Response(200, headers, body).head()
    assert bytes(answer.body) == body


def test_an_invocation_that_never_began_is_the_services_failure() -> None:
    answer = invoke_api.answer(Invocation("r"), Unavailable("gone"), "$LATEST")

    assert answer.status == 500
    assert dict(answer.headers)["x-amzn-ErrorType"] == "ServiceException"
    assert json.loads(bytes(answer.body)) == {"Type": "Service", "Message": "gone"}


def test_a_throttled_caller_is_told_why_and_when_to_come_back() -> None:
    answer = invoke_api.refused(ProtocolError(429, "TooManyRequestsException", "Rate Exceeded."), "r")

    assert answer.status == 429
    assert dict(answer.headers)["Retry-After"] == "1"
    assert json.loads(bytes(answer.body)) == {
        "Type": "User",
        "message": "Rate Exceeded.",
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
    }
