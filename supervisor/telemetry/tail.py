"""The end of an invocation's log, for the caller who asked for it with `X-Amz-Log-Type: Tail`."""

from collections.abc import Iterable
from typing import Final

TAIL_BYTES: Final = 4096
"""How much of the log a caller gets, before it is encoded (AWS: API reference, Invoke, `LogType`)."""


class LogTail:
    """Keeps the last bytes of everything that was logged since the report of the invocation before.

    So what an init wrote belongs to the first invocation after it. The front is cut wherever it falls, inside a line
    and even inside a character (recorded on AWS).
    """

    def __init__(self) -> None:
        self._log = bytearray()
        self._is_complete = False

    def add(self, lines: Iterable[bytes]) -> None:
        """Take *lines*; the first ones after `complete` begin a new log."""
        if self._is_complete:
            self._is_complete = False
            self._log.clear()
        self._log += b"".join(lines)
        if len(self._log) > TAIL_BYTES:
            del self._log[:-TAIL_BYTES]

    def complete(self) -> None:
        """The invocation's report is in; what comes now belongs to the next one."""
        self._is_complete = True

    def __bytes__(self) -> bytes:
        """The tail."""
        return bytes(self._log)
