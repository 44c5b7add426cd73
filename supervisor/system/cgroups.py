"""Owns the look at the kernel's control groups: which one we are in, and whether it killed for want of memory.

Both versions are read, because both are met: version 2, and on older hosts version 1 with a tree for each controller.
(Linux: `admin-guide/cgroup-v2.rst`, `admin-guide/cgroup-v1/memory.rst`.) A group of the children's own is
`child_group`'s matter.
"""

import os
from contextlib import suppress
from typing import Final, NamedTuple

PROC: Final = "/proc/self"

_EVENTS: Final = {1: "memory.oom_control", 2: "memory.events"}

_OOM_KILL: Final = b"oom_kill "
"""The line, in both versions, that counts the processes which the kernel killed for the group's memory."""


class Group(NamedTuple):
    """One control group, as one controller sees it, and the version that it is of."""

    path: str
    version: int

    def file(self, name: str) -> str:
        """The path of one of its files."""
        return os.path.join(self.path, name)


def own_group(controller: str, proc: str = PROC) -> Group | None:
    """The group that we are in for *controller*; None where that is not to be seen.

    Args:
        controller: `memory` or `pids`.
        proc: The folder of /proc that describes us.
    """
    paths: dict[str, str] = {}
    for line in _lines(f"{proc}/cgroup"):
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    for line in _lines(f"{proc}/mountinfo"):
        place, _, file_system = line.partition(" - ")
        root, mount_point = place.split()[3:5]
        kind, _, options = file_system.split(maxsplit=2)
        if kind == "cgroup" and controller in options.split(",") and controller in paths:
            return Group(_below(mount_point, root, paths[controller]), 1)
        # A tree of version 2 beside those of version 1 has only the controllers that those leave to it.
        if kind == "cgroup2" and controller not in paths and "" in paths:
            return Group(_below(mount_point, root, paths[""]), 2)
    return None


def _below(mount_point: str, root: str, path: str) -> str:
    """Where *path* is when the folder *root* of its tree is mounted; a container may see no more than its own part."""
    below = os.path.relpath(path, root)
    return mount_point if ".." in path + below or below == "." else os.path.join(mount_point, below)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()
    except OSError:
        return []


class OomKills:
    """Tells whether the kernel has killed for want of memory, in any of the groups.

    Args:
        groups: Those whose processes may be meant. They may count the same death twice.
    """

    def __init__(self, groups: list[Group]) -> None:
        self._paths = [group.file(_EVENTS[group.version]) for group in groups]
        self._known = self._counts()

    def happened(self) -> bool:
        """Whether one happened that this call has not told yet. For whoever saw a process die of SIGKILL."""
        counts = self._counts()
        risen = any(count > known for count, known in zip(counts, self._known, strict=True))
        # One death is told at a time: of several processes each has its own.
        self._known = [min(known + 1, count) for count, known in zip(counts, self._known, strict=True)]
        return risen

    def _counts(self) -> list[int]:
        return [_oom_kills(path) for path in self._paths]


def _oom_kills(path: str) -> int:
    with suppress(OSError), open(path, "rb") as file:
        for line in file:
            if line.startswith(_OOM_KILL):
                return int(line.removeprefix(_OOM_KILL))
    return 0
