"""Gates: an actor's step `hold:PATH` waits at one until the test lets it through."""

import os
from pathlib import Path


class Gate:
    """A FIFO. Whoever reads a byte of it may go on; what is let through early does not wait at all."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # Open on both sides, so that neither this nor any writing has to wait for a reader.
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.path = path

    @property
    def step(self) -> str:
        """The step of an actor's script that waits here."""
        return f"hold:{self.path}"

    def let_through(self, count: int = 1) -> None:
        """Let *count* actors go on."""
        os.write(self._fd, b"." * count)

    def close(self) -> None:
        """The end of the test."""
        os.close(self._fd)
