"""Owns the answer to "what has a process used": of CPU and of memory, as /proc says now.

Nothing is kept; each call reads anew. What the environment needed at its peak is `memory`'s matter.
"""

import os
from collections.abc import Iterable
from typing import Final

from supervisor.system.procfs import descendants, read
from supervisor.telemetry.reading import Usage

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")

_OWN_TIMES: Final = slice(11, 13)
_ALL_TIMES: Final = slice(11, 15)
"""In /proc/PID/stat after the name of the program: user and system time, then those of children that were waited for
(proc(5))."""


def own_usage() -> Usage:
    """What this process has used, without its children."""
    return _sum([_usage(os.getpid(), _OWN_TIMES)])


def usage_of_family(pid: int) -> Usage:
    """What the process *pid* and everything that descends from it have used, those that have ended included."""
    return _sum(_usage(member, _ALL_TIMES) for member in (pid, *descendants(pid)))


def _sum(usages: Iterable[Usage]) -> Usage:
    return Usage(*(sum(values) for values in zip(*usages, strict=True)))


def _usage(pid: int, times: slice) -> Usage:
    try:
        stat, status = read(f"/proc/{pid}/stat"), read(f"/proc/{pid}/status")
    except OSError:
        return Usage(0.0, 0, 0)
    # The name of the program stands in brackets and may hold blanks and brackets itself.
    ticks = sum(map(int, stat.rpartition(b")")[2].split()[times]))
    return Usage(ticks / _TICKS_PER_SECOND, _bytes(status, b"VmRSS:"), _bytes(status, b"VmHWM:"))


def _bytes(status: bytes, name: bytes) -> int:
    """A size that stands in *status* in KiB; 0 for a process that has none any more."""
    _, found, rest = status.partition(name)
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else 0
