"""What goes wrong in or between invocations: the caller's answer, the reset, and the invocation after it."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment
from integration.gates import Gate
from integration.http_calls import Answer
from integration.peers import ExtensionPlayer, RuntimePlayer, refusal
from integration.processes import find_descendant, wait_until

LOOP = ("register:INVOKE,SHUTDOWN", "loop")
ONE_SECOND = {"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"}
TIMED_OUT = ("Sandbox.Timedout", "Task timed out after 1.00 seconds")


def report_of(env: Environment, answer: Answer) -> str:
    """The REPORT line of an invocation."""
    return env.wait_for(rf"^REPORT RequestId: {answer.headers['x-amzn-requestid']}\t").string


# The runtime ends.


@pytest.mark.rule("lifecycle/runtime-exits-with-zero")
@pytest.mark.rule("lifecycle/plain-kill")
def test_a_runtime_that_ends_in_an_invocation_fails_it_and_the_next_one_begins_with_an_init(
    environment: StartEnvironment,
) -> None:
    ends = {
        "exit:0": "Runtime exited without providing a reason",
        "exit:7": "Runtime exited with error: exit status 7",
        "kill:SIGKILL": "Runtime exited with error: signal: killed",
        "kill:SIGSEGV": "Runtime exited with error: signal: segmentation fault",
    }
    env = environment([word for end in ends for word in ("next", end, "/")] + ["loop"])

    *failed, succeeded = [env.invoke(str(number).encode()) for number in range(len(ends) + 1)]

    assert [answer.failure() for answer in failed] == [("Runtime.ExitError", text) for text in ends.values()]
    assert list(json.loads(failed[0].body)) == ["errorType", "errorMessage"]
    assert all(report_of(env, answer).endswith("\tStatus: error\tError Type: Runtime.ExitError") for answer in failed)
    assert succeeded.body == b"4"
    assert "Init Duration" not in report_of(env, succeeded)
    assert len([line for line in env.lines if line.startswith("INIT_START")]) == 1


@pytest.mark.rule("lifecycle/runtime-exits-between-invocations")
def test_after_a_runtime_that_ended_between_two_invocations_the_second_begins_with_an_init(
    environment: StartEnvironment,
) -> None:
    env = environment(["pid", "loop"])
    first = env.invoke(b"1")
    own_pid = int(env.wait_for(r"runtime pid (\d+)")[1])
    os.kill(find_descendant(env.pid, own_pid), signal.SIGKILL)
    env.wait_until_gone(own_pid)

    second = env.invoke(b"2")

    assert (first.body, second.body) == (b"1", b"2")
    env.wait_for("runtime pid", nth=2)
    assert "Init Duration" not in report_of(env, second)


@pytest.mark.rule("lifecycle/exit-noticed-despite-worker")
@pytest.mark.rule("lifecycle/forked-worker-is-killed")
def test_the_end_of_the_runtime_is_noticed_though_a_worker_holds_all_that_it_had_open(
    environment: StartEnvironment,
) -> None:
    env = environment(["next", "worker", "exit:1", "/", "loop"])

    assert env.invoke().failure() == ("Runtime.ExitError", "Runtime exited with error: exit status 1")
    env.wait_until_gone(int(env.wait_for(r"runtime worker (\d+)")[1]))
    assert env.invoke().status == 200


@pytest.mark.rule("lifecycle/orphans-die-at-reset")
@pytest.mark.parametrize("as_pid_1", [True, False], ids=["PID 1", "ordinary process"])
def test_a_daemon_does_not_outlive_a_reset(environment: StartEnvironment, as_pid_1: bool) -> None:
    env = environment(["next", "orphan", "exit:1", "/", "loop"], as_pid_1=as_pid_1)

    env.invoke()

    env.wait_until_gone(int(env.wait_for(r"runtime orphan (\d+)")[1]))
    assert env.invoke().status == 200


@pytest.mark.rule("lifecycle/tmp-survives-reset")
def test_what_lies_in_tmp_is_still_there_after_a_reset(environment: StartEnvironment, tmp_path: Path) -> None:
    script = 'if [ -e "$0" ]; then exec "$@"; fi; touch "$0"; exit 1'
    env = environment(command=["sh", "-c", script, str(tmp_path / "note"), *("sh", "-c", "echo found; exit 2")])

    env.invoke()

    env.wait_for("^found$")


def test_the_function_reports_an_error_and_lives_on(environment: StartEnvironment) -> None:
    env = environment(["pid", "next", "error:Function.Odd", "loop"])

    failed, succeeded = env.invoke(), env.invoke(b"2")

    assert failed.headers["x-amz-function-error"] == "Unhandled"
    assert failed.json() == {"errorMessage": "as the script says", "errorType": "Function.Odd"}
    assert succeeded.body == b"2"
    assert len([line for line in env.lines if line.startswith("runtime pid")]) == 1


# The time is up.


@pytest.mark.rule("lifecycle/timeout-without-extension")
def test_without_extensions_a_runtime_is_killed_at_the_timeout_and_not_asked(environment: StartEnvironment) -> None:
    env = environment(["on-sigterm:ignore", "next", "pause", "/", "loop"], environ=ONE_SECOND)

    answer = env.invoke()

    assert answer.failure() == TIMED_OUT
    assert re.search(r"\tDuration: 1000\.00 ms\t.*\tStatus: timeout$", report_of(env, answer))
    assert "runtime got SIGTERM" not in env.lines
    assert env.invoke().status == 200


@pytest.mark.rule("lifecycle/timeout-with-internal-extension")
def test_with_an_internal_extension_the_runtime_has_half_a_second_after_sigterm(environment: StartEnvironment) -> None:
    env = environment(["on-sigterm:ignore", "internal:inside:INVOKE", "next", "pause", "/", "loop"], environ=ONE_SECOND)
    env.wait_for("runtime ready")

    before = time.monotonic()
    answer = env.invoke()

    assert time.monotonic() - before >= 1.5
    assert answer.failure() == TIMED_OUT
    env.wait_for("^inside got INVOKE$")
    env.wait_for("^runtime got SIGTERM$")


@pytest.mark.rule("lifecycle/runtime-ignores-sigterm")
def test_a_runtime_that_ignores_sigterm_takes_its_share_from_the_extensions(environment: StartEnvironment) -> None:
    env = environment(["on-sigterm:ignore", "next", "pause"], {"ext": LOOP}, environ=ONE_SECOND)

    assert env.invoke().failure() == TIMED_OUT
    event = env.wait_for(r"^ext got SHUTDOWN timeout \d+ (\d+)$")
    assert 0 < int(event[1]) <= 1700
    assert env.lines.index("runtime got SIGTERM") < env.lines.index(event.string)


@pytest.mark.rule("lifecycle/runtime-exits-on-sigterm")
def test_a_runtime_that_obeys_sigterm_leaves_its_share_to_the_extensions(environment: StartEnvironment) -> None:
    # Beside an internal extension the share is 500 ms.
    env = environment(["on-sigterm:exit", "internal:inside:", "next", "pause"], {"ext": LOOP}, environ=ONE_SECOND)

    assert env.invoke().failure() == TIMED_OUT
    assert 1500 < int(env.wait_for(r"^ext got SHUTDOWN timeout \d+ (\d+)$")[1]) <= 2000


@pytest.mark.rule("extensions-api/busy-extension-gets-shutdown")
@pytest.mark.rule("lifecycle/timeout-after-answer-keeps-answer")
@pytest.mark.rule("lifecycle/timeout-after-answer-resets")
@pytest.mark.rule("lifecycle/one-answer-for-each-invocation")
def test_an_extension_at_work_at_the_timeout_leads_to_a_reset_and_the_answer_stays(
    environment: StartEnvironment, gate: Gate
) -> None:
    env = environment(
        ["on-sigterm:exit", "loop"],
        {"ext": ["register:INVOKE,SHUTDOWN", "next", gate.step, "loop", "/", *LOOP]},
        environ=ONE_SECOND,
    )

    answer = env.invoke(b'"kept"')

    assert (answer.status, answer.body, "x-amz-function-error" in answer.headers) == (200, b'"kept"', False)
    env.wait_for("runtime got SIGTERM")
    gate.let_through()
    env.wait_for("^ext got SHUTDOWN timeout")
    assert re.search(r"\tDuration: 1000\.00 ms\t.*\tStatus: timeout$", report_of(env, answer))
    assert env.invoke(b'"next"').body == b'"next"'


# Extensions end.


def test_an_extension_that_ends_before_the_response_fails_the_invocation(environment: StartEnvironment) -> None:
    ends = {"exit:0": "exit code 0", "exit:17": "exit status 17", "kill:SIGABRT": "signal: aborted"}
    env = environment(
        ["next", "pause"], {"ext": [word for end in ends for word in ("register:INVOKE", "next", end, "/")]}
    )

    failed = [env.invoke() for _ in ends]

    assert [answer.failure() for answer in failed] == [("Extension.Crash", text) for text in ends.values()]
    assert all(report_of(env, answer).endswith("\tStatus: error\tError Type: Extension.Crash") for answer in failed)


@pytest.mark.rule("lifecycle/crash-after-response-keeps-answer")
@pytest.mark.rule("lifecycle/init-after-crash-after-response")
def test_an_extension_that_ends_after_the_response_changes_nothing_for_the_caller(
    environment: StartEnvironment, gate: Gate
) -> None:
    env = environment(["loop"], {"ext": ["register:INVOKE", "next", gate.step, "exit:1", "/", *LOOP]})

    first = env.invoke(b'"kept"')
    gate.let_through()
    second = env.invoke(b'"next"')

    assert (first.status, first.body, "x-amz-function-error" in first.headers) == (200, b'"kept"', False)
    assert report_of(env, first).endswith("\tStatus: error\tError Type: Extension.Crash")
    assert second.body == b'"next"'
    assert "Init Duration" not in report_of(env, second)
    assert len([line for line in env.lines if line.startswith("INIT_START")]) == 1


@pytest.mark.rule("extensions-api/no-events-exit-is-crash")
@pytest.mark.rule("extensions-api/old-identifier-after-reset")
@pytest.mark.rule("lifecycle/identifiers-end-at-reset")
def test_an_extension_without_events_that_ends_is_missed_and_its_identifier_is_gone(
    environment: StartEnvironment,
) -> None:
    env = environment(["loop"], {"ext": ["pid", "register", "loop"], "other": ["register:SHUTDOWN", "loop"]})
    env.invoke()
    old = ExtensionPlayer(env, "ext")
    old.identifier = env.wait_for("^ext registered (.+)$")[1]
    os.kill(find_descendant(env.pid, int(env.wait_for(r"ext pid (\d+)")[1])), signal.SIGKILL)
    env.wait_for("^other got SHUTDOWN failure")

    assert env.invoke(b'"next"').body == b'"next"'
    new_identifier = env.wait_for("^ext registered (.+)$", nth=2)[1]
    assert new_identifier != old.identifier
    assert refusal(old.next()) == (403, "Extension.UnknownExtensionIdentifier")


# Several at once.


@pytest.mark.rule("lifecycle/failure-during-reset")
def test_a_failure_during_a_reset_starts_no_second_one(environment: StartEnvironment) -> None:
    env = environment(
        ["next", "exit:1", "/", "loop"],
        {"one": ["register:SHUTDOWN", "next", "exit:9", "/", *LOOP], "other": LOOP},
    )

    answer = env.invoke()

    assert answer.failure() == ("Runtime.ExitError", "Runtime exited with error: exit status 1")
    assert env.invoke(b'"next"').body == b'"next"'
    assert sum(line.startswith("other registered") for line in env.lines) == 2
    assert sum("SHUTDOWN failure" in line for line in env.lines) == 2


@pytest.mark.rule("lifecycle/reset-after-reset")
def test_after_two_resets_in_a_row_the_next_invocation_is_served(environment: StartEnvironment) -> None:
    env = environment(["next", "exit:1", "/", "next", "exit:2", "/", "loop"], {"ext": LOOP})
    calls = [env.start_invoke(body) for body in (b"1", b"2", b"3")]

    answers = [call.result() for call in calls]

    assert sum("x-amz-function-error" not in answer.headers for answer in answers) == 1
    texts = sorted(answer.failure()[1] for answer in answers if "x-amz-function-error" in answer.headers)
    assert texts == ["Runtime exited with error: exit status 1", "Runtime exited with error: exit status 2"]


def test_the_connections_of_a_runtime_that_is_gone_are_closed(environment: StartEnvironment) -> None:
    env = environment(["pause", "/", "loop"], environ=ONE_SECOND)
    poll = RuntimePlayer(env).start_next()
    call = env.start_invoke()
    assert poll.result().status == 200
    with env.peers.connect() as connection:
        connection.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\n\r\n")
        assert connection.recv(1) == b"H"

        assert call.result().failure() == TIMED_OUT
        while connection.recv(1 << 16):
            pass
    assert env.invoke().status == 200


RESETS = 20


def test_a_reset_leaves_nothing_open(environment: StartEnvironment) -> None:
    env = environment(["next", "exit:1"], {"ext": LOOP})
    env.invoke()
    before = set(os.listdir(f"/proc/{env.pid}/fd"))

    for _ in range(RESETS):
        env.invoke()

    # What the reset under way has opened or closed so far differs; what each of them left would be more than that.
    wait_until(
        lambda: len(os.listdir(f"/proc/{env.pid}/fd")) < len(before) + RESETS,
        lambda: f"more is open than {sorted(before)}",
    )


def test_the_memory_of_a_runtime_that_crashed_is_reported(environment: StartEnvironment) -> None:
    env = environment(["next", "exit:1"])

    report = report_of(env, env.invoke())

    used = re.search(r"\tMax Memory Used: (\d+) MB\t", report)
    assert used is not None
    assert int(used[1]) >= 5
