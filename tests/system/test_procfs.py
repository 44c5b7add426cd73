import os
import subprocess
import sys
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
print("ready", flush=True)
signal.pause()
"""
"""More children than one page of numbers holds."""

THREADED = """
import subprocess, sys, threading
started = []
thread = threading.Thread(target=lambda: started.append(subprocess.Popen(["sleep", "1000"])))
thread.start()
while not started:
    pass
print(started[0].pid, flush=True)
threading.Event().wait()
"""
"""A child of a thread that is not the first one. The thread ends; its child is then kept in the list of another."""


def test_both_ways_find_children_and_grandchildren() -> None:
    script = "sleep 1000 & sh -c 'sleep 1000 & echo $$ $!; wait' & wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        inner, sleeper = map(int, shell.stdout.readline().split())

        found = descendants(shell.pid)

        assert len(found) == 3
        assert {inner, sleeper} < found
        assert {process.pid for process in all_descendants(shell.pid)} == found
        for pid in found:
            os.kill(pid, 9)


def test_a_thousand_children_are_found() -> None:
    with subprocess.Popen([sys.executable, "-c", MANY], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"

        found = descendants(parent.pid)

        for process in all_descendants(parent.pid):
            os.kill(process.pid, 9)
        parent.kill()
        assert len(found) == 1000


def test_the_children_of_every_thread_count() -> None:
    with subprocess.Popen([sys.executable, "-c", THREADED], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())

        assert descendants(parent.pid) == {child}
        assert {process.pid for process in all_descendants(parent.pid)} == {child}
        os.kill(child, 9)
        parent.kill()


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
