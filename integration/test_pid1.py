"""At home as the first process, and as an ordinary one: orphans, signals, descriptors, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys

import pytest

from integration.conftest import StartEnvironment
from integration.environments import ACTORS, UNDER_TEST
from integration.processes import find_descendant, own_pid_of, wait_until

LOOP = ("register:INVOKE,SHUTDOWN", "loop")

in_both_places = pytest.mark.parametrize("as_pid_1", [True, False], ids=["PID 1", "ordinary process"])


@in_both_places
@pytest.mark.rule("lifecycle/orphans-are-reaped")
def test_an_orphan_that_ends_is_reaped(environment: StartEnvironment, as_pid_1: bool) -> None:
    env = environment(["orphan", "loop"], {"ext": ["orphan", *LOOP]}, as_pid_1=as_pid_1)
    env.invoke()

    for name in ("runtime", "ext"):
        own_pid = int(env.wait_for(rf"^{name} orphan (\d+)")[1])
        os.kill(find_descendant(env.pid, own_pid), signal.SIGKILL)
        env.wait_until_gone(own_pid)
    env.check_no_zombie()
    assert env.invoke(b'"lives on"').body == b'"lives on"'


@in_both_places
def test_many_orphans_at_once_are_all_reaped(environment: StartEnvironment, as_pid_1: bool) -> None:
    script = 'for i in $(seq 200); do (exit 3 & exit 0) & done; wait; echo forked; exec "$@"'
    env = environment(
        command=["sh", "-c", script, "sh", "sh", "-c", "echo waits; exec sleep infinity"], as_pid_1=as_pid_1
    )
    env.wait_for("^waits$")

    # Some of them may not have ended yet.
    wait_until(lambda: len(env.processes()) == 1, lambda: f"{env.processes()} are still there:\n{env.output.text}")


def test_what_the_runtime_does_to_its_process_group_reaches_nobody_else(environment: StartEnvironment) -> None:
    env = environment(["next", "kill-group:SIGTERM", "pause", "/", "loop"], {"ext": LOOP})

    assert env.invoke().failure() == ("Runtime.ExitError", "Runtime exited with error: signal: terminated")
    env.wait_for("^ext got SHUTDOWN failure")
    assert env.invoke().status == 200


def test_what_a_child_is_started_with(environment: StartEnvironment) -> None:
    surroundings = str(ACTORS / "surroundings.py")
    env = environment(command=[sys.executable, "-S", surroundings, "a word", ""])

    seen = json.loads(env.wait_for(r"^\{.*\}$").string)

    assert seen["argv"] == ["a word", ""]
    assert seen["leads_group"]
    assert seen["descriptors"] == [0, 1, 2, int(seen["environ"]["_LAMBDA_TELEMETRY_LOG_FD"])]
    assert seen["blocking"] == [True, True]
    assert seen["stdin"] == ""
    assert os.path.basename(seen["cwd"]) == "work"


def test_the_names_of_the_sandbox_resolve(environment: StartEnvironment) -> None:
    program = "import socket; print(*map(socket.gethostbyname, ['sandbox', 'sandbox.localdomain']))"
    env = environment(command=[sys.executable, "-S", "-c", program])

    env.wait_for(r"^127\.0\.0\.1 127\.0\.0\.1$")


def test_the_supervisor_is_the_first_process_and_the_runtime_the_second(environment: StartEnvironment) -> None:
    """In a new pid namespace every process that ever was has a number: no other program has been started."""
    env = environment(["pid", "loop"])

    assert own_pid_of(env.pid) == 1
    assert env.wait_for(r"^runtime pid (\d+)$")[1] == "2"


def test_a_signal_during_the_start_is_not_lost(environment: StartEnvironment) -> None:
    env = environment(["loop"])
    env.signal(signal.SIGTERM)

    assert env.wait() == 0


def test_where_the_platform_is_the_command_takes_our_place() -> None:
    result = subprocess.run(
        [*UNDER_TEST, "sh", "-c", "echo in place of $PPID; exit 7"],
        env={"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stdout, result.stderr) == (7, f"in place of {os.getpid()}\n", "")
