"""Owns our own standard output and standard error, where the children's lines and the platform's appear.

A line is never torn: whoever else wants to write waits for its end, or, where that is not in sight, begins on a new
line. A reader who is slow or has stopped delays the children, which block on their full pipes, and never the
supervisor; a reader who is gone costs nothing but the output. A write(2) of at most `PIPE_BUF` bytes after a poll(2)
that said "writable" does not block, whatever mode the descriptor is in; that mode is left alone, because it is shared
with whoever started us.
"""

import os
import select
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from supervisor.system.output import Pipe, Splitter
from supervisor.system.reactor import Reactor

_BACKLOG_BYTES: Final = 1024 * 1024
"""What may wait for the reader before the children have to wait too. Ours."""

_PATIENCE_MILLISECONDS: Final = 1000
"""How long `flush` waits for a reader who reads nothing. Ours: a container's stop leaves 10 s in all."""


T = TypeVar("T")


class _Pausable(Protocol):
    """What a console asks of the pipes of whatever kind that lead to it."""

    closed: bool

    def pause(self) -> None:
        """Let the writers wait."""

    def resume(self) -> None:
        """Let them write on."""


class Console:
    """The descriptor *fd*, which stays the property of whoever opened it.

    Standard output and standard error that are one and the same file (`os.path.sameopenfile`) need one console for
    both.
    """

    def __init__(self, fd: int, reactor: Reactor) -> None:
        self._fd = fd
        self._reactor = reactor
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._backlog = bytearray()
        self._deferred = False
        self._watched = False
        self._pipes: list[_Pausable] = []
        self._pipes_paused = False
        self._author_of_open_line: object = None

    def open_pipe(self, reactor: Reactor, splitter: Splitter[T], show: Callable[[list[T]], list[bytes]]) -> Pipe[T]:
        """A pipe for a child's output, which appears here.

        Args:
            reactor: Watches the pipe.
            splitter: Makes events of the output.
            show: Gives the lines that appear for them.
        """

        def appear(events: list[T]) -> None:
            if lines := show(events):
                self.write(lines, pipe)

        pipe = Pipe(reactor, splitter, appear)
        if self._pipes_paused:
            pipe.pause()
        self._pipes = [known for known in self._pipes if not known.closed]
        self._pipes.append(pipe)
        return pipe

    def write(self, lines: list[bytes], author: object = None) -> None:
        """Write *lines* after everything written before.

        Args:
            lines: Each with its newline; the last may be without one, the same author then continues it.
            author: Whose lines these are; None for the platform's own.
        """
        data = b"".join(lines)
        if self._author_of_open_line not in (None, author):
            data = b"\n" + data
        self._author_of_open_line = None if data.endswith(b"\n") else author
        self._backlog += data
        if self._watched:
            self._bound_backlog()
        elif not self._deferred:
            self._deferred = True
            self._reactor.defer(self._send_deferred)

    def flush(self) -> None:
        """Wait until everything is written, as long as the reader reads on.

        For the end of the program: it blocks, and the reactor may be closed already.
        """
        while self._backlog and self._poll.poll(_PATIENCE_MILLISECONDS):
            self._send_backlog()

    def _send_deferred(self) -> None:
        self._deferred = False
        self._send_backlog()
        if self._backlog:
            self._reactor.add(self._fd, self._on_writable, events=select.EPOLLOUT)
            self._watched = True
            self._bound_backlog()

    def _on_writable(self, _mask: int) -> None:
        self._send_backlog()
        if self._backlog:
            return
        self._reactor.remove(self._fd)
        self._watched = False
        self._pipes_paused = False
        for pipe in self._pipes:
            pipe.resume()

    def _send_backlog(self) -> None:
        with memoryview(self._backlog) as view:
            sent = self._send(view)
        del self._backlog[:sent]

    def _send(self, data: memoryview) -> int:
        """Write as much of *data* as goes out without blocking; the number of bytes that need no further care."""
        sent = 0
        while sent < len(data) and self._poll.poll(0):
            try:
                sent += os.write(self._fd, data[sent : sent + select.PIPE_BUF])
            except BlockingIOError:
                break
            except OSError:
                # Nobody reads any more, and there is no other place to say so.
                return len(data)
        return sent

    def _bound_backlog(self) -> None:
        if len(self._backlog) > _BACKLOG_BYTES and not self._pipes_paused:
            self._pipes_paused = True
            for pipe in self._pipes:
                pipe.pause()
