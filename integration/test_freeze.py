"""Between invocations nothing runs; with the next one, or at the end, everything does."""

import os
import signal

import pytest

from integration.conftest import StartEnvironment
from integration.gates import Gate
from integration.processes import find_descendant
from integration.subscribers import MakeSubscriber

LOOP = ("register:INVOKE,SHUTDOWN", "loop")


@pytest.mark.rule("lifecycle/background-work-waits")
def test_a_thread_of_the_function_goes_on_with_the_next_invocation(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["next", f"later:{gate.path}", "respond", "loop"])
    env.invoke()
    env.wait_until_frozen()
    gate.let_through()

    second = env.invoke().headers["x-amzn-requestid"]

    env.wait_for("^runtime goes on$")
    assert env.lines.index(f"START RequestId: {second} Version: $LATEST") < env.lines.index("runtime goes on")


@pytest.mark.parametrize("way", [{"options": ("--no-freeze",)}, {"environ": {"SUPERVISOR_FREEZE": "0"}}])
def test_without_the_freeze_a_thread_of_the_function_goes_on_at_once(
    environment: StartEnvironment, gate: Gate, way: dict[str, object]
) -> None:
    env = environment(["next", f"later:{gate.path}", "respond", "loop"], **way)
    env.invoke()
    env.wait_for("^REPORT")

    gate.let_through()

    env.wait_for("^runtime goes on$")


@pytest.mark.rule("lifecycle/frozen-after-init")
@pytest.mark.parametrize("as_pid_1", [True, False], ids=["PID 1", "ordinary process"])
def test_everything_stands_still_after_init_and_gets_its_first_event(
    environment: StartEnvironment, as_pid_1: bool
) -> None:
    env = environment(["worker", "orphan", "loop"], {"ext": LOOP}, as_pid_1=as_pid_1)
    env.wait_until_frozen()

    assert env.invoke(b"1").body == b"1"
    env.wait_for("^ext got INVOKE")
    env.wait_until_frozen()
    assert env.invoke(b"2").body == b"2"
    env.wait_for("^ext got INVOKE", nth=2)


@pytest.mark.rule("lifecycle/thawed-before-shutdown")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_frozen_environment_ends_in_order(environment: StartEnvironment, number: signal.Signals) -> None:
    env = environment(["on-sigterm:exit", "loop"], {"ext": LOOP})
    env.invoke()
    env.wait_until_frozen()

    env.signal(number)

    assert env.wait() == 0
    assert env.lines[-2] == "runtime got SIGTERM"
    assert env.lines[-1].startswith("ext got SHUTDOWN spindown ")
    assert not any("Killed at the deadline" in line for line in env.lines)


def test_a_frozen_environment_whose_runtime_is_killed_begins_anew(environment: StartEnvironment) -> None:
    env = environment(["pid", "loop"], {"ext": LOOP})
    env.wait_until_frozen()
    own_pid = int(env.wait_for(r"runtime pid (\d+)")[1])
    os.kill(find_descendant(env.pid, own_pid), signal.SIGKILL)
    env.wait_for("^ext got SHUTDOWN failure")

    assert env.invoke(b"2").body == b"2"
    env.wait_for("^runtime pid", nth=2)


@pytest.mark.rule("telemetry-api/end-told-with-next-invocation")
@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_what_was_not_told_before_the_freeze_is_told_in_the_next_invocation(
    subscriber: MakeSubscriber, environment: StartEnvironment, gate: Gate, protocol: str
) -> None:
    """Nobody says over TCP what has been read: the subscriber ends when it has told."""
    told = subscriber(types=["platform"], protocol=protocol, then=["next", "next", "next", gate.step, "exit:0"])
    env = environment(extensions={"sub": told.file})
    env.invoke()
    env.wait_until_frozen()
    env.invoke()
    env.wait_until_frozen()
    env.signal(signal.SIGTERM)
    told.wait_for("platform.report", 2)
    gate.let_through()
    assert env.wait() == 0
    told.wait_for_end()

    invocation = ["platform.start", "platform.runtimeDone", "platform.report"]
    kinds = [kind for kind in told.kinds if kind.removeprefix("platform.") in ("start", "runtimeDone", "report")]
    assert kinds == invocation * 2
    assert "platform.logsDropped" not in told.kinds
