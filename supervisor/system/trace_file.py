"""Owns the file that a timeline is written to, as a trace: soon after it happened, in whole lines.

What a trace looks like is not known here.
"""

import logging
import os
from typing import Final

import trio

from supervisor.telemetry.chrome_trace import BEGINNING, END, ChromeTrace
from supervisor.telemetry.timeline_entries import Entry

_WRITE_SECONDS: Final = 0.5
"""What a trace lacks at its end when the supervisor is killed. Ours."""

_WAITING_ENTRIES: Final = 1000
"""So many are written at once. Ours: an environment under load has some ten thousand a second."""

_log = logging.getLogger(__name__)


class TraceFile:
    """A trace that grows.

    Args:
        path: The file, which is made or begun anew.
        function_name: What is traced.

    Raises:
        OSError: It cannot be opened.

    Resource handling: the file is open until `close`. When it cannot be written the user is told, and no more is tried.
    """

    def __init__(self, path: str, function_name: str) -> None:
        self._path = path
        self._trace = ChromeTrace(function_name)
        self._waiting: list[Entry] = []
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self._write(BEGINNING)

    def add(self, entry: Entry) -> None:
        """Write *entry* soon."""
        self._waiting.append(entry)
        if len(self._waiting) >= _WAITING_ENTRIES:
            self._write_waiting()

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await trio.sleep(_WRITE_SECONDS)
            self._write_waiting()

    def close(self) -> None:
        """Write the rest, and the end."""
        self._write_waiting()
        self._write(END)
        if self._fd >= 0:
            os.close(self._fd)

    def _write_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._write(self._trace.render(waiting))

    def _write(self, piece: bytes) -> None:
        if self._fd < 0:
            return
        try:
            while piece:
                piece = piece[os.write(self._fd, piece) :]
        except OSError as error:
            _log.warning("The trace is not complete, %s cannot be written: %s", self._path, error.strerror)
            os.close(self._fd)
            self._fd = -1
