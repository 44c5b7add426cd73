import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervisor.system.procfs import all_descendants, descendants, read

ACTORS = Path(__file__).parents[1] / "actors"

FIND_DESCENDANTS = """
import os, sys
sys.path.insert(0, sys.argv[1])
from supervisor.system.memory import Memory
from supervisor.system.procfs import all_descendants, descendants
pid = os.getpid()
print(pid, all_descendants(pid), descendants(pid), Memory(pid).peak())
"""

MANY = """
import os, signal
for _ in range(1000):
    if os.fork() == 0:
        signal.pause()
print(1000, flush=True)
signal.pause()
"""
"""More children than one page of numbers holds."""

THREADED = """
import subprocess, sys, threading
def start():
    print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)
    threading.Event().wait()
threading.Thread(target=start).start()
"""
"""A child of a thread that is not the first one."""


@contextmanager
def family(*argv: str) -> Iterator[tuple[int, list[int]]]:
    """A parent and the numbers in its first line; nobody of its group survives."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, process_group=0) as parent:
        assert parent.stdout is not None
        try:
            yield parent.pid, [int(word) for word in parent.stdout.readline().split()]
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_both_ways_find_children_and_grandchildren() -> None:
    script = "sleep 1000 & sh -c 'sleep 1000 & echo $$ $!; wait' & wait"
    with family("sh", "-c", script) as (parent, inner_and_sleeper):
        found = descendants(parent)

        assert len(found) == 3
        assert set(inner_and_sleeper) < found
        assert {process.pid for process in all_descendants(parent)} == found


def test_a_thousand_children_are_found() -> None:
    with family(sys.executable, "-c", MANY) as (parent, _):
        assert len(descendants(parent)) == 1000


def test_the_children_of_every_thread_count() -> None:
    with family(sys.executable, "-c", THREADED) as (parent, children):
        assert descendants(parent) == set(children)
        assert {process.pid for process in all_descendants(parent)} == set(children)


def test_the_name_of_a_program_may_hold_anything(tmp_path: Path) -> None:
    program = tmp_path / ") S 1 (x"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "1000"]) as child:
        found = {process.pid for process in all_descendants(os.getpid())}
        child.kill()

    assert child.pid in found


def test_a_dead_process_that_nobody_waited_for_descends_too() -> None:
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert child.pid in descendants(os.getpid())
        assert child.pid in {process.pid for process in all_descendants(os.getpid())}


def namespaces_can_be_made() -> bool:
    return subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not namespaces_can_be_made(), reason="needs the right to make a pid namespace")
def test_the_numbers_of_another_namespace_are_not_taken_for_ours() -> None:
    # Inside, /proc still shows the outside, where 1 is the ancestor of everybody.
    argv = ["unshare", "--pid", "--fork", sys.executable, "-c", FIND_DESCENDANTS, str(ACTORS.parents[1])]

    done = subprocess.run(argv, check=True, capture_output=True, text=True)

    assert done.stdout == "1 set() set() 0\n"


def test_a_process_that_is_gone_has_no_descendants() -> None:
    with subprocess.Popen(["true"]) as child:
        pass

    assert descendants(child.pid) == set()
    assert all_descendants(child.pid) == set()
    with pytest.raises(OSError, match="No such file"):
        read(f"/proc/{child.pid}/stat")
