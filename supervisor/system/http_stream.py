"""Owns the body of an answer that is sent piece by piece: its framing, and the word that there is room again.

Which pieces there are is the service's business; the socket, and what follows the answer on it, the connection's.
"""

from collections.abc import Callable
from typing import Final, Protocol

from supervisor.api.http import Request, Response
from supervisor.lifecycle.invocation import Payload
from supervisor.system.http_output import Output

_CHUNKED: Final = "Transfer-Encoding: chunked\r\n"
_UNFRAMED: Final = ""
_LAST_CHUNK: Final = b"0\r\n\r\n"

_JOINED_BYTES: Final = 16 * 1024
"""Up to this size it costs less to copy a piece into its frame than to hand three pieces to the kernel."""


class Line(Protocol):
    """What a stream asks of the connection that it is sent on."""

    def watch(self) -> None:
        """See what is to be waited for now: something was sent, and some of it may wait."""

    def stream_ended(self, *, whole: bool) -> None:
        """No more will be sent; with *whole* that is where the body ends."""


def _nothing() -> None:
    """Nobody waits for room."""


class AnswerStream:
    """One answer whose body is sent piece by piece. Everything may be called at any time and from anywhere.

    Args:
        length: How many bytes the pieces have together, if that is known; a body that ends earlier is to be aborted.

    Attributes:
        on_drained: Called when nothing waits any more: the peer has read it, or has `gone`. A closing from this side is
            not told.
        framing: The line of the head that says how the body ends.
        ends_connection: The body ends with the connection, because HTTP/1.0 knows no chunks (RFC 9112, 6.1).
    """

    __slots__ = ("_chunked", "_ended", "_line", "_output", "_silent", "ends_connection", "framing", "on_drained")

    def __init__(
        self, line: Line, output: Output, request: Request, response: Response, length: int | None = None
    ) -> None:
        self._line = line
        self._output = output
        self._silent = request.method == "HEAD" or response.is_bodiless
        self._chunked = length is None and request.version != "1.0" and not response.is_bodiless
        self._ended = False
        if length is not None:
            self.framing = f"Content-Length: {length}\r\n"
        else:
            self.framing = _CHUNKED if self._chunked else _UNFRAMED
        self.ends_connection = length is None and not self._chunked and not self._silent
        self.on_drained: Callable[[], None] = _nothing

    @property
    def gone(self) -> bool:
        """Whether nothing reaches the peer any more."""
        return self._output.broken

    @property
    def waiting_bytes(self) -> int:
        """How much of what was sent the socket has not taken yet."""
        return self._output.waiting_bytes

    def send(self, piece: Payload) -> None:
        """Send *piece*: at once as much as the socket takes, the rest when the peer has read that.

        A large piece is not copied: it must stay as it is. To a peer that has gone it is not sent.
        """
        if not piece or self._silent or self._ended or self._output.broken:
            return
        if not self._chunked:
            self._output.send_pieces(piece)
        elif len(piece) <= _JOINED_BYTES:
            self._output.send(b"".join((b"%x\r\n" % len(piece), piece, b"\r\n")))
        else:
            self._output.send_pieces(b"%x\r\n" % len(piece), piece, b"\r\n")
        self._line.watch()

    def end(self) -> None:
        """The body ends here."""
        if self._ended:
            return
        self._ended = True
        if self._chunked and not self._silent and not self._output.broken:
            self._output.send(_LAST_CHUNK)
        self._line.stream_ended(whole=True)

    def abort(self) -> None:
        """The body breaks off here, and the connection with it: the peer sees that something is missing."""
        if not self._ended:
            self._ended = True
            self._line.stream_ended(whole=False)
