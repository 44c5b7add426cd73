"""Responses that are streamed, from the runtime's first byte to the caller's last."""

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment, Setup, running
from integration.event_streams import EventStream, Message, log_of
from integration.gates import Gate
from integration.peers import RuntimePlayer, StreamedResponse, error_path, refusal, request_id_of
from integration.processes import status_of

MEGABYTE = 1024 * 1024
BUFFERED_LIMIT = 6 * MEGABYTE + 100
STREAM_LIMIT = 200 * MEGABYTE
COMPLETE = Message("InvokeComplete", b"{}")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment whose runtime is the test."""
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
def caller(played: Environment) -> Iterator[EventStream]:
    with closing(EventStream(played)) as stream:
        yield stream


def peak_memory(environment: Environment) -> int:
    """The most resident memory that the supervisor ever had, in bytes."""
    return int(status_of(environment.pid)["VmHWM"].removesuffix(" kB")) * 1024


def reset_peak(environment: Environment) -> int:
    """Begin a new peak; the present memory, in bytes."""
    Path(f"/proc/{environment.pid}/clear_refs").write_text("5")
    return peak_memory(environment)


def send_until_held_up(response: StreamedResponse) -> int:
    """Send until nothing is taken for a second; about how many bytes that were."""
    sent = 0
    response.connection.settimeout(1)
    try:
        while sent < STREAM_LIMIT:
            response.send(bytes(MEGABYTE))
            sent += MEGABYTE
    except TimeoutError:
        pass
    return sent


@pytest.mark.rule("invoke-api/stream-first-chunk")
@pytest.mark.rule("invoke-api/stream-completes-once")
def test_a_piece_reaches_the_caller_while_the_function_has_not_written_the_next(
    played: Environment, runtime: RuntimePlayer, caller: EventStream
) -> None:
    invocation = runtime.next()
    response = StreamedResponse(played, invocation, {"Content-Type": "text/html"})
    messages = caller.messages()
    for piece in (b"first", b"\0second\xff", bytes(100_000)):
        response.send(piece)
        received = b""
        while len(received) < len(piece):
            message = next(messages)
            assert message.event_type == "PayloadChunk"
            received += message.payload
        assert received == piece

    assert response.end().status == 202
    assert list(messages) == [COMPLETE]
    head = caller.head()
    assert (head.status, head.headers["Content-Type"]) == (200, "application/vnd.amazon.eventstream")
    assert head.headers["x-amzn-Remapped-Content-Type"] == "text/html"
    assert head.headers["X-Amz-Executed-Version"] == "$LATEST"
    assert head.headers["x-amzn-RequestId"] == request_id_of(invocation)
    assert head.headers["X-Amzn-Trace-Id"] == invocation.headers["lambda-runtime-trace-id"]
    assert head.headers["Transfer-Encoding"] == "chunked"


def test_a_stream_without_a_byte_is_only_completed(
    played: Environment, runtime: RuntimePlayer, caller: EventStream
) -> None:
    StreamedResponse(played, runtime.next()).end()

    assert list(caller.messages()) == [COMPLETE]


@pytest.mark.rule("invoke-api/stream-error-before-first-byte")
def test_an_error_instead_of_a_stream_completes_it_with_an_error_code(
    played: Environment, runtime: RuntimePlayer, caller: EventStream
) -> None:
    body = b'{"errorType":"Odd","errorMessage":"early"}'
    headers = {"Transfer-Encoding": "chunked"}
    invocation = runtime.next()
    answer = played.peers.request(
        "POST", error_path(request_id_of(invocation)), headers, b"2a\r\n%b\r\n0\r\n\r\n" % body
    )

    assert answer.status == 202
    assert caller.everything() == (b"", {"ErrorCode": "Unhandled", "ErrorDetails": body.decode()})


@pytest.mark.rule("runtime-api/error-trailers-after-data")
@pytest.mark.rule("invoke-api/stream-error-after-first-byte")
def test_error_trailers_after_ten_megabytes_reach_the_caller(
    played: Environment, runtime: RuntimePlayer, caller: EventStream
) -> None:
    names = {"Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"}
    response = StreamedResponse(played, runtime.next(), names)
    details = '{"errorMessage":"läte"}'
    trailers = {
        "Lambda-Runtime-Function-Error-Type": "Function.Odd",
        "Lambda-Runtime-Function-Error-Body": base64.b64encode(details.encode()).decode(),
    }

    def stream() -> None:
        for _ in range(10):
            response.send(b"x" * MEGABYTE)
        statuses.append(response.end(trailers).status)

    statuses: list[int] = []
    thread = threading.Thread(target=stream)
    thread.start()
    received, said = caller.everything()
    thread.join()

    assert received == b"x" * 10 * MEGABYTE
    assert said == {"ErrorCode": "Function.Odd", "ErrorDetails": details}
    assert statuses == [202]


@pytest.mark.rule("runtime-api/error-trailer-not-base64")
def test_an_error_trailer_that_is_not_base64_breaks_nothing(
    played: Environment, runtime: RuntimePlayer, caller: EventStream
) -> None:
    response = StreamedResponse(played, runtime.next())
    response.send(b"half")
    trailers = {"Lambda-Runtime-Function-Error-Type": "Odd", "Lambda-Runtime-Function-Error-Body": "{no base64}"}

    assert response.end(trailers).status == 202
    assert caller.everything() == (b"half", {"ErrorCode": "Odd", "ErrorDetails": "{no base64}"})


@pytest.mark.rule("invoke-api/stream-runtime-exit")
def test_a_runtime_that_exits_in_the_middle_of_a_stream_completes_it_with_its_exit(
    environment: StartEnvironment,
) -> None:
    env = environment(["next", "begin-stream:half", "exit:3"])
    with closing(EventStream(env)) as caller:
        received, said = caller.everything()

    assert (received, said["ErrorCode"]) == (b"half", "Runtime.ExitError")
    assert json.loads(said["ErrorDetails"])["errorMessage"].endswith("Runtime exited with error: exit status 3")


@pytest.mark.rule("invoke-api/stream-timeout")
def test_a_timeout_in_the_middle_of_a_stream_completes_it(environment: StartEnvironment) -> None:
    env = environment(["next", "begin-stream:half", "pause"], environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
    with closing(EventStream(env, headers={"X-Amz-Log-Type": "Tail"})) as caller:
        received, said = caller.everything()

    assert (received, said["ErrorCode"]) == (b"half", "Sandbox.Timedout")
    assert json.loads(said["ErrorDetails"])["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert "\nREPORT RequestId: " in log_of(said)


@pytest.mark.rule("invoke-api/stream-after-timeout")
def test_what_is_written_after_the_timeout_does_not_reach_the_caller(environment: StartEnvironment) -> None:
    # The extension makes it a shutdown that leaves the runtime some time.
    env = environment(
        ["next", "begin-stream:half", "write-on-sigterm", "pause"],
        {"x": ["register:SHUTDOWN", "next", "exit:0"]},
        environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"},
    )
    with closing(EventStream(env)) as caller:
        received, said = caller.everything()

    env.wait_for("^runtime wrote")
    assert (received, said["ErrorCode"]) == (b"half", "Sandbox.Timedout")


def test_a_response_that_breaks_off_is_completed_with_an_error_code(
    played: Environment, runtime: RuntimePlayer, caller: EventStream
) -> None:
    response = StreamedResponse(played, runtime.next())
    response.send(b"half")
    assert caller.next() == Message("PayloadChunk", b"half")
    response.connection.close()
    received, said = caller.everything()

    assert (received, said["ErrorCode"]) == (b"", "Runtime.TruncatedResponse")


@pytest.mark.rule("invoke-api/stream-of-buffered-function")
@pytest.mark.parametrize("body", [b"{}", b'"' + b"x" * (6 * MEGABYTE) + b'"'], ids=["small", "large"])
def test_a_function_that_does_not_stream_can_be_read_as_a_stream(
    runtime: RuntimePlayer, caller: EventStream, body: bytes
) -> None:
    runtime.respond(runtime.next(), body)

    assert caller.everything() == (body, {})
    assert caller.head().headers["x-amzn-Remapped-Content-Type"] == "application/json"


def test_a_function_error_of_a_function_that_does_not_stream_is_an_error_code(
    runtime: RuntimePlayer, caller: EventStream
) -> None:
    runtime.fail(runtime.next(), b'{"errorType":"Odd"}')

    assert caller.everything() == (b"", {"ErrorCode": "Unhandled", "ErrorDetails": '{"errorType":"Odd"}'})


@pytest.mark.rule("invoke-api/stream-dry-run")
def test_a_dry_run_of_a_stream_is_an_empty_stream(played: Environment) -> None:
    with closing(EventStream(played, headers={"X-Amz-Invocation-Type": "DryRun"})) as caller:
        assert list(caller.messages()) == [COMPLETE]
        assert caller.head().status == 200


@pytest.mark.parametrize(
    ("payload", "headers", "status", "exception"),
    [
        (b"{no json", {}, 400, "InvalidRequestContentException"),
        (b"{}", {"X-Amz-Invocation-Type": "Event"}, 400, "InvalidParameterValueException"),
        (b" " * (6 * MEGABYTE + 1), {}, 413, "RequestTooLargeException"),
    ],
)
def test_a_refused_request_for_a_stream_is_answered_like_any_other(
    played: Environment, payload: bytes, headers: dict[str, str], status: int, exception: str
) -> None:
    with closing(EventStream(played, payload, headers)) as caller:
        head = caller.head()

        assert (head.status, head.headers["x-amzn-ErrorType"]) == (status, exception)


def test_the_end_of_a_stream_with_its_log_waits_for_the_end_of_the_invocation(
    played: Environment, runtime: RuntimePlayer
) -> None:
    with closing(EventStream(played, headers={"X-Amz-Log-Type": "Tail"})) as caller:
        invocation = runtime.next()
        response = StreamedResponse(played, invocation)
        response.send(b"all")
        assert caller.next() == Message("PayloadChunk", b"all")
        response.end()
        poll = runtime.start_next()
        received, said = caller.everything()
    call = played.start_invoke()
    runtime.respond(poll.result())
    call.result()

    assert received == b""
    assert re.fullmatch(rf"(?s)START RequestId: {request_id_of(invocation)} .*\nREPORT .*\n", log_of(said))


# -- Callers who wait for the whole ------------------------------------------------------------------------------------


@pytest.mark.rule("invoke-api/stream-collected")
def test_a_stream_is_collected_for_a_caller_who_waits(played: Environment, runtime: RuntimePlayer) -> None:
    call = played.start_invoke()
    response = StreamedResponse(played, runtime.next(), {"Content-Type": "application/octet-stream"})
    response.send(b"in ")
    response.send(b"pieces")
    trailers = {"Lambda-Runtime-Function-Error-Type": "Odd", "Lambda-Runtime-Function-Error-Body": "e30="}

    # Error trailers do not show here (recorded on AWS).
    assert response.end(trailers).status == 202
    answer = call.result()
    assert (answer.status, answer.body) == (200, b"in pieces")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-amz-function-error" not in answer.headers


@pytest.mark.rule("invoke-api/stream-too-large-to-collect")
def test_a_stream_that_is_too_large_to_be_collected_fails_in_the_form_that_was_recorded(
    played: Environment, runtime: RuntimePlayer
) -> None:
    call = played.start_invoke()
    response = StreamedResponse(played, runtime.next())
    response.send(bytes(BUFFERED_LIMIT))
    response.send(b"x")

    assert refusal(response.end()) == (413, "RequestEntityTooLarge")
    answer = call.result()
    assert (answer.status, answer.headers["x-amz-function-error"], len(answer.body)) == (200, "Unhandled", 148)
    assert answer.json() == {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({BUFFERED_LIMIT} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


# -- Large, slow and lost ----------------------------------------------------------------------------------------------


@pytest.mark.rule("invoke-api/stream-size")
def test_two_hundred_megabytes_pass_without_being_held(environment: StartEnvironment) -> None:
    env = environment(["next", "stream:1", "next", f"stream:{STREAM_LIMIT}", "loop"])
    with closing(EventStream(env)) as caller:
        caller.everything()
    env.wait_for("^runtime ready", 2)
    before = reset_peak(env)

    with closing(EventStream(env)) as caller:
        count = 0
        for message in caller.messages():
            count += len(message.payload) if message.event_type == "PayloadChunk" else 0

    assert message == COMPLETE
    assert count == STREAM_LIMIT
    assert peak_memory(env) - before < 10 * MEGABYTE
    env.wait_for("^runtime status 202", 2)


@pytest.mark.rule("invoke-api/stream-size")
def test_one_byte_more_than_two_hundred_megabytes_is_too_much(environment: StartEnvironment) -> None:
    env = environment(["next", f"stream:{STREAM_LIMIT + 1}", "loop"])
    with closing(EventStream(env)) as caller:
        count = 0
        for message in caller.messages():
            count += len(message.payload) if message.event_type == "PayloadChunk" else 0

    assert STREAM_LIMIT - MEGABYTE < count <= STREAM_LIMIT
    said = json.loads(message.payload)
    assert (message.event_type, said["ErrorCode"]) == ("InvokeComplete", "Function.ResponseSizeTooLarge")
    env.wait_for("^runtime status 413 RequestEntityTooLarge")
    assert env.invoke(b"1").body == b"1"


@pytest.mark.rule("invoke-api/stream-slow-caller")
def test_a_caller_who_does_not_read_holds_up_the_function_and_nothing_is_piled_up(
    played: Environment, runtime: RuntimePlayer, caller: EventStream
) -> None:
    response = StreamedResponse(played, runtime.next())
    before = reset_peak(played)
    sent = send_until_held_up(response)

    assert sent < 64 * MEGABYTE
    assert peak_memory(played) - before < 10 * MEGABYTE
    response.connection.close()
    received, said = caller.everything()
    assert said["ErrorCode"] == "Runtime.TruncatedResponse"
    assert len(received) > MEGABYTE


@pytest.mark.rule("invoke-api/stream-caller-gone")
def test_a_caller_who_goes_away_does_not_disturb_the_function(played: Environment, runtime: RuntimePlayer) -> None:
    caller = EventStream(played)
    response = StreamedResponse(played, runtime.next())
    response.send(b"first")
    caller.next()
    caller.close()
    for _ in range(30):
        response.send(bytes(MEGABYTE))

    assert response.end().status == 202
    call = played.start_invoke()
    runtime.respond(runtime.next(), b'"next"')
    assert call.result().body == b'"next"'


def test_a_caller_who_goes_away_while_the_function_is_held_up_sets_it_free(
    played: Environment, runtime: RuntimePlayer
) -> None:
    caller = EventStream(played)
    response = StreamedResponse(played, runtime.next())
    caller.head()

    def stream() -> None:
        for _ in range(60):
            response.send(bytes(MEGABYTE))
        statuses.append(response.end().status)

    statuses: list[int] = []
    thread = threading.Thread(target=stream)
    thread.start()
    # It is held up, or it will be: nobody reads.
    thread.join(0.5)
    caller.close()
    thread.join()

    assert statuses == [202]


@pytest.mark.rule("invoke-api/stream-bandwidth")
def test_the_bandwidth_can_be_limited_as_on_lambda(environment: StartEnvironment) -> None:
    env = environment(["next", f"stream:{10 * MEGABYTE}", "loop"], options=["--stream-bandwidth", "8192"])
    with closing(EventStream(env)) as caller:
        caller.head()
        began = time.monotonic()
        received, said = caller.everything()
        took = time.monotonic() - began

    assert (len(received), said) == (10 * MEGABYTE, {})
    # Four megabytes more than the burst, at eight a second, and the last of them on credit.
    assert took > 0.3


def test_a_shutdown_completes_a_stream_with_an_error_code(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["next", "begin-stream:half", gate.step])
    with closing(EventStream(env)) as caller:
        assert caller.next() == Message("PayloadChunk", b"half")
        assert env.terminate() == 0
        received, said = caller.everything()

    assert (received, said["ErrorCode"]) == (b"", "Sandbox.Failure")
