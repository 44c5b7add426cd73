"""Owns the bytes that come from a peer: one read at a time, to the parser, into the place of a body, or away.

What a request does to the connection is the connection's business.
"""

import socket
from collections.abc import Callable
from typing import Final

from supervisor.system.http_exchange import Exchange, WayBack
from supervisor.system.http_reader import RequestReader

DRAIN_BYTES: Final = 256 * 1024 * 1024
"""How much is read and thrown away of a body that is not wanted, and of what follows the last answer. Ours: a client
that sends a body of 100 MB before it reads still finds its answer, and keeps its connection."""

_READ_BYTES: Final = 64 * 1024


class Input:
    """The receiving side of one socket.

    Attributes:
        reader: Where the requests arrive.
        ended: The peer has closed its sending side, and everything that it sent was read.
        broken: The peer has gone.
        exhausted: `DRAIN_BYTES` were thrown away; no more will be.
    """

    __slots__ = (
        "_exchange",
        "_ignored_bytes",
        "_ignoring",
        "_missing",
        "_read",
        "_recv",
        "_recv_into",
        "_unfilled",
        "broken",
        "ended",
        "exhausted",
        "reader",
    )

    def __init__(self, connected: socket.socket, way_back: WayBack) -> None:
        self._recv = connected.recv
        self._recv_into = connected.recv_into
        self.reader = RequestReader(way_back)
        # A function and no method: an object that refers to itself is not freed at its end.
        self._read: Callable[[Input], None] = Input._read_requests
        self._exchange: Exchange | None = None
        self._missing: int | None = None
        self._unfilled = memoryview(b"")
        self._ignoring = False
        self._ignored_bytes = 0
        self.ended = False
        self.broken = False
        self.exhausted = False

    def receive(self) -> None:
        """Read once."""
        try:
            self._read(self)
        except BlockingIOError:
            return
        except OSError:
            self.broken = True

    def begin_body(self, exchange: Exchange) -> int:
        """Prepare for the rest of the body of *exchange*: `keep_body` or `ignore_body` follows.

        Returns:
            How many bytes the body has as far as is known: all that are announced, or those of its chunks that are in.
        """
        self._exchange = exchange
        self._missing = self.reader.hand_over_body()
        self._ignoring = False
        self._ignored_bytes = 0
        return len(exchange.request.body) + (self._missing or 0)

    def keep_body(self) -> None:
        """Read the rest of the body: an announced one past the parser and at once into its place."""
        if self._missing is None:
            return
        assert self._exchange is not None
        request = self._exchange.request
        begun = len(request.body)
        buffer = bytearray(begun + self._missing)
        buffer[:begun] = request.body
        request.body = buffer
        self._unfilled = memoryview(buffer)[begun:]
        self._read = Input._read_body

    def ignore_body(self) -> bool:
        """Throw the rest of the body away; False if it is known to be too long for that."""
        self._ignoring = True
        if self._missing is None:
            return True
        self._unfilled = memoryview(b"")
        self._read = Input._read_rest
        return self._missing <= DRAIN_BYTES

    def end_body(self) -> None:
        """Let go of the body, which is over."""
        self._exchange = None
        self._unfilled = memoryview(b"")

    def ignore_everything(self) -> None:
        """Throw away whatever comes from now on."""
        self.reader.arrived.clear()
        self.reader.refusal = None
        self._exchange = None
        self._ignoring = True
        self._ignored_bytes = 0
        self._missing = None
        self._read = Input._read_rest

    def close(self) -> None:
        """Let go of everything. Nothing can be received any more."""
        self.end_body()
        self.reader.close()

    def _read_requests(self) -> None:
        data = self._recv(_READ_BYTES)
        if not data:
            self.ended = True
            return
        self.reader.feed(data)
        if self._ignoring:
            self._ignore(len(data))

    def _read_body(self) -> None:
        count = self._recv_into(self._unfilled)
        if not count:
            self.ended = True
            return
        self._unfilled = self._unfilled[count:]
        self._advance(count)

    def _read_rest(self) -> None:
        data = self._recv(_READ_BYTES if self._missing is None else min(_READ_BYTES, self._missing))
        if not data:
            self.ended = True
            return
        self._ignore(len(data))
        if self._missing is not None:
            self._advance(len(data))

    def _advance(self, count: int) -> None:
        """Of an announced body *count* more bytes are in."""
        assert self._missing is not None
        assert self._exchange is not None
        self._missing -= count
        if not self._missing:
            self._exchange.finished = True
            self._read = Input._read_requests

    def _ignore(self, count: int) -> None:
        self._ignored_bytes += count
        self._ignoring = self._exchange is None or not self._exchange.finished
        self.exhausted = self._ignoring and self._ignored_bytes > DRAIN_BYTES
