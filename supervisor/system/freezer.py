"""Owns the freezing of processes. When that is done is not decided here.

Where the children have a control group of their own (version 2, see `child_group`) the kernel freezes it, and nobody in
it notices. Next to no container lets its processes make one; without it SIGSTOP goes to every process group below us,
and SIGCONT to the same ones.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress

from supervisor.system.procfs import descendants


class Freezer:
    """Stops processes and lets them run on.

    Args:
        root: The process whose descendants are frozen, not counted itself.
        switch: The file `cgroup.freeze` of the group that holds them all; empty when there is none.
    """

    def __init__(self, root: int, switch: str = "") -> None:
        self._root = root
        self._switch = switch
        self._is_switched = False
        self._own_group = os.getpgid(root)
        self._stopped: set[int] = set()

    def freeze(self, leaders: Iterable[int]) -> None:
        """Stop the process groups of *leaders*, and every descendant that has left them."""
        self._is_switched = bool(self._switch) and _write(self._switch, b"1")
        if self._is_switched:
            return
        self._stop({-leader for leader in leaders})
        # Who has left may fork while we look, so what is found is a reason to look again.
        while found := set(self._below()) - self._stopped:
            self._stop(found)

    def thaw(self) -> None:
        """Let everything that was stopped run on.

        When this returns it is runnable (Linux: `prepare_signal`, `cgroup_do_freeze`).
        """
        if self._is_switched:
            self._is_switched = False
            _write(self._switch, b"0")
        for target in self._stopped:
            _send(target, signal.SIGCONT)
        self._stopped.clear()

    def _stop(self, targets: set[int]) -> None:
        for target in targets:
            _send(target, signal.SIGSTOP)
        self._stopped |= targets

    def _below(self) -> Iterator[int]:
        """The descendants as kill(2) names them: a group by its negative number; whoever joined our group, alone."""
        for pid in descendants(self._root):
            with suppress(ProcessLookupError):
                group = os.getpgid(pid)
                yield pid if group == self._own_group else -group


def _write(path: str, data: bytes) -> bool:
    """Write *data* to a file of the kernel; whether that was accepted."""
    try:
        file = os.open(path, os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(file, data)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _send(target: int, number: signal.Signals) -> None:
    """Somebody who is gone, or has changed to a user whom we may not signal, is none of the caller's trouble."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(target, number)
