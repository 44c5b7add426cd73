"""Owns the answer to "how much memory did the environment need at its peak".

Definition: the peak of a process is the most that it ever had resident (`VmHWM`, proc(5)). The memory of the
environment is the sum of the peaks of all processes that are alive at the same time, the supervisor not counted; its
peak is the largest such sum seen in any measurement. Pages that processes share count for each of them, so the sum is
rather too high than too low; a process that lives and dies between two measurements counts if we reap it and it needed
more than the supervisor did.

Where the children have a control group of their own, the kernel knows the peak of all of them: then that is the answer,
with what it keeps of their files in memory.
"""

import os
from contextlib import suppress
from typing import Final

from supervisor.system.procfs import READ_BYTES, descendants, read

_LAST_PID: Final = "/proc/loadavg"
"""Its last field is the newest pid of our namespace (proc(5)). While that stays the same, no process can be new."""

_UNKNOWN_PID: Final = (b"", b"0\n")
"""What a system says there that does not know, such as gVisor."""

_OWN_STATUS: Final = "/proc/self/status"

_KEPT_FILES: Final = 64
"""So many files stay open, which halves the cost; the others must not use up the descriptors. Ours."""


class Memory:
    """The processes that descend from *root*, which is not counted itself.

    Args:
        root: A pid.
        peak_file: Where the kernel says the peak of exactly these processes, in bytes; empty if it does not.

    Resource handling: keeps files of /proc open until `close`.
    """

    def __init__(self, root: int, peak_file: str = "") -> None:
        self._root = root
        self._peak_file = peak_file
        self._last_pid = b""
        self._paths: list[str] = []
        self._files: dict[str, int] = {}
        self._peak = 0

    def peak(self) -> int:
        """Measure now; the peak so far in bytes."""
        if self._peak_file and (peak := self._read(self._peak_file)):
            return int(peak)
        self._peak = max(self._peak, self._measure())
        return self._peak

    def begin(self) -> None:
        """Forget the peak: a fresh environment begins."""
        self._peak = 0
        if self._peak_file:
            # Version 1 of the control groups forgets; in version 2 the peak is that of all environments.
            with suppress(OSError), open(self._peak_file, "wb", buffering=0) as file:
                file.write(b"0")

    def exited(self, peak: int) -> None:
        """Count a process that the reaper reports, with its *peak* in bytes, as one that lived beside those of now.

        The kernel's number begins with the memory of the process that forked it (Linux: `exec_mmap`), which is ours. If
        it is not larger than that, it says nothing about the program.
        """
        if not self._peak_file and peak > _high_water(self._read(_OWN_STATUS)):
            self._peak = max(self._peak, self._measure() + peak)

    def close(self) -> None:
        """Close what is open and forget every process; the peak stays, and a measurement starts anew."""
        self._last_pid = b""
        self._paths.clear()
        for path in list(self._files):
            self._close(path)

    def _measure(self) -> int:
        last_pid = self._read(_LAST_PID).rpartition(b" ")[2]
        if last_pid != self._last_pid or last_pid in _UNKNOWN_PID:
            self._last_pid = last_pid
            self._paths = [f"/proc/{pid}/status" for pid in descendants(self._root)]
            for path in self._files.keys() - {_LAST_PID, *self._paths}:
                self._close(path)
        return sum([_high_water(self._read(path)) for path in self._paths])

    def _read(self, path: str) -> bytes:
        """What the file says now; nothing if it, or its process, is gone."""
        file = self._files.get(path)
        if file is not None:
            try:
                return os.pread(file, READ_BYTES, 0)
            except OSError:
                # The process is gone. Its number may be another one's by now.
                self._close(path)
        try:
            if len(self._files) >= _KEPT_FILES:
                return read(path)
            file = self._files[path] = os.open(path, os.O_RDONLY)
            return os.pread(file, READ_BYTES, 0)
        except OSError:
            return b""

    def _close(self, path: str) -> None:
        os.close(self._files.pop(path))


def _high_water(status: bytes) -> int:
    """`VmHWM` in bytes; 0 for a process that has none any more."""
    _, found, rest = status.partition(b"VmHWM:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else 0
