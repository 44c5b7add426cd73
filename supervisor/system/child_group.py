"""Owns a control group for the children, where their memory and their number are limited.

Where that is possible depends on who set the container up, so whatever cannot be limited is told and not raised.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from supervisor.system.cgroups import PROC, Group, own_group

_LIMIT: Final = {1: "memory.limit_in_bytes", 2: "memory.max"}
_LIMIT_WITH_SWAP: Final = "memory.memsw.limit_in_bytes"
_SWAP_ALLOWANCE: Final = "memory.swap.max"
_PEAK: Final = {1: "memory.max_usage_in_bytes", 2: "memory.peak"}


@dataclass(slots=True)
class ChildGroup:
    """The group of the children, or the two where memory and processes are counted in different trees.

    Args:
        memory: Where the memory is limited, if it is.
        processes: Where the number of processes is limited, if it is.
        entrances: Where a process writes itself in.
        obstacles: Why something is not limited.

    Resource handling: the entrances are descriptors, which stay open for as long as we live.
    """

    memory: Group | None = None
    processes: Group | None = None
    entrances: list[int] = field(default_factory=list)
    obstacles: list[OSError] = field(default_factory=list)

    def enter(self) -> None:
        """Move the calling process in: for a child that has not executed its program yet."""
        for entrance in self.entrances:
            os.write(entrance, b"0")

    @property
    def memory_peak(self) -> str:
        """The file with the peak of the children's memory, in bytes; empty if nobody counts it."""
        path = self.memory.file(_PEAK[self.memory.version]) if self.memory is not None else ""
        # The kernel has it since 5.19 (version 2).
        return path if os.path.exists(path) else ""

    @property
    def freezer(self) -> str:
        """The file that freezes the children; empty in version 1, whose freezer is a tree of its own."""
        for group in (self.memory, self.processes):
            if group is not None and group.version != 1:
                return group.file("cgroup.freeze")
        return ""

    def remove(self) -> None:
        """Remove the groups, which have no process any more."""
        for group in (self.memory, self.processes):
            if group is not None:
                with suppress(OSError):
                    os.rmdir(group.path)


def make_child_group(memory_bytes: int, processes: int, proc: str = PROC) -> ChildGroup:
    """A group for the children with these limits; where one cannot be kept the reason is among the obstacles."""
    made = ChildGroup()
    # Both before the first is made: for that we may have to leave the group that the second one is made in too.
    above = {controller: own_group(controller, proc) for controller in ("memory", "pids")}
    try:
        made.memory = _make("memory", above)
        _limit_memory(made.memory, memory_bytes)
        made.entrances.append(_entrance(made.memory))
    except OSError as error:
        made.memory = None
        made.obstacles.append(error)
    try:
        made.processes = _make("pids", above)
        _write(made.processes.file("pids.max"), processes)
        made.entrances.append(_entrance(made.processes))
    except OSError as error:
        made.processes = None
        made.obstacles.append(error)
    return made


def _make(controller: str, above: Mapping[str, Group | None]) -> Group:
    ours = above[controller]
    if ours is None:
        raise OSError(errno.ENOENT, "no control group is to be seen", "/sys/fs/cgroup")
    if ours.version != 1:
        _share(ours, controller)
    group = Group(ours.file(f"lambda-{os.getpid()}"), ours.version)
    with suppress(FileExistsError):
        os.mkdir(group.path)
    return group


def _share(group: Group, controller: str) -> None:
    """Let groups inside *group* have limits of their own, which is possible while no process is in itself."""
    control = group.file("cgroup.subtree_control")
    try:
        _write(control, f"+{controller}")
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        leaf = group.file("supervisor")
        with suppress(FileExistsError):
            os.mkdir(leaf)
        _write(os.path.join(leaf, "cgroup.procs"), 0)
        _write(control, f"+{controller}")


def _limit_memory(group: Group, size: int) -> None:
    _write(group.file(_LIMIT[group.version]), size)
    # Lambda has no swap. Where it is not counted the file is missing.
    with suppress(FileNotFoundError):
        if group.version == 1:
            _write(group.file(_LIMIT_WITH_SWAP), size)
        else:
            _write(group.file(_SWAP_ALLOWANCE), 0)


def _entrance(group: Group) -> int:
    return os.open(group.file("cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC)


def _write(path: str, value: object) -> None:
    # Not a buffered file: one write is one change, and it alone may fail.
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, str(value).encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(file)
