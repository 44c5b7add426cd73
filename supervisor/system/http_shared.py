"""Owns what the connections of one server have in common, among it what would be a waste to make for each request."""

import time
from dataclasses import dataclass, field
from typing import Final

from supervisor.system.http_exchange import Exchange, Service
from supervisor.system.reactor import Reactor

_CLOSE: Final = b"Connection: close\r\n"
_KEEP_ALIVE: Final = b"Connection: keep-alive\r\n"

_KEPT_BYTES: Final = 8 * 1024 * 1024
"""A larger body does not get the buffer. Ours: the largest payload that Lambda buffers has 6 MB."""


class HeadEnds:
    """The last lines of the heads of answers, with the empty line. They are rendered once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._plain = self._keep_alive = self._close = b""

    def of(self, exchange: Exchange) -> bytes:
        """The lines that end the head of the answer to *exchange*."""
        second = int(time.time())
        if second != self._second:
            self._render(second)
        if not exchange.keep_alive:
            return self._close
        # HTTP/1.0 takes silence for the end of the connection, so whoever spoke of it is answered (RFC 9112, C.2.2).
        return self._keep_alive if "connection" in exchange.request.headers else self._plain

    def _render(self, second: int) -> None:
        date = time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime(second)).encode("ascii")
        self._second = second
        self._plain = date + b"\r\n"
        self._keep_alive = date + _KEEP_ALIVE + b"\r\n"
        self._close = date + _CLOSE + b"\r\n"


class BodyBuffer:
    """Memory for one large body at a time, which is used again. While it is in use, others get memory of their own.

    Megabytes that are given back after each request cost more than all that is done with them: they go to the kernel,
    and the next body gets them page by page, each of them cleared first.
    """

    def __init__(self) -> None:
        self._kept = bytearray(1)

    def take(self, size: int) -> memoryview:
        """*size* bytes with anything in them. They are free again when nobody has the view, or a part of it."""
        if size > _KEPT_BYTES or not self._is_free():
            return memoryview(bytearray(size))
        if len(self._kept) < size:
            self._kept = bytearray(size)
        return memoryview(self._kept)[:size]

    def _is_free(self) -> bool:
        """Python knows: a bytearray that somebody has a view of cannot be resized."""
        try:
            self._kept.append(self._kept.pop())
        except BufferError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Shared:
    """What every connection of a server is given."""

    reactor: Reactor
    service: Service
    head_ends: HeadEnds = field(default_factory=HeadEnds)
    body_buffer: BodyBuffer = field(default_factory=BodyBuffer)
