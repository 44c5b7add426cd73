"""What an invocation costs, in figures that do not depend on how fast the machine is."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import ACTORS, INVOCATIONS, Environment
from integration.http_calls import next_answer, request_bytes
from integration.processes import status_of

WARM = 200

SYSTEM_CALLS = 30
"""Of a warm invocation. Of the fifteen or so that there are, ten carry its four messages; the rest is room."""

CALLS = 240
"""Of functions of ours, of a warm invocation. There are some 210 with Python 3.11, where members of enumerations cost
calls, and some 170 with later ones; the rest is room."""

CALLS_OF_AN_EXTENSION = 60
"""So many more for each extension that is told of it. There are 50 and 40."""

MEGABYTE = 1024
ROOM = 8 * MEGABYTE
"""How much the memory may differ from one measurement to the next, in kB."""


def invoke_often(environment: Environment, count: int, payload: bytes) -> None:
    """Invoke over one connection."""
    connection = environment.callers.connect()
    head = request_bytes("POST", INVOCATIONS, {"Content-Length": str(len(payload))})
    with connection, connection.makefile("rb") as stream:
        for _ in range(count):
            connection.sendall(head + payload)
            assert next_answer(stream).body == payload


def calls_of_an_invocation(running: Environment) -> float:
    invoke_often(running, WARM, b"1")
    running.signal(signal.SIGUSR2)
    running.wait_for("^counting$")
    invoke_often(running, WARM, b"1")
    running.signal(signal.SIGUSR2)
    return int(running.wait_for(r"^calls (\d+)$")[1]) / WARM


@pytest.mark.skipif("SUPERVISOR_UNDER_TEST" in os.environ, reason="another build, which is not run by this Python")
def test_a_warm_invocation_makes_few_calls_and_each_extension_adds_few(environment: StartEnvironment) -> None:
    counted = (sys.executable, str(ACTORS / "counted.py"))
    extensions = dict.fromkeys("abcde", ("register:INVOKE", "loop"))

    alone = calls_of_an_invocation(environment(["loop"], before=counted))
    accompanied = calls_of_an_invocation(environment(["loop"], extensions, before=counted))

    assert alone < CALLS
    assert accompanied < alone + len(extensions) * CALLS_OF_AN_EXTENSION


def resident(environment: Environment) -> int:
    return int(status_of(environment.pid)["VmRSS"].split()[0])


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
def test_a_warm_invocation_makes_few_system_calls(environment: StartEnvironment, tmp_path: Path) -> None:
    running = environment(["loop"])
    invoke_often(running, WARM, b"1")
    counts = tmp_path / "counts"
    words = ["strace", "--summary-only", f"--output={counts}", f"--attach={running.pid}"]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as strace:
        assert strace.stderr is not None
        assert b"attached" in strace.stderr.readline()

        invoke_often(running, WARM, b"1")

        strace.send_signal(signal.SIGINT)
        strace.communicate()
    total = next(line for line in counts.read_text().splitlines() if line.endswith("total"))
    assert int(total.split()[3]) / WARM < SYSTEM_CALLS


def test_memory_does_not_grow_with_the_number_of_invocations(environment: StartEnvironment) -> None:
    running = environment(["loop"])
    invoke_often(running, 100, b"1")
    before = resident(running)

    invoke_often(running, 2_000, b"1")

    assert resident(running) < before + ROOM


def test_memory_does_not_grow_with_the_number_of_large_payloads(environment: StartEnvironment) -> None:
    running = environment(["loop"])
    payload = b'"%s"' % (b"x" * 5_000_000)
    invoke_often(running, 10, payload)
    before = resident(running)

    invoke_often(running, 40, payload)

    assert resident(running) < before + ROOM
