"""Owns the pipes that children write to, and the cutting of what comes out of them into lines.

Where the lines go is the sink's business.
"""

import fcntl
import os
import sys
import termios
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from supervisor.system.reactor import Reactor

LONGEST_LINE: Final = 256 * 1024
"""In bytes, without the newline; a longer line is cut (AWS: CloudWatch Logs quotas, size of a log event)."""

_READ_BYTES: Final = 64 * 1024
"""As much as a pipe holds unless it was told otherwise (Linux: pipe(7))."""

_NO_BYTES: Final = bytes(4)
"""The count 0, as ioctl(2) gives it."""

T = TypeVar("T")


class LineSplitter:
    """Bytes in any portions go in, lines come out, each with its newline. Joined together, the lines are the bytes.

    What ends without a newline is a piece of a line longer than `LONGEST_LINE`.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that *chunk* completes, and the pieces of one that has become too long."""
        *whole, rest = (self._rest + chunk).split(b"\n")
        lines = [line + b"\n" for line in whole]
        if len(self._rest) + len(chunk) <= LONGEST_LINE:
            self._rest = rest
            return lines
        pieces = [piece for line in lines for piece in _cut(line)]
        *begun, self._rest = _cut(rest)
        return pieces + begun

    def finish(self) -> list[bytes]:
        """The last line where its newline is missing; it gets one."""
        rest, self._rest = self._rest, b""
        return [rest + b"\n"] if rest else []


def _cut(line: bytes) -> list[bytes]:
    """Cut *line* into pieces of `LONGEST_LINE`; a newline stays with the piece that it ends."""
    length = len(line) - line.endswith(b"\n")
    starts = range(0, max(length, 1), LONGEST_LINE)
    pieces = [line[start : start + LONGEST_LINE] for start in starts]
    pieces[-1] = line[starts[-1] :]
    return pieces


class Splitter(Protocol[T]):
    """Makes events of what comes out of a pipe."""

    def feed(self, chunk: bytes) -> list[T]:
        """The events that *chunk* completes."""

    def finish(self) -> list[T]:
        """What is left at the end."""


class Pipe(Generic[T]):
    """A pipe: what a child writes to `child_end` reaches *sink* as lines, or whatever else *splitter* makes of it.

    It is read until every process that holds the other end has closed it, which may be long after the child's exit.

    Resource handling: `child_end` is for `children.launch`, which closes it. The reading end is closed at the end of
    the data or by `close`.
    """

    def __init__(self, reactor: Reactor, splitter: Splitter[T], sink: Callable[[list[T]], None]) -> None:
        self._reactor = reactor
        self._sink = sink
        self._splitter = splitter
        self._count = bytearray(_NO_BYTES)
        self._read_end, self.child_end = os.pipe()
        # This end alone: to a child its standard output is an ordinary pipe, which blocks when it is full.
        os.set_blocking(self._read_end, False)
        self._watched = False
        self.closed = False
        self.resume()

    def fileno(self) -> int:
        """The reading end."""
        return self._read_end

    def pause(self) -> None:
        """Leave everything in the pipe from now on, so that its writers block once it is full."""
        if self._watched:
            self._reactor.remove(self._read_end)
            self._watched = False

    def resume(self) -> None:
        """Read again."""
        if not self.closed and not self._watched:
            self._reactor.add(self._read_end, self._on_ready)
            self._watched = True

    def drain(self) -> None:
        """Hand over what is in the pipe at this moment, unless it is paused. More may come later."""
        if self._watched and (chunk := self._in_the_pipe()):
            self._forward(chunk)

    def close(self) -> None:
        """Hand over what is in the pipe at this moment, complete the last line, and read no more."""
        if self.closed:
            return
        self._forward(self._in_the_pipe())
        self._end()

    def _on_ready(self, _mask: int) -> None:
        try:
            chunk = os.read(self._read_end, _READ_BYTES)
        except BlockingIOError:
            return
        if chunk:
            self._forward(chunk)
        else:
            self._end()

    def _in_the_pipe(self) -> bytes:
        # A count, because whoever writes without a pause would never let us find the pipe empty.
        fcntl.ioctl(self._read_end, termios.FIONREAD, self._count)
        return b"" if self._count == _NO_BYTES else os.read(self._read_end, int.from_bytes(self._count, sys.byteorder))

    def _forward(self, chunk: bytes) -> None:
        if events := self._splitter.feed(chunk):
            self._sink(events)

    def _end(self) -> None:
        self.pause()
        self.closed = True
        os.close(self._read_end)
        if last := self._splitter.finish():
            self._sink(last)
