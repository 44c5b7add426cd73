"""What a program writes, as it comes, for tests that wait for a line."""

import os
import re
import select
import threading
from typing import Final

PATIENCE: Final = 30
"""Seconds that are enough for whatever runs on this machine's own processor."""


class Output:
    """Everything that is written to the other end of the pipe *fd*.

    Args:
        fd: This end. It stays the caller's.
        patience: Seconds after which a line that did not come will not come.
    """

    def __init__(self, fd: int, patience: float = PATIENCE) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._patience = patience
        self._data = bytearray()
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        while not self._ended:
            poll.poll()
            with self._news:
                self._read()
                self._news.notify_all()

    def _read(self) -> None:
        """Take all that is in the pipe. Whoever calls has the lock, so nothing is ever on its way."""
        while not self._ended:
            try:
                chunk = os.read(self._fd, 1 << 20)
            except BlockingIOError:
                return
            self._data += chunk
            self._ended = not chunk

    @property
    def data(self) -> bytes:
        """Everything that has been written until now."""
        with self._news:
            self._read()
            return bytes(self._data)

    @property
    def text(self) -> str:
        """The same; what is no UTF-8 is escaped."""
        return self.data.decode(errors="backslashreplace")

    @property
    def lines(self) -> list[str]:
        """Every whole line that has been written until now."""
        return self.text.split("\n")[:-1]

    def wait_for(self, pattern: str, nth: int = 1) -> re.Match[str]:
        """Wait for the *nth* line in which the regular expression *pattern* is found."""
        with self._news:
            self._news.wait_for(lambda: len(self._found(pattern)) >= nth or self._ended, self._patience)
        found = self._found(pattern)
        assert len(found) >= nth, f"no line {nth} like {pattern!r} in:\n{self.text}"
        return found[nth - 1]

    def _found(self, pattern: str) -> list[re.Match[str]]:
        return [match for line in self.lines if (match := re.search(pattern, line))]

    def wait_for_end(self) -> None:
        """Wait until nobody holds the other end any more."""
        self._thread.join(self._patience)
        assert self._ended, f"somebody holds the output open; so far:\n{self.text}"
