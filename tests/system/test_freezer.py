import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from supervisor.system.freezer import Freezer
from supervisor.system.procfs import descendants

STOPPED = "T"

IN_ALL_WAYS = """
import os, signal, sys
def start(leave):
    if os.fork() == 0:
        leave()
        os.write(1, b"%d\\n" % os.getpid())
        while True:
            signal.pause()
start(lambda: None)
start(os.setsid)
start(lambda: os.setpgid(0, 0))
start(lambda: os.setpgid(0, int(sys.argv[1])))
os.write(1, b"%d\\n" % os.getpid())
while True:
    signal.pause()
"""
"""A family of which one stays in the group, one leaves the session, one the group, and one joins its parent's."""

FORKS_ON = """
import os, signal
if os.fork() == 0:
    os.setsid()
    os.write(1, b"%d\\n" % os.getpid())
    for _ in range(500):
        if os.fork() == 0:
            os.setpgid(0, 0)
            break
        os.sched_yield()
while True:
    signal.pause()
"""
"""Somebody who has left the group and forks, while we look, children who leave his."""

COUNT_SIGNALS = """
import os, signal, subprocess
from supervisor.system.sigaction import ignore_stopped_children
heard = []
signal.signal(signal.SIGCHLD, lambda *_: heard.append("SIGCHLD"))
ignore_stopped_children()
child = subprocess.Popen(["sleep", "1000"])
for number, change in ((signal.SIGSTOP, os.WSTOPPED), (signal.SIGCONT, os.WCONTINUED), (signal.SIGKILL, os.WEXITED)):
    child.send_signal(number)
    os.waitid(os.P_PID, child.pid, change | os.WNOWAIT)
    print(number.name, *heard)
"""


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@contextmanager
def family(script: str, members: int) -> Iterator[tuple[int, list[int]]]:
    """The leader of a group, and the pids of its *members*, which are the first lines that they write."""
    command = [sys.executable, "-S", "-c", script, str(os.getpgid(0))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, process_group=0) as leader:
        assert leader.stdout is not None
        try:
            yield leader.pid, [int(leader.stdout.readline()) for _ in range(members)]
        finally:
            for pid in (*descendants(leader.pid), leader.pid):
                os.kill(pid, signal.SIGKILL)


def test_everybody_below_is_stopped_in_whatever_group_and_runs_after_the_thaw() -> None:
    with family(IN_ALL_WAYS, 5) as (leader, members):
        freezer = Freezer(os.getpid())
        freezer.freeze([leader])
        frozen = [wait_for_stop(pid) for pid in members]
        freezer.thaw()
        thawed = [state_of(pid) for pid in members]

    assert len(set(members)) == 5
    assert frozen == [STOPPED] * 5
    assert STOPPED not in thawed
    assert state_of(os.getpid()) != STOPPED


def wait_for_stop(pid: int) -> str:
    """A signal that has been sent takes a moment to stop a process that is running; the state then."""
    while (state := state_of(pid)) != STOPPED:
        os.sched_yield()
    return state


def test_nobody_escapes_by_forking() -> None:
    with family(FORKS_ON, 1) as (leader, _):
        freezer = Freezer(os.getpid())
        freezer.freeze([leader])
        for pid in descendants(leader):
            wait_for_stop(pid)
        before = descendants(leader)

        assert {wait_for_stop(pid) for pid in before} == {STOPPED}
        assert descendants(leader) == before


def test_who_is_gone_by_then_disturbs_nobody() -> None:
    with family(IN_ALL_WAYS, 5) as (leader, members):
        freezer = Freezer(os.getpid())
        freezer.freeze([leader])
        os.kill(members[1], signal.SIGKILL)
        freezer.thaw()

        assert state_of(leader) != STOPPED


@pytest.fixture
def control_group() -> Iterator[Path]:
    """A control group of version 2, where this user may make one."""
    for parent in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        folder = parent / f"test-{os.getpid()}"
        with suppress(OSError):
            folder.mkdir()
            if (folder / "cgroup.freeze").exists():
                yield folder
                folder.rmdir()
                return
            folder.rmdir()
    pytest.skip("needs a control group of version 2, and the right to make groups in it")


def test_a_control_group_of_their_own_is_frozen_by_the_kernel(control_group: Path) -> None:
    with subprocess.Popen(["sleep", "1000"], process_group=0) as child:
        control_group.joinpath("cgroup.procs").write_text(str(child.pid))
        freezer = Freezer(os.getpid(), str(control_group / "cgroup.freeze"))
        freezer.freeze([child.pid])
        while "frozen 1" not in (control_group / "cgroup.events").read_text():
            os.sched_yield()
        frozen = state_of(child.pid)
        freezer.thaw()
        thawed = (control_group / "cgroup.events").read_text()
        child.kill()

    assert frozen != STOPPED, "no signal was needed"
    assert "frozen 0" in thawed


def test_where_the_control_group_refuses_signals_do_it(tmp_path: Path) -> None:
    with family(IN_ALL_WAYS, 5) as (leader, members):
        freezer = Freezer(os.getpid(), str(tmp_path / "missing" / "cgroup.freeze"))
        freezer.freeze([leader])
        frozen = [wait_for_stop(pid) for pid in members]
        freezer.thaw()

    assert frozen == [STOPPED] * 5


@pytest.mark.parametrize("group", [0, 1])
def test_a_thaw_without_a_freeze_does_nothing(group: int) -> None:
    freezer = Freezer(os.getpid())
    for _ in range(group):
        freezer.freeze([])
    freezer.thaw()


def test_a_stop_and_a_thaw_send_no_sigchld_and_an_exit_does() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", COUNT_SIGNALS]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=30)

    assert run.stdout.splitlines() == ["SIGSTOP", "SIGCONT", "SIGKILL SIGCHLD"]
