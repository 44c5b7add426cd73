"""Owns what the server itself says about every answer: `Date` and `Connection`."""

import time
from typing import Final

from supervisor.system.http_exchange import Exchange

_CLOSE: Final = b"Connection: close\r\n"
_KEEP_ALIVE: Final = b"Connection: keep-alive\r\n"


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
