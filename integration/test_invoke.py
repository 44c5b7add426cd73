"""The Invoke API and the Invoke phase: what a caller may ask, and when it has its answer."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from integration.conftest import StartEnvironment
from integration.environments import INVOCATIONS, Environment, Setup, running
from integration.gates import Gate
from integration.http_calls import Answer, read_answer, request_bytes
from integration.peers import RuntimePlayer

LOOP = ("register:INVOKE,SHUTDOWN", "loop")
LIMIT = 6 * 1024 * 1024


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment whose function answers with what it got."""
    with running(tmp_path_factory.mktemp("environment"), Setup(["loop"])) as environment:
        yield environment


def refused(answer: Answer) -> tuple[int, str]:
    """The status and the exception of a refusal."""
    assert json.loads(answer.body)["Type"] == "User"
    return answer.status, answer.headers["x-amzn-errortype"]


# What a caller may ask.


def test_the_answer_has_all_of_the_headers(echo: Environment) -> None:
    answer = echo.invoke(b' {"any": ["JSON", 1]}\n', {"X-Amzn-Trace-Id": "Root=1-2-3"})

    assert (answer.status, answer.body) == (200, b' {"any": ["JSON", 1]}\n')
    assert answer.headers.pop("date")
    assert answer.headers.pop("x-amzn-requestid")
    assert answer.headers == {
        "content-type": "application/json",
        "content-length": "22",
        "x-amzn-remapped-content-length": "0",
        "x-amz-executed-version": "$LATEST",
        "x-amzn-trace-id": "Root=1-2-3",
    }


def test_an_empty_payload_is_an_empty_document(echo: Environment) -> None:
    assert echo.invoke(b"").body == b"{}"


def test_a_payload_that_is_not_json_is_refused(echo: Environment) -> None:
    answer = echo.invoke(b"{nonsense")

    assert refused(answer) == (400, "InvalidRequestContentException")
    assert json.loads(answer.body)["message"].startswith(
        "Could not parse request body into json: Could not parse payload into json: "
    )


@pytest.mark.rule("invoke-api/unknown-invocation-type")
def test_an_unknown_invocation_type_is_refused(echo: Environment) -> None:
    assert refused(echo.invoke(headers={"X-Amz-Invocation-Type": "Nonsense"})) == (
        400,
        "InvalidParameterValueException",
    )


@pytest.mark.rule("invoke-api/dry-run")
def test_a_dry_run_is_answered_and_nothing_runs(echo: Environment) -> None:
    echo.wait_for("^runtime ready")
    processes, lines = echo.processes(), echo.lines

    answer = echo.invoke(headers={"X-Amz-Invocation-Type": "DryRun"})

    assert (answer.status, answer.body) == (204, b"")
    assert (echo.processes(), echo.lines) == (processes, lines)


@pytest.mark.rule("invoke-api/request-id-not-uuid")
@pytest.mark.rule("invoke-api/request-id-of-caller")
def test_a_request_id_of_the_caller_is_used_if_it_is_a_uuid(echo: Environment) -> None:
    request_id = str(uuid4())

    answer = echo.invoke(headers={"X-Amzn-RequestId": request_id})

    assert answer.headers["x-amzn-requestid"] == request_id
    echo.wait_for(f"^END RequestId: {request_id}$")
    assert refused(echo.invoke(headers={"X-Amzn-RequestId": "mine"})) == (400, "InvalidRequestContentException")


@pytest.mark.rule("invoke-api/client-context-size")
@pytest.mark.rule("invoke-api/client-context-not-base64")
def test_a_client_context_has_its_limits(echo: Environment) -> None:
    """Base64 comes in fours, so 3580 is the largest that fits into 3583."""
    contexts = [base64.b64encode(b'"' + b"x" * (count - 2) + b'"').decode() for count in (2685, 2686)]
    assert list(map(len, contexts)) == [3580, 3584]

    fits, too_large, no_base64 = (
        echo.invoke(headers={"X-Amz-Client-Context": context}) for context in (*contexts, "{}")
    )

    assert fits.status == 200
    assert refused(too_large) == (400, "InvalidParameterValueException")
    assert refused(no_base64) == (400, "InvalidRequestContentException")


@pytest.mark.rule("invoke-api/body-at-limit")
@pytest.mark.rule("invoke-api/body-over-limit")
def test_a_payload_may_have_six_mebibytes(echo: Environment) -> None:
    largest = b'"' + b"x" * (LIMIT - 2) + b'"'

    assert echo.invoke(largest).body == largest
    assert refused(echo.invoke(largest + b" ")) == (413, "RequestTooLargeException")
    assert refused(echo.invoke(largest * 10)) == (413, "RequestTooLargeException")
    assert echo.invoke(b"1").body == b"1"


@pytest.mark.rule("invoke-api/url-encoded-arn")
@pytest.mark.rule("invoke-api/two-qualifiers")
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("test_function", 200),
        ("123456789012:function:test_function", 200),
        ("arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Aother%3Alive", 200),
        ("other:live", 200),
        ("other?Qualifier=live", 200),
        ("other:live?Qualifier=live", 200),
        ("other:live?Qualifier=7", 400),
        ("no!name", 400),
    ],
)
def test_a_function_has_many_names(echo: Environment, name: str, status: int) -> None:
    function, question_mark, query = name.partition("?")
    path = INVOCATIONS.replace("function/", f"{function}/") + question_mark + query

    assert echo.callers.request("POST", path, body=b"{}").status == status


def test_other_paths_and_methods_are_refused(echo: Environment) -> None:
    assert echo.callers.request("POST", "/").status == 404
    assert echo.callers.request("POST", f"{INVOCATIONS}/").status == 404
    assert echo.callers.request("GET", INVOCATIONS).status == 405


@pytest.mark.rule("invoke-api/caller-goes-away")
def test_a_caller_that_goes_away_disturbs_nobody(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["next", gate.step, "respond", "loop"])
    with env.callers.connect() as connection:
        connection.sendall(request_bytes("POST", INVOCATIONS, {"Content-Length": "8"}) + b'"leaves"')
        env.wait_for('^runtime got .* "leaves"$')
    following = env.start_invoke(b'"next"')

    gate.let_through()

    assert following.result().body == b'"next"'
    env.wait_for("^REPORT", nth=2)


def test_a_caller_that_goes_away_in_the_middle_of_its_payload_asked_for_nothing(echo: Environment) -> None:
    with echo.callers.connect() as connection:
        connection.sendall(request_bytes("POST", INVOCATIONS, {"Content-Length": "100"}) + b'{"half": ')

    assert echo.invoke(b'"whole"').body == b'"whole"'
    assert not any("half" in line for line in echo.lines)


@pytest.mark.rule("runtime-api/event-bytes-unchanged")
def test_any_bytes_reach_the_function_and_come_back_where_payloads_are_raw(environment: StartEnvironment) -> None:
    env = environment(["pause"], options=["--raw-payload"])
    runtime = RuntimePlayer(env)
    poll = runtime.start_next()
    odd = bytes(range(256)) + b"\0\xff\xfe"
    call = env.start_invoke(odd)

    invocation = poll.result()
    runtime.respond(invocation, invocation.body)

    assert invocation.body == odd
    assert call.result().body == odd


# The Invoke phase.


@pytest.mark.rule("lifecycle/answer-before-extensions-are-done")
@pytest.mark.rule("lifecycle/busy-extension-holds-next-invocation")
def test_the_answer_does_not_wait_for_extensions_but_the_next_invocation_does(
    environment: StartEnvironment, gate: Gate
) -> None:
    env = environment(["loop"], {"ext": ["register:INVOKE", "next", gate.step, "loop"]})

    first = env.invoke(b"1")
    with env.send_invoke(b"2") as second:
        env.wait_for("^runtime ready", nth=2)

        assert first.body == b"1"
        assert not any(line.startswith("END") for line in env.lines)
        gate.let_through()
        assert read_answer(second).body == b"2"
    assert env.lines.index(env.wait_for("^END").string) < env.lines.index(env.wait_for("^START", nth=2).string)


@pytest.mark.rule("lifecycle/tail-waits-for-extensions")
def test_an_answer_with_the_tail_of_the_log_waits_for_the_extensions(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["loop"], {"ext": ["register:INVOKE", "next", gate.step, "loop"]})

    call = env.start_invoke(b"1", {"X-Amz-Log-Type": "Tail"})
    env.wait_for("^runtime ready", nth=2)
    assert not call.done()
    gate.let_through()

    answer = call.result()
    assert answer.body == b"1"
    tail = base64.b64decode(answer.headers["x-amz-log-result"]).decode()
    assert f"\nREPORT RequestId: {answer.headers['x-amzn-requestid']}\t" in tail


def test_the_duration_covers_the_work_of_the_extensions(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["loop"], {"ext": ["register:INVOKE", "next", gate.step, "loop"]})
    env.invoke()

    began = time.monotonic()
    while time.monotonic() < began + 0.05:
        env.peers.request("GET", "/2018-06-01/ping")
    gate.let_through()

    assert float(env.wait_for(r"^REPORT .*\tDuration: (\S+) ms")[1]) >= 50


@pytest.mark.rule("invoke-api/function-error")
def test_a_function_error_is_a_good_answer_with_a_header(environment: StartEnvironment) -> None:
    env = environment(["next", "error:Function.Odd", "loop"])

    answer = env.invoke()

    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert answer.headers["x-amz-executed-version"] == "$LATEST"
    assert answer.json() == {"errorMessage": "as the script says", "errorType": "Function.Odd"}


@pytest.mark.rule("invoke-api/concurrent-requests")
def test_a_hundred_requests_at_once_are_served_in_the_order_in_which_they_came(
    environment: StartEnvironment, gate: Gate
) -> None:
    env = environment([gate.step, "loop"])
    with ExitStack() as stack:
        calls = [stack.enter_context(env.send_invoke(str(number).encode())) for number in range(100)]
        gate.let_through()
        answers = [read_answer(call).body for call in calls]

    assert answers == [str(number).encode() for number in range(100)]
    env.wait_for("^runtime got .* 99$")
    delivered = [line.split()[-1] for line in env.lines if line.startswith("runtime got")]
    assert delivered == [str(number) for number in range(100)]


def test_who_finds_the_line_full_is_told_to_come_back(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["next", gate.step, "respond", "loop"], options=["--queue-size", "2"])
    running_one = env.start_invoke(b"0")
    env.wait_for("^runtime got")
    with env.send_invoke(b"1") as first, env.send_invoke(b"2") as second:
        answer = env.invoke(b"3")
        gate.let_through()
        served = [read_answer(call).body for call in (first, second)]

    assert (answer.status, answer.json()) == (
        429,
        {
            "Type": "User",
            "message": "Rate Exceeded.",
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        },
    )
    assert (answer.headers["x-amzn-errortype"], answer.headers["retry-after"]) == ("TooManyRequestsException", "1")
    assert [running_one.result().body, *served] == [b"0", b"1", b"2"]
