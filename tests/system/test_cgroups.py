import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from supervisor.system.cgroups import Group, OomKills, own_group
from supervisor.system.child_group import ChildGroup, make_child_group

ACTORS = Path(__file__).parents[1] / "actors"
MEBIBYTE = 1024 * 1024


def make_proc(folder: Path, groups: str, mounts: str) -> str:
    (folder / "cgroup").write_text(groups)
    (folder / "mountinfo").write_text(mounts)
    return str(folder)


OTHER_MOUNT = "22 1 0:21 / /proc rw,nosuid - proc proc rw\n"
V1_MOUNTS = (
    OTHER_MOUNT
    + "35 31 0:32 {root} /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
    + "36 31 0:33 {root} /sys/fs/cgroup/cpu,pids rw - cgroup cgroup rw,cpu,pids\n"
    + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)
V2_MOUNTS = OTHER_MOUNT + "30 23 0:26 {root} /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n"


@pytest.mark.parametrize(
    ("groups", "mounts", "memory", "pids"),
    [
        pytest.param(
            "9:memory:/a/b\n8:cpu,pids:/c\n0::/\n",
            V1_MOUNTS.format(root="/"),
            Group("/sys/fs/cgroup/memory/a/b", 1),
            Group("/sys/fs/cgroup/cpu,pids/c", 1),
            id="version 1 on a host",
        ),
        pytest.param(
            "9:memory:/docker/4f\n8:cpu,pids:/docker/4f/inner\n0::/\n",
            V1_MOUNTS.format(root="/docker/4f"),
            Group("/sys/fs/cgroup/memory", 1),
            Group("/sys/fs/cgroup/cpu,pids/inner", 1),
            id="version 1 in a container that sees its own part",
        ),
        pytest.param(
            "0::/user.slice/session-1.scope\n",
            V2_MOUNTS.format(root="/"),
            Group("/sys/fs/cgroup/user.slice/session-1.scope", 2),
            Group("/sys/fs/cgroup/user.slice/session-1.scope", 2),
            id="version 2 on a host",
        ),
        pytest.param(
            "0::/\n",
            V2_MOUNTS.format(root="/"),
            Group("/sys/fs/cgroup", 2),
            Group("/sys/fs/cgroup", 2),
            id="version 2 in a container",
        ),
        pytest.param(
            "0::/../../elsewhere\n",
            V2_MOUNTS.format(root="/"),
            Group("/sys/fs/cgroup", 2),
            Group("/sys/fs/cgroup", 2),
            id="version 2, in a group outside of what is seen",
        ),
        pytest.param(
            "9:memory:/a\n0::/b\n",
            V1_MOUNTS.format(root="/").replace("cgroup rw,cpu,pids", "cgroup rw,cpu"),
            Group("/sys/fs/cgroup/memory/a", 1),
            Group("/sys/fs/cgroup/unified/b", 2),
            id="both versions, each with a part",
        ),
        pytest.param("0::/\n", OTHER_MOUNT, None, None, id="nothing mounted"),
        pytest.param("", V2_MOUNTS.format(root="/"), None, None, id="a kernel without groups"),
    ],
)
def test_our_own_group_is_found(
    tmp_path: Path, groups: str, mounts: str, memory: Group | None, pids: Group | None
) -> None:
    proc = make_proc(tmp_path, groups, mounts)

    assert (own_group("memory", proc), own_group("pids", proc)) == (memory, pids)


def test_without_proc_there_is_no_group() -> None:
    assert own_group("memory", "/none") is None


@pytest.mark.parametrize(
    ("version", "name", "text"),
    [
        (1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"),
        (2, "memory.events", "low 0\nhigh 7\nmax 12\noom 3\noom_kill {}\noom_group_kill 0\n"),
    ],
)
def test_each_kill_for_want_of_memory_is_told_once(tmp_path: Path, version: int, name: str, text: str) -> None:
    events = tmp_path / name
    events.write_text(text.format(5))
    kills = OomKills([Group(str(tmp_path), version), Group(str(tmp_path / "none"), version)])
    assert not kills.happened()

    events.write_text(text.format(7))
    assert [kills.happened() for _ in range(3)] == [True, True, False]
    events.write_text(text.format(8))
    assert [kills.happened() for _ in range(2)] == [True, False]


def test_a_death_that_two_groups_count_is_one(tmp_path: Path) -> None:
    """In version 2 a group counts what happens in the groups inside it too."""
    events = [tmp_path / "memory.events", tmp_path / "inner" / "memory.events"]
    (tmp_path / "inner").mkdir()
    for file in events:
        file.write_text("oom_kill 0\n")
    kills = OomKills([Group(str(file.parent), 2) for file in events])

    for file in events:
        file.write_text("oom_kill 1\n")

    assert [kills.happened() for _ in range(2)] == [True, False]


@pytest.fixture
def group() -> ChildGroup:
    """A group of this machine, with 64 MB of memory and 20 processes."""
    group = make_child_group(64 * MEBIBYTE, 20)
    if group.memory is None or group.processes is None:
        group.remove()
        pytest.skip(f"this machine lets nobody make a control group: {group.obstacles[0]}")
    return group


def start(group: ChildGroup, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=group.enter,  # noqa: PLW1509 -- as the supervisor does it
    )


def test_a_process_that_needs_more_memory_than_its_group_has_is_killed_and_that_is_told(group: ChildGroup) -> None:
    memory = group.memory
    assert memory is not None
    kills = OomKills([memory])
    try:
        with start(group, sys.executable, "-I", str(ACTORS / "hog.py"), "8") as modest:
            assert modest.stdout is not None
            assert modest.stdout.readline() == b"ready\n"
            peak = int(Path(group.memory_peak).read_text())
            modest.kill()
        assert not kills.happened()

        with start(group, sys.executable, "-I", str(ACTORS / "hog.py"), "100") as greedy:
            assert greedy.wait() == -signal.SIGKILL
        assert kills.happened()
    finally:
        group.remove()

    assert 8 * MEBIBYTE < peak < 64 * MEBIBYTE
    assert not os.path.exists(memory.path)


def test_a_group_has_no_more_processes_than_it_may(group: ChildGroup) -> None:
    processes = group.processes
    assert processes is not None
    members = Path(processes.file("cgroup.procs"))
    try:
        with start(group, "sh", "-c", "exec >/dev/null 2>&1; for i in $(seq 30); do sleep 1000 & done") as shell:
            code = shell.wait(30)
        count = len(members.read_text().split())
    finally:
        while left := members.read_text().split():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        group.remove()

    # The shell gives up at the first that it cannot start.
    assert code != 0
    assert 10 < count <= 20


def test_a_file_that_takes_no_limit_is_named(tmp_path: Path) -> None:
    control = tmp_path / "cgroup.subtree_control"
    control.symlink_to("/dev/full")
    mounts = OTHER_MOUNT + f"30 23 0:26 / {tmp_path} rw,nosuid - cgroup2 cgroup rw\n"

    group = make_child_group(64 * MEBIBYTE, 20, make_proc(tmp_path, "0::/\n", mounts))

    assert [(error.errno, error.filename) for error in group.obstacles] == [(errno.ENOSPC, str(control))] * 2


def test_where_no_group_can_be_made_the_reason_is_kept(tmp_path: Path) -> None:
    nowhere = make_child_group(64 * MEBIBYTE, 20, make_proc(tmp_path, "", ""))
    not_a_tree = OTHER_MOUNT + f"30 23 0:26 / {tmp_path} rw - cgroup2 cgroup rw\n"
    forbidden = make_child_group(64 * MEBIBYTE, 20, make_proc(tmp_path, "0::/\n", not_a_tree))

    assert (nowhere.memory, nowhere.processes, nowhere.entrances, nowhere.memory_peak) == (None, None, [], "")
    assert [error.strerror for error in nowhere.obstacles] == ["no control group is to be seen"] * 2
    assert (forbidden.memory, forbidden.processes) == (None, None)
    assert [error.errno for error in forbidden.obstacles] == [errno.ENOENT] * 2
