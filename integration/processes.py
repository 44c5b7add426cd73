"""Processes of the machine, as /proc shows them."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

PATIENCE: Final = 30
"""Seconds after which what a test waits for will not happen."""


def descendants_of(pid: int) -> list[int]:
    """The pids of all processes below *pid*, those included that have ended and are not reaped."""
    found = children_of(pid)
    for child in found:
        found += children_of(child)
    return found


def children_of(pid: int) -> list[int]:
    """The pids of the children of *pid*, whichever of its threads started them."""
    try:
        return [
            int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()
        ]
    except OSError:
        return []


def status_of(pid: int) -> dict[str, str]:
    """The lines of /proc/PID/status by name; nothing when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def find_descendant(pid: int, own_pid: int) -> int:
    """The process below *pid* that sees *own_pid* as its pid, as the machine sees it."""
    return next(found for found in descendants_of(pid) if own_pid_of(found) == own_pid)


def own_pid_of(pid: int) -> int:
    """What the process *pid* itself sees as its pid, in its own pid namespace; 0 when it is gone."""
    return int(status_of(pid).get("NSpid", "0").split()[-1])


def is_zombie(pid: int) -> bool:
    """Whether the process has ended and nobody has reaped it."""
    return status_of(pid).get("State", "").startswith("Z")


def command_of(pid: int) -> str:
    """The command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="backslashreplace")
    except OSError:
        return ""


def wait_until(condition: Callable[[], bool], failure: Callable[[], str]) -> None:
    """Look until *condition* holds, for what the kernel tells nobody; *failure* says what was waited for in vain."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, failure()
        os.sched_yield()
