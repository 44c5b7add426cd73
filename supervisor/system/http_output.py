"""Owns the bytes on their way to a peer: into its socket at once what fits, and the rest in line behind it.

What the bytes say, and when the socket has room again, is the connection's business.
"""

import socket
from typing import Final

from supervisor.lifecycle.invocation import Payload

_JOINED_BYTES: Final = 16 * 1024
"""Up to this size it costs less to copy a body behind its head than to hand two pieces to the kernel."""

_PIECES_AT_ONCE: Final = 1024
"""The kernel takes no more in one call (Linux: `UIO_MAXIOV`)."""


class Output:
    """The sending side of one socket.

    Attributes:
        waiting: What the socket has not taken yet.
        waiting_bytes: The size of that.
        broken: The peer cannot be reached any more. Whatever is sent is lost.
    """

    __slots__ = ("_send", "_sendmsg", "_shutdown", "broken", "waiting", "waiting_bytes")

    def __init__(self, connected: socket.socket) -> None:
        self._send = connected.send
        self._sendmsg = connected.sendmsg
        self._shutdown = connected.shutdown
        self.waiting: list[memoryview] = []
        self.waiting_bytes = 0
        self.broken = False

    def send(self, head: bytes, body: Payload = b"") -> None:
        """Send *head* and *body* after whatever is `waiting`."""
        if self.waiting or len(body) > _JOINED_BYTES:
            self.send_pieces(head, body)
            return
        message = head + body
        try:
            # Without the flag a peer that has gone is a signal, if somebody has undone what Python does about it.
            sent = self._send(message, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._break()
            return
        if sent < len(message):
            self._wait(memoryview(message)[sent:])

    def send_pieces(self, *pieces: Payload) -> None:
        """Send *pieces* after whatever is `waiting`, without a copy: they stay as they are until they are sent."""
        for piece in pieces:
            if piece:
                self._wait(memoryview(piece))
        self.flush()

    def flush(self) -> None:
        """Send as much of what is `waiting` as the socket takes in one call."""
        try:
            sent = self._sendmsg(self.waiting[:_PIECES_AT_ONCE], (), socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return
        except OSError:
            self._break()
            return
        self.waiting_bytes -= sent
        count = 0
        while sent:
            first = self.waiting[count]
            if sent < len(first):
                self.waiting[count] = first[sent:]
                break
            sent -= len(first)
            count += 1
        del self.waiting[:count]

    def end(self) -> None:
        """Let the peer read the end of the data after everything that was sent."""
        try:
            self._shutdown(socket.SHUT_WR)
        except OSError:
            self._break()

    def close(self) -> None:
        """Send nothing any more."""
        self._break()

    def _wait(self, piece: memoryview) -> None:
        self.waiting.append(piece)
        self.waiting_bytes += len(piece)

    def _break(self) -> None:
        self.broken = True
        self.waiting.clear()
        self.waiting_bytes = 0
