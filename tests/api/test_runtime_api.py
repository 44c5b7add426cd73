"""The runtime's requests and answers, as values."""

import pytest

from supervisor.api import runtime_api
from supervisor.api.http import JSON, Request, Response
from supervisor.lifecycle.events import (
    ErrorReceived,
    ErrorStarted,
    ResponseModeRefused,
    ResponseReceived,
    ResponseStarted,
    RuntimeInitErrorReported,
)
from supervisor.lifecycle.invocation import Invocation, StreamError

CAUSE = "application/vnd.aws.lambda.error.cause+json"


def post(body: bytes = b"", **headers: str) -> Request:
    return Request("POST", "/", headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body)


def test_the_head_of_a_response_names_the_request_and_perhaps_the_attempt() -> None:
    assert runtime_api.response_started(post(), "8d6e") == ResponseStarted("8d6e")
    assert runtime_api.response_started(post(lambda_runtime_invocation_id="1"), "8d6e") == ResponseStarted("8d6e", "1")
    assert runtime_api.error_started(post(lambda_runtime_invocation_id="1"), "8d6e") == ErrorStarted("8d6e", "1")


@pytest.mark.parametrize("mode", ["buffered", "Streaming", "STREAMING", ""])
def test_streaming_is_the_only_mode_that_the_header_may_name(mode: str) -> None:
    request = post(lambda_runtime_function_response_mode=mode)

    assert runtime_api.response_started(request, "8d6e") == ResponseModeRefused("8d6e")


def test_a_streamed_response_says_so_at_its_head() -> None:
    request = post(lambda_runtime_function_response_mode="streaming", content_type="text/x")

    assert runtime_api.response_started(request, "8d6e") == ResponseStarted(
        "8d6e", streaming=True, content_type="text/x"
    )


def test_the_body_of_a_response_and_of_an_error_goes_on_as_it_is() -> None:
    request = post(b"\0\xff", content_type="text/x")

    assert runtime_api.response_received(request, {}) == ResponseReceived(b"\0\xff", "text/x")
    assert runtime_api.error_received(request) == ErrorReceived(b"\0\xff", "text/x")


def test_a_response_that_came_in_one_piece_begins_with_its_end() -> None:
    request = post(b"1", content_type="text/x", lambda_runtime_invocation_id="1")

    assert runtime_api.response_at_once(request, {}, "8d6e") == ResponseReceived(
        b"1", "text/x", started=ResponseStarted("8d6e", "1")
    )


@pytest.mark.parametrize(
    ("trailers", "error"),
    [
        ({}, None),
        ({"lambda-runtime-function-error-type": "Function.Odd"}, StreamError("Function.Odd")),
        (
            {"lambda-runtime-function-error-type": "Odd", "lambda-runtime-function-error-body": "eyJhIjoxfQ=="},
            StreamError("Odd", '{"a":1}'),
        ),
        ({"lambda-runtime-function-error-body": "eyJhIjoxfQ=="}, StreamError("Runtime.Unknown", '{"a":1}')),
        pytest.param(
            {"lambda-runtime-function-error-type": "Odd", "lambda-runtime-function-error-body": '{"a":1}'},
            StreamError("Odd", '{"a":1}'),
            marks=pytest.mark.rule("runtime-api/error-trailer-not-base64"),
        ),
        (
            {"lambda-runtime-function-error-type": "", "lambda-runtime-function-error-body": ""},
            StreamError("Runtime.Unknown"),
        ),
        ({"lambda-runtime-function-error-body": "/w=="}, StreamError("Runtime.Unknown", "\ufffd")),
    ],
)
def test_trailers_tell_of_a_failure_at_the_end_of_a_stream(trailers: dict[str, str], error: StreamError | None) -> None:
    received = runtime_api.response_received(post(content_type="text/x"), trailers, 1000)

    assert received == ResponseReceived(b"", "text/x", error, 1000)


def test_of_an_error_with_its_cause_the_caller_gets_only_what_is_the_callers() -> None:
    body = b'{"errorCause": {"x": 1}, "errorType": "T", "errorMessage": "a<b", "stackTrace": []}'

    received = runtime_api.error_received(post(body, content_type=CAUSE))

    assert received == ErrorReceived(
        b'{"errorMessage":"a\\u003cb","errorType":"T","stackTrace":[]}', "application/json"
    )


@pytest.mark.rule("runtime-api/error-cause-not-json")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_an_error_cause_that_is_no_json_object_is_replaced(body: bytes) -> None:
    received = runtime_api.error_received(post(body, content_type=CAUSE))

    assert received == ErrorReceived(b'"Invalid error body"', "application/octet-stream")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"errorType": "T"}', "application/json"),
        (b"", "application/octet-stream"),
        (b"x", "application/octet-stream"),
    ],
)
def test_the_content_type_of_an_init_error_is_found_out(body: bytes, content_type: str) -> None:
    request = post(body, content_type="text/plain", lambda_runtime_function_error_type="Runtime.Bad")

    expected = RuntimeInitErrorReported(body, content_type, "Runtime.Bad")
    assert runtime_api.init_error_reported(request) == expected


def test_an_invocation_is_handed_out_with_the_headers_that_clients_need() -> None:
    invocation = Invocation("8d6e", b"{}", "arn:1", "attempt-1", "Root=1-2-3")

    response = runtime_api.next_invocation(invocation, 1795459898216)

    headers = (
        JSON,
        ("Lambda-Runtime-Aws-Request-Id", "8d6e"),
        ("Lambda-Runtime-Deadline-Ms", "1795459898216"),
        ("Lambda-Runtime-Invoked-Function-Arn", "arn:1"),
        ("Lambda-Runtime-Trace-Id", "Root=1-2-3"),
        ("Lambda-Runtime-Invocation-Id", "attempt-1"),
    )
    assert response.head() == Response(200, headers, b"{}").head()
    assert response.body == b"{}"


def test_headers_about_the_caller_are_there_when_there_is_something_to_say() -> None:
    invocation = Invocation("8d6e", client_context="{}", cognito_identity="[]", tenant_id="blue")

    lines = runtime_api.next_invocation(invocation, 0).head().splitlines()

    assert b"Lambda-Runtime-Client-Context: {}" in lines
    assert b"Lambda-Runtime-Cognito-Identity: []" in lines
    assert b"Lambda-Runtime-Aws-Tenant-Id: blue" in lines
