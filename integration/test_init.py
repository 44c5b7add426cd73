"""Init: who is waited for, what ends it too early, and the second one inside the first invocation."""

import time

import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment
from integration.gates import Gate

LOOP = ("register:INVOKE,SHUTDOWN", "loop")

FIRST_REPORT = r"^REPORT RequestId: \S+\tDuration: (\d+\.\d\d) ms\tBilled Duration: (\d+) ms\t"


def platform_lines(env: Environment) -> list[str]:
    """The first words of the lines that are the platform's."""
    words = ("INIT_START", "INIT_REPORT", "EXTENSION", "START", "END", "REPORT")
    return [line.split()[0] for line in env.lines if line.split()[0] in words]


@pytest.mark.rule("lifecycle/extension-next-before-runtime")
def test_an_extension_may_wait_for_events_before_the_runtime_exists(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["pid", "loop"], {"early": LOOP, "late": [gate.step, *LOOP]})
    env.wait_for("early ready")
    env.wait_for("late holds")

    assert not any(line.startswith("runtime") for line in env.lines)
    gate.let_through()
    assert env.invoke().status == 200
    env.wait_for("early got INVOKE")


def test_an_invocation_that_comes_during_init_waits_for_its_end(environment: StartEnvironment, gate: Gate) -> None:
    env = environment([gate.step, "loop"])
    call = env.start_invoke(b'"early"')
    env.wait_for("runtime holds")

    gate.let_through()
    assert call.result().body == b'"early"'
    assert platform_lines(env)[:2] == ["INIT_START", "START"]


@pytest.mark.rule("lifecycle/late-extension-fails-init")
@pytest.mark.rule("lifecycle/failed-init-is-retried")
@pytest.mark.rule("extensions-api/next-after-init-limit")
def test_init_is_broken_off_when_its_time_is_up_and_done_again_in_the_invocation(
    environment: StartEnvironment,
) -> None:
    env = environment(["loop"], {"ext": ["register:INVOKE", "pause", "/", *LOOP]}, options=["--init-timeout", "0.5"])
    report = env.wait_for(r"^INIT_REPORT Init Duration: (\d+)\.\d\d ms\tPhase: init\tStatus: timeout$")

    assert env.invoke().status == 200
    assert int(report[1]) >= 500
    assert env.lines.count("runtime ready") >= 2
    assert env.lines.count("EXTENSION\tName: ext\tState: Registered\tEvents: [INVOKE]") == 1
    assert env.lines.count("EXTENSION\tName: ext\tState: Ready\tEvents: [INVOKE, SHUTDOWN]") == 1


@pytest.mark.rule("lifecycle/init-fails-twice-reports")
@pytest.mark.rule("lifecycle/init-fails-twice-answer")
@pytest.mark.rule("extensions-api/exit-zero-in-init")
def test_when_init_fails_twice_the_caller_gets_the_second_failure_and_the_log_both(
    environment: StartEnvironment,
) -> None:
    env = environment(["loop"], {"ext": ["exit:5", "/", "register", "exit:0"]})
    answer = env.invoke()

    assert answer.failure() == ("Extension.Crash", "exit code 0")
    assert platform_lines(env) == [
        *("INIT_START", "EXTENSION", "INIT_REPORT"),
        *("EXTENSION", "INIT_REPORT", "START", "END", "REPORT"),
    ]
    report = r"^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: {}\tStatus: error\tError Type: Extension.Crash$"
    env.wait_for(report.format("init"))
    env.wait_for(report.format("invoke"))
    env.wait_for(r"^EXTENSION\tName: ext\tState: Started\tEvents: \[\]$")
    env.wait_for(r"^EXTENSION\tName: ext\tState: Registered\tEvents: \[\]$")
    last = env.wait_for(FIRST_REPORT + r".*\tStatus: error\tError Type: Extension.Crash$")
    assert "Init Duration" not in last.string


@pytest.mark.rule("lifecycle/init-fails-once-succeeds")
@pytest.mark.rule("lifecycle/init-fails-once-duration")
@pytest.mark.rule("lifecycle/no-init-duration-after-suppressed-init")
def test_when_only_the_first_init_fails_the_invocation_succeeds_and_its_duration_contains_the_second(
    environment: StartEnvironment, gate: Gate
) -> None:
    env = environment(["exit:1", "/", gate.step, "loop"])
    env.wait_for(r"^INIT_REPORT .*\tPhase: init\tStatus: error\tError Type: Runtime.ExitError$")

    call = env.start_invoke(b'"second"')
    env.wait_for("runtime holds")
    began = time.monotonic()
    while time.monotonic() < began + 0.05:
        env.peers.request("GET", "/2018-06-01/ping")
    held = time.monotonic() - began
    gate.let_through()

    assert call.result().body == b'"second"'
    report = env.wait_for(FIRST_REPORT)
    assert "Init Duration" not in report.string
    assert float(report[1]) >= held * 1000
    assert platform_lines(env) == ["INIT_START", "INIT_REPORT", "START", "END", "REPORT"]


@pytest.mark.rule("lifecycle/deadline-after-suppressed-init")
def test_after_an_init_in_the_invocation_the_deadline_is_delivery_plus_the_whole_timeout(
    environment: StartEnvironment, gate: Gate
) -> None:
    env = environment(["exit:1", "/", gate.step, "loop"], {"ext": LOOP}, environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    env.wait_for("^INIT_REPORT")
    call = env.start_invoke()
    env.wait_for("runtime holds")

    before_delivery = time.time()
    gate.let_through()

    call.result()
    event = env.wait_for(r"^ext got INVOKE \S+ (\d+) ")
    assert int(event[1]) >= before_delivery * 1000 + 60_000 - 1


@pytest.mark.rule("lifecycle/time-limit-after-suppressed-init")
def test_after_an_init_in_the_invocation_the_function_has_all_of_its_timeout(environment: StartEnvironment) -> None:
    env = environment(["exit:1", "/", "next", "pause"], environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
    env.wait_for("^INIT_REPORT")

    answer = env.invoke()

    assert answer.failure() == ("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    report = env.wait_for(FIRST_REPORT + r".*\tStatus: timeout$")
    assert float(report[1]) > 1000


def test_an_init_in_the_invocation_may_take_as_long_as_the_function(environment: StartEnvironment) -> None:
    env = environment(["exit:1", "/", "pause"], environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
    env.wait_for("^INIT_REPORT")

    answer = env.invoke()

    assert answer.failure() == ("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    env.wait_for(r"^INIT_REPORT Init Duration: 1\d\d\d\.\d\d ms\tPhase: invoke\tStatus: timeout$")
    env.wait_for(r"^REPORT RequestId: \S+\tDuration: 1000\.00 ms\tBilled Duration: 1000 ms\t.*\tStatus: timeout$")


@pytest.mark.rule("extensions-api/sibling-shut-down-before-retry")
@pytest.mark.rule("extensions-api/new-process-after-reset")
def test_an_extension_beside_one_that_fails_is_shut_down_and_started_anew(
    environment: StartEnvironment, gate: Gate
) -> None:
    failing = ["register", gate.step, "exit:1", "/", *LOOP]
    env = environment(["loop"], {"failing": failing, "sibling": ["pid", *LOOP]})
    env.wait_for("runtime ready")

    gate.let_through()
    assert env.invoke().status == 200
    env.wait_for("^sibling got SHUTDOWN failure")
    first, second = env.wait_for(r"^sibling pid (\d+)"), env.wait_for(r"^sibling pid (\d+)", nth=2)
    assert first[1] != second[1]
    assert env.wait_for("sibling registered (.+)")[1] != env.wait_for("sibling registered (.+)", nth=2)[1]
    assert env.lines.index(second.string) > env.lines.index(env.wait_for("^sibling got SHUTDOWN").string)


@pytest.mark.rule("runtime-api/response-before-first-next")
def test_a_response_before_the_first_next_is_refused(environment: StartEnvironment) -> None:
    env = environment(["respond-to:6f9619ff-8b86-d011-b42d-00c04fc964ff", "loop"])

    env.wait_for("^runtime status 400 InvalidRequestID$")
    assert env.invoke().status == 200


@pytest.mark.rule("runtime-api/init-error-twice")
@pytest.mark.rule("runtime-api/next-after-init-error")
def test_after_an_init_error_a_runtime_may_ask_for_nothing(environment: StartEnvironment) -> None:
    steps = ["init-error:Runtime.Odd", "init-error:Runtime.Odd", "next", "exit:1"]
    env = environment(steps)

    answer = env.invoke()

    env.wait_for("^runtime status 403", 4)
    assert [line for line in env.lines if line.startswith("runtime status")] == 2 * [
        "runtime status 202",
        "runtime status 403 InvalidStateTransition",
        "runtime status 403 InvalidStateTransition",
    ]
    assert answer.headers["x-amz-function-error"] == "Unhandled"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"errorMessage": "as the script says", "errorType": "Runtime.Odd"}
    env.wait_for(r"^INIT_REPORT .*\tPhase: invoke\tStatus: error\tError Type: Runtime.Odd$")


def test_a_runtime_that_reported_an_init_error_is_killed_when_it_does_not_exit(environment: StartEnvironment) -> None:
    env = environment(["init-error:Runtime.Odd", "pause", "/", "loop"])

    env.wait_for(r"^INIT_REPORT .*\tPhase: init\tStatus: error\tError Type: Runtime.Odd$")
    assert env.invoke().status == 200


def test_the_runtime_exits_in_init_while_a_caller_waits(environment: StartEnvironment, gate: Gate) -> None:
    env = environment([gate.step, "exit:3"])
    call = env.start_invoke()
    env.wait_for("runtime holds")

    gate.let_through(2)
    assert call.result().failure() == ("Runtime.ExitError", "Runtime exited with error: exit status 3")
