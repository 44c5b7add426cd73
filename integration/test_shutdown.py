"""The end of the whole: SIGTERM and SIGINT in every phase, in order and in time, with a useful exit code."""

import signal
import time

import pytest

from integration.conftest import StartEnvironment
from integration.gates import Gate
from integration.http_calls import read_answer
from integration.peers import IDLE, ExtensionPlayer

LOOP = ("register:INVOKE,SHUTDOWN", "loop")
SHUT_DOWN = ("Sandbox.Failure", "The execution environment was shut down")

in_both_places = pytest.mark.parametrize("as_pid_1", [True, False], ids=["PID 1", "ordinary process"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@in_both_places
def test_a_signal_ends_everything_in_order(
    environment: StartEnvironment, as_pid_1: bool, number: signal.Signals
) -> None:
    env = environment(
        ["on-sigterm:exit", "loop"],
        {"ext": LOOP, "silent": ["on-sigterm:exit", "register:INVOKE", "loop"]},
        as_pid_1=as_pid_1,
    )
    env.invoke()
    env.wait_for("^REPORT")

    env.signal(number)

    assert env.wait() == 0
    last = env.lines[-2:]
    assert last[0] == "runtime got SIGTERM"
    assert last[1].startswith("ext got SHUTDOWN spindown ")
    assert not any(line.startswith("silent got S") for line in env.lines)


def test_without_extensions_the_runtime_is_killed_at_once(environment: StartEnvironment) -> None:
    env = environment(["on-sigterm:ignore", "loop"])
    env.invoke()

    assert env.terminate() == 0
    assert "runtime got SIGTERM" not in env.lines


@pytest.mark.rule("extensions-api/not-registered-for-shutdown")
def test_an_extension_that_did_not_register_for_shutdown_is_killed_and_not_waited_for(
    environment: StartEnvironment,
) -> None:
    env = environment(["loop"], {"ext": ["on-sigterm:ignore", "register:INVOKE", "loop"]})
    env.invoke()

    assert env.terminate() == 0
    assert "ext got SIGTERM" not in env.lines
    assert not any("Killed at the deadline" in line for line in env.lines)


def test_an_extension_that_does_not_end_is_killed_after_two_seconds(environment: StartEnvironment) -> None:
    env = environment(["loop"], {"ext": ["register:SHUTDOWN", "next", "pause"]})
    env.invoke()

    before = time.monotonic()
    assert env.terminate() == 0
    assert time.monotonic() - before >= 2
    env.wait_for("^supervisor: Killed at the deadline of the shutdown, because still running: ext$")


@in_both_places
def test_a_second_signal_hurries_and_shows_in_the_exit_code(environment: StartEnvironment, as_pid_1: bool) -> None:
    env = environment(["loop"], {"ext": ["register:SHUTDOWN", "next", "pause"]}, as_pid_1=as_pid_1)
    env.invoke()
    env.signal(signal.SIGTERM)
    env.wait_for("^ext got SHUTDOWN")

    env.signal(signal.SIGINT)

    assert env.wait() == 128 + signal.SIGINT


@pytest.mark.rule("lifecycle/sigterm-during-init")
def test_sigterm_during_init(environment: StartEnvironment, gate: Gate) -> None:
    env = environment([gate.step, "loop"], {"ext": LOOP, "late": IDLE})
    ExtensionPlayer(env, "late").register()
    env.wait_for("^runtime holds$")
    env.wait_for("^ext ready$")
    with env.send_invoke() as call:
        assert env.terminate() == 0
        answer = read_answer(call)

    env.wait_for("^ext got SHUTDOWN spindown")
    assert (answer.status, answer.json()) == (500, {"Type": "Service", "Message": SHUT_DOWN[1]})


@pytest.mark.rule("lifecycle/sigterm-during-invocation")
@in_both_places
def test_sigterm_during_an_invocation(environment: StartEnvironment, as_pid_1: bool) -> None:
    env = environment(["next", "pause"], {"ext": LOOP}, as_pid_1=as_pid_1)
    call = env.start_invoke()
    env.wait_for("^runtime got")
    with env.send_invoke() as waiting:
        assert env.terminate() == 0
        assert read_answer(waiting).status == 500

    env.wait_for("^ext got SHUTDOWN spindown")
    assert call.result().failure() == SHUT_DOWN
    env.wait_for(r"^REPORT .*\tStatus: failure\tError Type: Sandbox.Failure$")


@pytest.mark.rule("lifecycle/sigterm-during-reset")
def test_sigterm_during_a_reset(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["next", "exit:1"], {"ext": ["register:SHUTDOWN", "next", gate.step, "exit:0"]})
    call = env.start_invoke()
    env.wait_for("^ext holds$")
    env.signal(signal.SIGTERM)
    gate.let_through()

    assert env.wait() == 0
    assert call.result().failure() == ("Runtime.ExitError", "Runtime exited with error: exit status 1")
    assert sum(line.startswith("ext registered") for line in env.lines) == 1


@pytest.mark.rule("extensions-api/daemon-dies-at-shutdown")
@in_both_places
def test_a_daemon_does_not_outlive_the_shutdown(environment: StartEnvironment, as_pid_1: bool) -> None:
    env = environment(
        ["orphan", "worker", "loop"], {"ext": ["orphan", "worker", "register:SHUTDOWN", "loop"]}, as_pid_1=as_pid_1
    )
    env.invoke()

    assert env.terminate() == 0
    env.check_nothing_left()


def test_the_last_words_of_everybody_are_heard(environment: StartEnvironment) -> None:
    env = environment(
        ["on-sigterm:exit", "loop"],
        {"ext": ["register:SHUTDOWN", "next", "write:no newline", "exit:0"]},
    )
    env.invoke()
    env.wait_for("^REPORT")

    assert env.terminate() == 0
    assert "runtime got SIGTERM" in env.lines
    assert env.lines[-1] == "no newline"
