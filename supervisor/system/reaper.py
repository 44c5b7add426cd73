"""Owns wait(2), the one place where the end of a process, child or orphan, is seen; and the killing of what is left.

A second caller of wait would make trio, subprocess and this module report wrong statuses to each other. What an exit
means is not known here.
"""

import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import trio

from supervisor.lifecycle.exits import ExitStatus
from supervisor.system.procfs import Process, all_descendants

_log = logging.getLogger(__name__)

_INIT_PID: Final = 1


async def reap(on_exit: Callable[[int, ExitStatus, int], None]) -> None:
    """Wait for every process that ends, for ever; tell *on_exit* its pid, its status and its peak of memory in bytes.

    The peak is the kernel's `ru_maxrss`, which starts with what *we* had in memory at the fork (see `memory`).

    Cancellation: between two signals; no exit is lost to it, the next `reap` reports what has ended meanwhile.
    """
    with trio.open_signal_receiver(signal.SIGCHLD) as signals:
        # Our parent may have blocked it, and a blocked signal is never received.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        _ignore_stopped_children()
        _collect(on_exit)
        async for _ in signals:
            _collect(on_exit)


def _ignore_stopped_children() -> None:
    """A freeze stops every child, a thaw continues it; without this each of them would wake us, for nothing."""
    with suppress(ImportError, OSError):
        from supervisor.system.sigaction import ignore_stopped_children

        ignore_stopped_children()


def _collect(on_exit: Callable[[int, ExitStatus, int], None]) -> None:
    while ended := _wait():
        on_exit(*ended)


def _wait() -> tuple[int, ExitStatus, int] | None:
    try:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    if not pid:
        return None
    code = os.waitstatus_to_exitcode(status)
    return pid, ExitStatus(signal=-code) if code < 0 else ExitStatus(code=code), usage.ru_maxrss * 1024


def become_subreaper() -> None:
    """Have the kernel give us every orphan among our descendants, as it gives them to PID 1 anyway.

    Where that is impossible a warning says what it means; the supervisor works on.
    """
    if os.getpid() == _INIT_PID:
        return
    try:
        from supervisor.system.prctl import set_child_subreaper

        set_child_subreaper()
    except (ImportError, OSError) as error:
        _log.warning(
            "Processes that the function or an extension leaves behind will not be seen or ended: the supervisor is "
            "not PID 1 and cannot become a subreaper (%s). Start it as PID 1 of a container, or with a Python that has "
            "ctypes.",
            error,
        )


def kill_descendants() -> None:
    """SIGKILL to every process that descends from us, in whatever group or session it is.

    Whoever entered the container from outside is spared. A killed process cannot fork any more, but may have done so
    since it was looked for; so the search is repeated until it finds nothing new. Their exits are the reaper's.
    """
    killed: set[Process] = set()
    while found := all_descendants(os.getpid()) - killed:
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
        killed |= found
