"""Owns the bytes on their way to a peer: into its socket at once what fits, and the rest in line behind it.

What the bytes say, and when the socket has room again, is the connection's business.
"""

import socket
from typing import Final

from supervisor.lifecycle.invocation import Payload

_JOINED_BYTES: Final = 16 * 1024
"""Up to this size it costs less to copy a body behind its head than to hand two pieces to the kernel."""


class Output:
    """The sending side of one socket.

    Attributes:
        waiting: What the socket has not taken yet.
        broken: The peer cannot be reached any more. Whatever is sent is lost.
    """

    __slots__ = ("_send", "_sendmsg", "_shutdown", "broken", "waiting")

    def __init__(self, connected: socket.socket) -> None:
        self._send = connected.send
        self._sendmsg = connected.sendmsg
        self._shutdown = connected.shutdown
        self.waiting: list[memoryview] = []
        self.broken = False

    def send(self, head: bytes, body: Payload = b"") -> None:
        """Send *head* and *body* after whatever is `waiting`."""
        if self.waiting or len(body) > _JOINED_BYTES:
            self.waiting += [memoryview(piece) for piece in (head, body) if piece]
            self.flush()
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
            self.waiting.append(memoryview(message)[sent:])

    def flush(self) -> None:
        """Send as much of what is `waiting` as the socket takes."""
        try:
            sent = self._sendmsg(self.waiting, (), socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return
        except OSError:
            self._break()
            return
        while sent:
            first = self.waiting[0]
            if sent < len(first):
                self.waiting[0] = first[sent:]
                return
            sent -= len(first)
            del self.waiting[0]

    def end(self) -> None:
        """Let the peer read the end of the data after everything that was sent."""
        try:
            self._shutdown(socket.SHUT_WR)
        except OSError:
            self._break()

    def _break(self) -> None:
        self.broken = True
        self.waiting.clear()
