"""The Runtime API on the wire. The test is the runtime; one environment serves the file, one invocation a test."""

import base64
import json
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from uuid import uuid4

import pytest

from integration.environments import Environment, Setup, running
from integration.http_calls import Answer, read_answer, request_bytes
from integration.peers import NEXT, RuntimePlayer, error_path, refusal, request_id_of, response_path

LIMIT = 6 * 1024 * 1024 + 100
TOO_LARGE = {
    "errorType": "Function.ResponseSizeTooLarge",
    "errorMessage": f"Response payload size exceeded maximum allowed payload size ({LIMIT} bytes).",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment after its Init and a first invocation, in which the runtime may ask for the next one."""
    with running(tmp_path_factory.mktemp("environment"), Setup(["pause"])) as environment:
        runtime = RuntimePlayer(environment)
        poll, call = runtime.start_next(), environment.start_invoke()
        runtime.respond(poll.result())
        call.result()
        yield environment


@pytest.fixture
def runtime(played: Environment) -> RuntimePlayer:
    return RuntimePlayer(played)


@pytest.fixture
def call(played: Environment) -> Future[Answer]:
    """The caller of an invocation."""
    return played.start_invoke(b'{"for": "the test"}')


@pytest.fixture
def invocation(runtime: RuntimePlayer, call: Future[Answer]) -> Answer:  # noqa: ARG001 -- somebody has to call
    """What the runtime got of it."""
    return runtime.next()


def wait_until_served(connection: socket.socket) -> None:
    """All that was sent to the same port before has been read when this returns."""
    connection.sendall(request_bytes("GET", "/2018-06-01/ping"))
    assert read_answer(connection).body == b"pong"


@pytest.mark.rule("runtime-api/next-twice-in-running")
def test_a_runtime_that_asks_again_before_it_answered_gets_the_same_invocation_again(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    again = runtime.next()

    assert again.headers["lambda-runtime-aws-request-id"] == request_id_of(invocation)
    assert again.body == invocation.body
    runtime.respond(invocation, b'"one answer"')
    assert call.result().body == b'"one answer"'


@pytest.mark.rule("runtime-api/one-event-wakes-one-waiter")
@pytest.mark.rule("runtime-api/other-waiter-gets-second-event")
def test_an_event_reaches_one_of_two_waiting_threads_and_the_next_event_the_other(
    played: Environment, runtime: RuntimePlayer
) -> None:
    with played.peers.connect() as one, played.peers.connect() as other, played.peers.connect() as third:
        for connection in (one, other, third):
            wait_until_served(connection)
        one.sendall(request_bytes("GET", NEXT))
        other.sendall(request_bytes("GET", NEXT))
        wait_until_served(third)

        first_call = played.start_invoke(b"1")
        first = read_answer(one)
        runtime.respond(first, b'"first"')
        second_call = played.start_invoke(b"2")
        second = read_answer(other)
        runtime.respond(second, b'"second"')

    assert (first.body, second.body) == (b"1", b"2")
    assert [call.result().body for call in (first_call, second_call)] == [b'"first"', b'"second"']


@pytest.mark.rule("runtime-api/event-survives-dropped-poll")
def test_a_poll_whose_connection_was_closed_takes_no_event_away(played: Environment, runtime: RuntimePlayer) -> None:
    with played.peers.connect() as third, played.peers.connect() as lost:
        lost.sendall(request_bytes("GET", NEXT))
        wait_until_served(third)
        lost.close()
        wait_until_served(third)

        call = played.start_invoke(b'"not lost"')
        invocation = runtime.next()

    assert invocation.body == b'"not lost"'
    runtime.respond(invocation)
    assert call.result().status == 200


@pytest.mark.rule("runtime-api/response-wrong-request-id")
@pytest.mark.rule("runtime-api/right-response-after-wrong")
def test_a_response_for_another_request_id_is_refused_and_the_right_one_accepted(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    wrong = runtime.respond(str(uuid4()), b'"wrong"')
    right = runtime.respond(invocation, b'"right"')

    assert wrong.json() == {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}
    assert (wrong.status, right.status) == (400, 202)
    assert call.result().body == b'"right"'


@pytest.mark.rule("runtime-api/response-twice")
@pytest.mark.rule("runtime-api/error-after-response")
def test_a_second_answer_before_next_is_refused(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    first = runtime.respond(invocation, b'"first"')
    second = runtime.respond(invocation, b'"second"')
    error = runtime.fail(invocation, b'"error"')

    assert (first.status, first.body) == (202, b'{"status":"OK"}\n')
    assert refusal(second) == refusal(error) == (403, "InvalidStateTransition")
    assert second.json() == {
        "errorMessage": "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. "
        "Error: State transition is not allowed",
        "errorType": "InvalidStateTransition",
    }
    assert call.result().body == b'"first"'


@pytest.mark.rule("runtime-api/late-response")
def test_a_late_answer_to_the_invocation_before_answers_nobody(
    played: Environment, runtime: RuntimePlayer, invocation: Answer
) -> None:
    runtime.respond(invocation)
    call = played.start_invoke()
    running_one = runtime.next()

    late = runtime.respond(invocation, b'"late"')

    assert refusal(late) == (400, "InvalidRequestID")
    assert runtime.respond(running_one, b'"in time"').status == 202
    assert call.result().body == b'"in time"'


@pytest.mark.rule("runtime-api/invocation-id-of-other-attempt")
@pytest.mark.rule("runtime-api/right-invocation-id-after-other")
def test_an_answer_that_echoes_another_attempt_is_refused_and_the_right_one_accepted(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    echo = "Lambda-Runtime-Invocation-Id"

    other = runtime.respond(invocation, b'"other"', {echo: str(uuid4())})
    right = runtime.respond(invocation, b'"right"', {echo: invocation.headers[echo.lower()]})

    assert (other.status, other.json()) == (410, {"errorMessage": "Invoke timeout", "errorType": "InvokeTimeout"})
    assert right.status == 202
    assert call.result().body == b'"right"'


@pytest.mark.rule("runtime-api/response-at-size-limit")
def test_a_response_of_exactly_the_limit_reaches_the_caller(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    largest = b'"' + b"x" * (LIMIT - 2) + b'"'

    assert runtime.respond(invocation, largest).status == 202
    assert call.result().body == largest


@pytest.mark.rule("runtime-api/response-over-size-limit")
@pytest.mark.rule("runtime-api/oversized-response-fails-invocation")
@pytest.mark.rule("runtime-api/next-after-oversized-response")
def test_a_response_one_byte_over_the_limit_is_refused_and_counts_as_an_answer(
    played: Environment, runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    refused = runtime.respond(invocation, b"x" * (LIMIT + 1))

    assert (refused.status, refused.json()) == (
        413,
        {
            "errorMessage": f"Exceeded maximum allowed payload size ({LIMIT} bytes).",
            "errorType": "RequestEntityTooLarge",
        },
    )
    answer = call.result()
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert answer.json() == TOO_LARGE
    next_call = played.start_invoke()
    assert runtime.respond(runtime.next()).status == 202
    assert next_call.result().status == 200


def test_an_error_over_the_limit_is_refused_as_a_response_is(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    assert refusal(runtime.fail(invocation, b"x" * (LIMIT + 1))) == (413, "RequestEntityTooLarge")
    assert call.result().json() == TOO_LARGE


@pytest.mark.rule("runtime-api/oversized-response-refused-early")
def test_a_response_far_over_the_limit_is_refused_before_it_was_sent(
    played: Environment, call: Future[Answer], invocation: Answer
) -> None:
    with played.peers.connect() as connection:
        connection.sendall(
            request_bytes("POST", response_path(request_id_of(invocation)), {"Content-Length": "100000000"}) + b"x"
        )

        assert read_answer(connection).status == 413
    assert call.result().json() == TOO_LARGE


@pytest.mark.rule("runtime-api/oversized-response-answer-is-read")
def test_a_client_that_sends_far_too_much_can_read_its_refusal_and_goes_on(
    runtime: RuntimePlayer, played: Environment, call: Future[Answer], invocation: Answer
) -> None:
    refused = runtime.respond(invocation, b"x" * 100_000_000)

    assert refused.status == 413
    assert call.result().json() == TOO_LARGE
    assert played.peers.request("GET", "/2018-06-01/ping").body == b"pong"


@pytest.mark.rule("runtime-api/unknown-response-mode")
@pytest.mark.rule("runtime-api/next-after-unknown-response-mode")
@pytest.mark.parametrize("mode", ["buffered", "Streaming", "STREAMING"])
def test_an_unknown_response_mode_is_refused_and_counts_as_an_answer(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer, mode: str
) -> None:
    refused = runtime.respond(invocation, headers={"Lambda-Runtime-Function-Response-Mode": mode})

    assert (refused.status, refused.json()) == (
        400,
        {"errorMessage": "Invalid function response mode", "errorType": "InvalidFunctionResponseMode"},
    )
    answer = call.result()
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert json.loads(answer.body)["errorType"] == "Runtime.InvalidResponseModeHeader"


def send_response(played: Environment, invocation: Answer, headers: dict[str, str], *pieces: bytes) -> Answer:
    """Answer an invocation with bytes of the test's own making."""
    with played.peers.connect() as connection:
        connection.sendall(request_bytes("POST", response_path(request_id_of(invocation)), headers))
        for piece in pieces:
            connection.sendall(piece)
        return read_answer(connection)


CHUNKS = (b'7\r\n{"three\r\n', b'2\r\n":\r\n', b"2\r\n3}\r\n", b"0\r\n\r\n")


@pytest.mark.rule("runtime-api/chunked-response")
def test_a_chunked_response_is_collected(played: Environment, call: Future[Answer], invocation: Answer) -> None:
    assert send_response(played, invocation, {"Transfer-Encoding": "chunked"}, *CHUNKS).status == 202
    assert call.result().body == b'{"three":3}'


@pytest.mark.rule("runtime-api/unsent-trailers")
def test_trailers_that_are_announced_and_never_sent_are_no_error(
    played: Environment, call: Future[Answer], invocation: Answer
) -> None:
    headers = {
        "Transfer-Encoding": "chunked",
        "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    }

    assert send_response(played, invocation, headers, *CHUNKS).status == 202
    answer = call.result()
    assert (answer.body, "x-amz-function-error" in answer.headers) == (b'{"three":3}', False)


@pytest.mark.rule("runtime-api/empty-response")
def test_an_empty_response_gives_the_caller_an_empty_body(
    played: Environment, call: Future[Answer], invocation: Answer
) -> None:
    assert send_response(played, invocation, {"Content-Length": "0"}).status == 202
    assert (call.result().status, call.result().body) == (200, b"")


@pytest.mark.rule("runtime-api/response-without-length")
def test_a_response_without_a_length_is_an_empty_one(
    played: Environment, call: Future[Answer], invocation: Answer
) -> None:
    assert send_response(played, invocation, {}).status == 202
    assert (call.result().status, call.result().body) == (200, b"")


@pytest.mark.parametrize(
    ("headers", "begun"),
    [
        pytest.param({"Content-Length": "100"}, b"only this", marks=pytest.mark.rule("runtime-api/truncated-response")),
        pytest.param({"Content-Length": "1000000"}, b"x" * 500_000, id="large"),
        pytest.param(
            {"Transfer-Encoding": "chunked"}, b"64\r\nonly this", marks=pytest.mark.rule("runtime-api/truncated-chunk")
        ),
        pytest.param({"Transfer-Encoding": "chunked"}, b"5\r\nwhole\r\n", id="between-chunks"),
    ],
)
def test_a_response_that_breaks_off_fails_the_invocation(
    played: Environment,
    runtime: RuntimePlayer,
    call: Future[Answer],
    invocation: Answer,
    headers: dict[str, str],
    begun: bytes,
) -> None:
    with played.peers.connect() as connection:
        connection.sendall(request_bytes("POST", response_path(request_id_of(invocation)), headers) + begun)

    answer = call.result()
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert json.loads(answer.body) == {
        "errorType": "Runtime.TruncatedResponse",
        "errorMessage": f"RequestId: {request_id_of(invocation)} Error: HTTP request detected as truncated",
    }
    next_call = played.start_invoke()
    assert runtime.respond(runtime.next()).status == 202
    assert next_call.result().status == 200


def test_a_client_that_only_stops_sending_learns_that_its_response_is_truncated(
    played: Environment, call: Future[Answer], invocation: Answer
) -> None:
    with played.peers.connect() as connection:
        path = response_path(request_id_of(invocation))
        connection.sendall(request_bytes("POST", path, {"Content-Length": "100"}) + b"only this")
        connection.shutdown(socket.SHUT_WR)

        assert refusal(read_answer(connection)) == (400, "TruncatedHTTPRequest")
    assert json.loads(call.result().body)["errorType"] == "Runtime.TruncatedResponse"


def test_a_function_error_reaches_the_caller_as_the_runtime_sent_it(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    body = b'{ "errorType": "Odd",  "stackTrace": [] }'

    assert runtime.fail(invocation, body, {"Lambda-Runtime-Function-Error-Type": "Function.Odd"}).status == 202
    answer = call.result()
    assert (answer.status, answer.headers["x-amz-function-error"], answer.body) == (200, "Unhandled", body)


@pytest.mark.rule("runtime-api/error-cause-not-json")
def test_an_error_cause_that_is_not_json_becomes_an_invalid_error_body(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    cause = {"Content-Type": "application/vnd.aws.lambda.error.cause+json"}

    assert runtime.fail(invocation, b"{not json", cause).status == 202
    answer = call.result()
    assert (answer.body, answer.headers["content-type"]) == (b'"Invalid error body"', "application/octet-stream")


@pytest.mark.rule("runtime-api/large-xray-cause-header")
def test_an_xray_cause_header_of_900_kilobytes_is_accepted(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    cause = {"Lambda-Runtime-Function-XRay-Error-Cause": json.dumps({"message": "x" * 900_000})}

    assert runtime.fail(invocation, b'"failed"', cause).status == 202
    assert call.result().body == b'"failed"'


@pytest.mark.rule("runtime-api/trailing-slash")
def test_no_path_may_have_a_slash_at_its_end(played: Environment) -> None:
    paths = ["/2018-06-01/ping/", f"{NEXT}/", f"{response_path('1')}/", f"{error_path('1')}/"]
    paths += ["/2018-06-01/runtime/init/error/", "/2020-01-01/extension/register/", "/2020-01-01/extension/event/next/"]

    answers = [played.peers.request(method, path) for method in ("GET", "POST") for path in paths]

    assert {(answer.status, answer.body) for answer in answers} == {(404, b"404 page not found\n")}


@pytest.mark.rule("runtime-api/wrong-method")
def test_a_wrong_method_is_told_which_one_is_right(played: Environment) -> None:
    post_next = played.peers.request("POST", NEXT)
    get_response = played.peers.request("GET", response_path("1"))

    assert (post_next.status, post_next.body, post_next.headers["allow"]) == (405, b"", "GET")
    assert (get_response.status, get_response.body, get_response.headers["allow"]) == (405, b"", "POST")


@pytest.mark.rule("runtime-api/ping")
def test_a_ping_is_answered_with_a_pong(played: Environment) -> None:
    answer = played.peers.request("GET", "/2018-06-01/ping")

    assert (answer.status, answer.body) == (200, b"pong")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.rule("runtime-api/restore-endpoints-absent")
@pytest.mark.parametrize(("method", "path"), [("GET", "restore/next"), ("POST", "restore/error")])
def test_without_snapstart_there_is_nothing_to_restore(played: Environment, method: str, path: str) -> None:
    assert played.peers.request(method, f"/2018-06-01/runtime/{path}").status == 404


@pytest.mark.rule("runtime-api/client-context-non-ascii")
def test_a_client_context_with_other_letters_reaches_the_runtime(played: Environment, runtime: RuntimePlayer) -> None:
    context = json.dumps({"client": {"app_title": "Grüße, 世界"}}, ensure_ascii=False)

    call = played.start_invoke(headers={"X-Amz-Client-Context": base64.b64encode(context.encode()).decode()})
    invocation = runtime.next()

    assert invocation.headers["lambda-runtime-client-context"].encode("latin-1").decode() == context
    runtime.respond(invocation)
    assert call.result().status == 200


@pytest.mark.rule("runtime-api/http-1-0-client")
def test_a_client_that_speaks_http_1_0_is_served(
    played: Environment, runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    with played.peers.connect() as connection:
        connection.sendall(f"GET {NEXT} HTTP/1.0\r\n\r\n".encode())

        assert read_answer(connection).body == invocation.body
        assert connection.recv(1) == b""
    runtime.respond(invocation)
    assert call.result().status == 200


@pytest.mark.rule("runtime-api/connection-close-client")
def test_a_connection_that_asks_to_be_closed_is_closed_after_the_answer(
    played: Environment, runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    with played.peers.connect() as connection:
        connection.sendall(request_bytes("GET", NEXT, {"Connection": "close"}))
        answer = read_answer(connection)

        assert (answer.body, answer.headers["connection"]) == (invocation.body, "close")
        assert connection.recv(1) == b""
    runtime.respond(invocation)
    assert call.result().status == 200


@pytest.mark.rule("runtime-api/percent-encoded-request-id")
def test_a_percent_encoded_request_id_names_the_same_invocation(
    runtime: RuntimePlayer, call: Future[Answer], invocation: Answer
) -> None:
    encoded = "".join(f"%{ord(character):02X}" for character in request_id_of(invocation))

    assert runtime.respond(encoded, b'"encoded"').status == 202
    assert call.result().body == b'"encoded"'


def test_what_the_runtime_is_told_of_an_invocation(played: Environment, runtime: RuntimePlayer) -> None:
    trace = "Root=1-5e1b4151-43a0913a12345678;Parent=53995c3f42cd8ad8;Sampled=1"
    call = played.start_invoke(b" [1,\t2]\n", {"X-Amzn-Trace-Id": trace, "X-Amz-Tenant-Id": "tenant 1"})
    invocation = runtime.next()
    runtime.respond(invocation)

    headers = {name: value for name, value in invocation.headers.items() if name.startswith("lambda-")}
    assert invocation.body == b" [1,\t2]\n"
    assert invocation.headers["content-type"] == "application/json"
    assert headers.pop("lambda-runtime-aws-request-id") == call.result().headers["x-amzn-requestid"]
    assert headers.pop("lambda-runtime-deadline-ms").isdigit()
    assert headers.pop("lambda-runtime-invocation-id")
    assert headers == {
        "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:012345678912:function:test_function",
        "lambda-runtime-trace-id": trace,
        "lambda-runtime-aws-tenant-id": "tenant 1",
    }
