"""Owns the bytes that come from a peer: one read at a time, to the parser, into the place of a body, or away.

What a request does to the connection is the connection's business.
"""

import socket
from collections.abc import Callable
from typing import Final

from supervisor.system.http_exchange import Exchange, WayBack
from supervisor.system.http_reader import RequestReader
from supervisor.system.http_shared import BodyBuffer

DRAIN_BYTES: Final = 256 * 1024 * 1024
"""How much is read and thrown away of a body that is not wanted, and of what follows the last answer. Ours: a client
that sends a body of 100 MB before it reads still finds its answer, and keeps its connection."""

_READ_BYTES: Final = 64 * 1024
_BUFFERED_BYTES: Final = 64 * 1024
"""A smaller body has memory of its own, which is cheap then."""

_NOTHING: Final = memoryview(b"")


class Input:
    """The receiving side of one socket.

    Attributes:
        reader: Where the requests arrive.
        ended: The peer has closed its sending side, and everything that it sent was read.
        broken: The peer has gone.
        exhausted: `DRAIN_BYTES` were thrown away; no more will be.
    """

    __slots__ = (
        "_body",
        "_body_buffer",
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

    def __init__(self, connected: socket.socket, way_back: WayBack, body_buffer: BodyBuffer) -> None:
        self._recv = connected.recv
        self._recv_into = connected.recv_into
        self._body_buffer = body_buffer
        self.reader = RequestReader(way_back)
        # A function and no method: an object that refers to itself is not freed at its end. None: requests are read.
        self._read: Callable[[Input], None] | None = None
        self._exchange: Exchange | None = None
        self._missing: int | None = None
        self._body: bytearray | memoryview = _NOTHING
        self._unfilled = _NOTHING
        self._ignoring = False
        self._ignored_bytes = 0
        self.ended = False
        self.broken = False
        self.exhausted = False

    def receive(self) -> bool:
        """Read once; whether more may come, so that it is neither `ended` nor `broken` nor `exhausted`."""
        try:
            if self._read is None:
                data = self._recv(_READ_BYTES)
                if data and not self._ignoring:
                    self.reader.feed(data)
                    return True
                self._read_unusual(data)
            else:
                self._read(self)
        except BlockingIOError:
            return True
        except OSError:
            self.broken = True
        return not (self.ended or self.broken or self.exhausted)

    def begin_body(self, exchange: Exchange) -> int:
        """Prepare for the rest of the body of *exchange*: `keep_body` or `ignore_body` follows.

        Returns:
            How many bytes the body has as far as is known: all that are announced, or those of its chunks that are in.
        """
        self._exchange = exchange
        self._missing = self.reader.hand_over_body()
        self._ignored_bytes = 0
        return len(exchange.request.body) + (self._missing or 0)

    def keep_body(self) -> None:
        """Read the rest of the body: an announced one past the parser and at once into its place, if it has one."""
        if self._missing is None:
            return
        assert self._exchange is not None
        if self._exchange.on_body is not None:
            self._read = Input._read_piece
            return
        begun = len(self._exchange.request.body)
        size = begun + self._missing
        self._body = bytearray(size) if size < _BUFFERED_BYTES else self._body_buffer.take(size)
        self._body[:begun] = self._exchange.request.body
        self._unfilled = memoryview(self._body)[begun:]
        self._read = Input._read_body

    def ignore_body(self) -> bool:
        """Throw the rest of the body away; False if it is known to be too long for that."""
        self._ignoring = True
        if self._missing is None:
            return True
        self._body = self._unfilled = _NOTHING
        self._read = Input._read_rest
        return self._missing <= DRAIN_BYTES

    def end_body(self) -> None:
        """Let go of the body, which is over."""
        self._exchange = None
        self._body = self._unfilled = _NOTHING
        self._ignoring = False

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

    def _read_unusual(self, data: bytes) -> None:
        """The end, or what follows a body that is thrown away as far as it is known."""
        if not data:
            self.ended = True
            return
        self.reader.feed(data)
        self._ignore(len(data))

    def _read_body(self) -> None:
        count = self._recv_into(self._unfilled)
        if not count:
            self.ended = True
            return
        self._unfilled = self._unfilled[count:]
        if not self._unfilled and self._exchange is not None:
            self._exchange.request.body = self._body
        self._advance(count)

    def _read_piece(self) -> None:
        assert self._missing is not None and self._exchange is not None
        piece = self._recv(min(_READ_BYTES, self._missing))
        if not piece:
            self.ended = True
            return
        self._exchange.request.body = piece
        self._advance(len(piece))

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
            self._read = None

    def _ignore(self, count: int) -> None:
        self._ignored_bytes += count
        self.exhausted = self._ignored_bytes > DRAIN_BYTES
