import ctypes
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from supervisor.lifecycle.exits import ExitStatus
from supervisor.system.children import Outputs, launch
from supervisor.system.reaper import become_subreaper, reap

ACTORS = Path(__file__).parents[1] / "actors"
ROOT = ACTORS.parents[1]
PATIENCE = 30
MEBIBYTE = 1024 * 1024

KILL_EVERYTHING = """
import os, sys
sys.path.insert(0, sys.argv[1])
from supervisor.system.children import Outputs, launch
from supervisor.system.reaper import become_subreaper, kill_descendants
become_subreaper()
for argv in eval(sys.argv[2]):
    read_end, write_end = os.pipe()
    launch(argv, dict(os.environ), "/", Outputs(write_end, os.dup(2)))
    os.read(read_end, 64)
kill_descendants()
waited_for = 0
try:
    while True:
        os.wait()
        waited_for += 1
except ChildProcessError:
    print(os.getpid(), waited_for)
"""
"""Starts what it is told, waits until each has written something, kills all and waits until nothing lives."""


class Exits:
    """What the reaper reported; can be waited for."""

    def __init__(self) -> None:
        self.statuses: dict[int, ExitStatus] = {}
        self.peaks: dict[int, int] = {}
        self._news = trio.Event()

    def __call__(self, pid: int, status: ExitStatus, peak: int) -> None:
        assert pid not in self.statuses
        self.statuses[pid] = status
        self.peaks[pid] = peak
        self._news.set()

    async def until(self, condition: Callable[[dict[int, ExitStatus]], bool]) -> dict[int, ExitStatus]:
        with trio.fail_after(PATIENCE):
            while not condition(self.statuses):
                self._news = trio.Event()
                await self._news.wait()
        return self.statuses


@asynccontextmanager
async def reaping() -> AsyncIterator[Exits]:
    exits = Exits()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reap, exits)
        yield exits
        nursery.cancel_scope.cancel()


@pytest.fixture
def _subreaper() -> Iterator[None]:
    become_subreaper()
    yield
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


def start(actor: str, *words: str) -> tuple[int, int]:
    """The pid of an actor, and the reading end of its output."""
    read_end, write_end = os.pipe()
    argv = [sys.executable, "-I", str(ACTORS / actor), *words]
    return launch(argv, {}, "/", Outputs(write_end, os.dup(2))).pid, read_end


def wait_for_the_end(pid: int) -> None:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def first_line(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.readline()


async def test_a_child_that_is_stopped_or_continued_does_not_wake_the_reaper() -> None:
    action = ctypes.create_string_buffer(256)
    async with reaping():
        await trio.testing.wait_all_tasks_blocked()
        ctypes.CDLL(None).sigaction(signal.SIGCHLD, None, action)

    # `sa_flags` of struct sigaction, as glibc and musl lay it out on 64 bits; SA_NOCLDSTOP is 1.
    assert int.from_bytes(action.raw[136:140], sys.byteorder) & 1


async def test_every_exit_is_reported_with_its_status() -> None:
    async with reaping() as exits:
        expected = {
            start("chatter.py")[0]: ExitStatus(),
            start("chatter.py", "exit:17")[0]: ExitStatus(code=17),
            start("chatter.py", "exit:255")[0]: ExitStatus(code=255),
            start("chatter.py", "kill:9")[0]: ExitStatus(signal=9),
            start("chatter.py", "kill:11")[0]: ExitStatus(signal=11),
        }

        assert await exits.until(lambda statuses: len(statuses) == 5) == expected


async def test_what_ended_before_the_reaper_stood_is_reported_too() -> None:
    pid, output = start("chatter.py", "exit:5")
    wait_for_the_end(pid)
    os.close(output)

    async with reaping() as exits:
        assert await exits.until(bool) == {pid: ExitStatus(code=5)}


async def test_a_hundred_exits_at_once_are_a_hundred_reports() -> None:
    async with reaping() as exits:
        pids = {launch(["true"], {}, "/", Outputs(os.dup(1), os.dup(2))).pid for _ in range(100)}

        assert await exits.until(lambda statuses: len(statuses) == 100) == dict.fromkeys(pids, ExitStatus())


async def test_a_blocked_sigchld_is_received_all_the_same() -> None:
    pid, output = start("stubborn.py")
    assert first_line(output) == b"ready\n"
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    async with reaping() as exits:
        await trio.testing.wait_all_tasks_blocked()
        os.kill(pid, signal.SIGKILL)

        assert await exits.until(bool) == {pid: ExitStatus(signal=9)}


@pytest.mark.usefixtures("_subreaper")
async def test_an_orphan_is_reaped_as_well_as_its_parent() -> None:
    async with reaping() as exits:
        pid, output = start("forker.py", "exit:9")
        orphan = int(first_line(output))

        statuses = await exits.until(lambda statuses: len(statuses) == 2)

        assert statuses == {pid: ExitStatus(code=3), orphan: ExitStatus(code=9)}


async def test_the_peak_of_memory_comes_with_the_exit() -> None:
    async with reaping() as exits:
        pid, output = start("hog.py", "300")
        assert first_line(output) == b"ready\n"
        os.kill(pid, signal.SIGKILL)
        await exits.until(bool)

        # The kernel's number begins with the memory of this very process, which has run many tests.
        assert 300 * MEBIBYTE < exits.peaks[pid] < 3000 * MEBIBYTE


def run(program: str, *words: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    argv = [*prefix, sys.executable, "-c", program, str(ROOT), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=PATIENCE)


def actor(name: str) -> list[str]:
    return [sys.executable, "-I", str(ACTORS / name)]


FAMILY = [
    actor("stubborn.py"),
    actor("forker.py"),
    ["sh", "-c", "sh -c 'sh -c \"sleep 1000\" & wait' & echo ready; wait"],
]
AT_LEAST = 4
"""The stubborn one, the orphan, and at least two of the shells: the others may not have started yet."""


def test_nothing_that_descends_from_us_survives_a_kill() -> None:
    done = run(KILL_EVERYTHING, repr(FAMILY))

    _, waited_for = map(int, done.stdout.split())
    assert waited_for >= AT_LEAST


def test_nothing_forks_itself_away_from_a_kill() -> None:
    spawning = "while :; do sh -c 'sleep 1000 & sleep 1000 &' ; echo x; done"

    _, waited_for = map(int, run(KILL_EVERYTHING, repr([["sh", "-c", spawning]] * 3)).stdout.split())

    assert waited_for > 3


def test_a_process_that_is_none_of_ours_survives_a_kill() -> None:
    with subprocess.Popen(actor("stubborn.py"), stdout=subprocess.PIPE) as bystander:
        assert bystander.stdout is not None
        assert bystander.stdout.readline() == b"ready\n"

        run(KILL_EVERYTHING, repr(FAMILY))

        assert bystander.poll() is None
        bystander.kill()


def namespaces_can_be_made() -> bool:
    argv = ["unshare", "--pid", "--fork", "--mount-proc", "true"]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not namespaces_can_be_made(), reason="needs the right to make a pid namespace")
def test_pid_1_gets_its_orphans_without_being_a_subreaper() -> None:
    done = run(KILL_EVERYTHING, repr(FAMILY), prefix=("unshare", "--pid", "--fork", "--mount-proc"))

    pid, waited_for = map(int, done.stdout.split())
    # A shell that lives a moment longer than its child tells of it.
    assert (pid, done.stderr.replace("Killed\n", "")) == (1, "")
    assert waited_for >= AT_LEAST


def test_without_ctypes_one_warning_says_what_that_means() -> None:
    program = """if True:
        import sys
        sys.path.insert(0, sys.argv[1])
        import supervisor.system.reaper
        sys.modules["ctypes"] = None
        supervisor.system.reaper.become_subreaper()
    """

    done = run(program)

    assert len(done.stderr.splitlines()) == 1
    assert "leaves behind" in done.stderr
    assert "Start it as PID 1" in done.stderr


@pytest.mark.usefixtures("_subreaper")
def test_becoming_a_subreaper_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        become_subreaper()

    assert caplog.records == []
