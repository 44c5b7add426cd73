import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from supervisor.system.memory import Memory

ACTORS = Path(__file__).parents[1] / "actors"
MEBIBYTE = 1024 * 1024

INTERPRETER = 40 * MEBIBYTE
"""More than a Python needs that does nothing."""


@contextmanager
def family() -> Iterator[tuple[int, IO[bytes], IO[bytes]]]:
    """A shell, its input, which it obeys, and its output. What descends from it stands for an environment."""
    with subprocess.Popen(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, process_group=0) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        try:
            yield shell.pid, shell.stdin, shell.stdout
        finally:
            os.killpg(shell.pid, signal.SIGKILL)


def hog(mebibytes: int, *words: str) -> str:
    return f"{sys.executable} -I {ACTORS}/hog.py {mebibytes} {' '.join(words)} & echo $!"


def start(commands: IO[bytes], output: IO[bytes], command: str) -> int:
    """Run a hog under the shell; its pid once it holds its memory."""
    commands.write(f"{command}\n".encode())
    lines = {read_line(output), read_line(output)}
    lines.remove(b"ready")
    return int(lines.pop())


def read_line(output: IO[bytes]) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += output.read(1)
    return line.strip()


def stop(commands: IO[bytes], output: IO[bytes], pid: int) -> None:
    """Kill a hog and have its parent wait for it."""
    commands.write(f"kill -9 {pid}; wait {pid} 2>/dev/null; echo gone\n".encode())
    assert read_line(output) == b"gone"


def test_the_peak_is_the_sum_over_the_processes_that_live_at_the_same_time() -> None:
    with family() as (shell, commands, output):
        memory = Memory(shell)
        assert memory.peak() == 0

        start(commands, output, hog(100))
        one = memory.peak()
        start(commands, output, hog(60))
        two = memory.peak()

        assert 100 * MEBIBYTE < one < 100 * MEBIBYTE + INTERPRETER
        assert 160 * MEBIBYTE < two < 160 * MEBIBYTE + 2 * INTERPRETER
        memory.close()


def test_the_peak_never_falls_and_rises_again_only_above_itself() -> None:
    with family() as (shell, commands, output):
        memory = Memory(shell)
        first = start(commands, output, hog(100))
        peak = memory.peak()
        stop(commands, output, first)
        assert memory.peak() == peak

        start(commands, output, hog(60))
        assert memory.peak() == peak
        start(commands, output, hog(60))

        assert memory.peak() > max(peak, 120 * MEBIBYTE)
        memory.close()


def test_files_of_processes_that_are_gone_are_closed() -> None:
    with family() as (shell, commands, output):
        memory = Memory(shell)
        first = start(commands, output, hog(1))
        memory.peak()
        descriptors = len(os.listdir("/proc/self/fd"))
        stop(commands, output, first)
        start(commands, output, hog(1))
        memory.peak()

        assert len(os.listdir("/proc/self/fd")) == descriptors
        memory.close()


REUSE = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from supervisor.system.memory import Memory
memory = Memory(os.getpid())
def start(mebibytes):
    hog = subprocess.Popen([sys.executable, sys.argv[2], mebibytes], stdout=subprocess.PIPE)
    hog.stdout.readline()
    return hog
first = start("1")
memory.peak()
first.kill()
first.wait()
with open("/proc/sys/kernel/ns_last_pid", "w") as last_pid:
    last_pid.write(str(first.pid - 1))
second = start("100")
print(second.pid == first.pid, memory.peak() >> 20 >= 100)
"""
"""Two processes with the same number, one after the other."""


def namespaces_can_be_made() -> bool:
    argv = ["unshare", "--pid", "--fork", "--mount-proc", "test", "-w", "/proc/sys/kernel/ns_last_pid"]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not namespaces_can_be_made(), reason="needs the right to make a pid namespace")
def test_a_new_process_with_the_number_of_a_dead_one_counts() -> None:
    argv = [sys.executable, "-c", REUSE, str(ACTORS.parents[1]), str(ACTORS / "hog.py")]

    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", *argv], check=True, capture_output=True, text=True
    )

    assert done.stdout == "True True\n"


def test_what_a_process_took_since_the_last_measurement_counts() -> None:
    with family() as (shell, commands, output):
        memory = Memory(shell)
        pid = start(commands, output, hog(10, "then:100"))
        before = memory.peak()
        os.kill(pid, signal.SIGUSR1)
        assert read_line(output) == b"ready"

        assert memory.peak() - before > 90 * MEBIBYTE
        memory.close()


def test_grandchildren_count() -> None:
    with family() as (shell, commands, output):
        memory = Memory(shell)
        commands.write(f"sh -c '{hog(100)}; wait' &\n".encode())
        assert b"ready" in {read_line(output), read_line(output)}

        assert memory.peak() > 100 * MEBIBYTE
        memory.close()


def test_more_processes_than_files_are_kept_open_count_as_well() -> None:
    with family() as (shell, commands, output):
        memory = Memory(shell)
        descriptors = len(os.listdir("/proc/self/fd"))
        commands.write(b"for i in $(seq 80); do sleep 1000 & done; echo started\n")
        assert read_line(output) == b"started"
        before = memory.peak()
        start(commands, output, hog(100))

        assert memory.peak() - before > 100 * MEBIBYTE
        assert len(os.listdir("/proc/self/fd")) - descriptors <= 64
        memory.close()
        assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_process_that_dies_between_two_measurements_counts_if_it_was_larger_than_we() -> None:
    with family() as (shell, commands, output):
        memory = Memory(shell)
        start(commands, output, hog(50))
        alive = memory.peak()

        memory.exited(1 * MEBIBYTE)
        assert memory.peak() == alive
        memory.exited(1000 * MEBIBYTE)
        assert memory.peak() == alive + 1000 * MEBIBYTE

        memory.close()
