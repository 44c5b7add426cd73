"""Owns what a service sees of HTTP: one request with the way back to whoever sent it.

How bytes become a request, and an answer bytes, is the connection's business.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from supervisor.api.http import Request, Response
from supervisor.lifecycle.invocation import Payload
from supervisor.system.http_stream import AnswerStream

DEFAULT_BODY_LIMIT: Final = 1024 * 1024
"""In bytes. Ours; a service that takes more, or less, says so in `begin`."""

_NO_TRAILERS: Final[Mapping[str, str]] = MappingProxyType({})


class WayBack(Protocol):
    """What an exchange asks of the connection that it arrived on, and that comes from *peer_host*."""

    peer_host: str

    def answer(self, exchange: "Exchange", response: Response) -> None:
        """Send *response* for *exchange*."""

    def stream(self, exchange: "Exchange", response: Response, length: int | None) -> AnswerStream:
        """Send the head of *response* for *exchange*, and then whatever the stream is given."""

    def watch(self) -> None:
        """See what is to be waited for now."""

    def drop(self) -> None:
        """Close without another byte."""


class Exchange:
    """One request and the way back to its peer.

    Attributes:
        request: The request. Its body is complete once `finished`, and is never kept when `oversized`.
        trailers: What a chunked request says after its body, by lower-case name.
        body_limit: In bytes. To be set in `Service.begin`; a larger body is not kept.
        on_body: To be set in `Service.begin` by a service that takes the body as it arrives: called with one piece
            after the other, of which nothing is kept. What is beyond `body_limit`, which then says how much may still
            come, is not handed over.
        handed_over_bytes: How much of the body was handed over so far.
        finished: Nothing more will come of this request.
        oversized: The body is larger than `body_limit`.
        answered: `answer` or `stream` was called.
        paused: `pause` was called, and not `resume` after it.
        keep_alive: The connection lives on after the answer.
        context: The service's own.
    """

    __slots__ = (
        "_way_back",
        "answered",
        "body_limit",
        "context",
        "finished",
        "handed_over_bytes",
        "keep_alive",
        "on_body",
        "oversized",
        "paused",
        "request",
        "trailers",
    )

    def __init__(self, way_back: WayBack, request: Request, *, keep_alive: bool) -> None:
        self._way_back = way_back
        self.request = request
        self.trailers = _NO_TRAILERS
        self.body_limit = DEFAULT_BODY_LIMIT
        self.on_body: Callable[[Payload], None] | None = None
        self.handed_over_bytes = 0
        self.paused = False
        self.finished = False
        self.oversized = False
        self.answered = False
        self.keep_alive = keep_alive
        self.context: object = None

    def answer(self, response: Response) -> None:
        """Send *response*: at once as much as the socket takes, the rest when the peer has read that.

        May be called at any time and from anywhere; it calls no service. A second answer, and an answer to a peer
        that has gone, do nothing.
        """
        if not self.answered:
            self.answered = True
            self._way_back.answer(self, response)

    def stream(self, response: Response, length: int | None = None) -> AnswerStream:
        """Send *response*, whose body follows piece by piece, *length* bytes if known; the one it has is not sent.

        May be called at any time and from anywhere, unless the exchange is answered; it calls no service. The next
        exchange of the connection begins when the stream has ended.
        """
        assert not self.answered, "an exchange is answered once"
        self.answered = True
        return self._way_back.stream(self, response, length)

    @property
    def peer_host(self) -> str:
        """The address that the request came from, without its port."""
        return self._way_back.peer_host

    def pause(self) -> None:
        """Read no more of the body until `resume`: the peer waits. What is read already is still handed over."""
        self.paused = True
        self._way_back.watch()

    def resume(self) -> None:
        """Read on."""
        self.paused = False
        self._way_back.watch()

    @property
    def is_held_up(self) -> bool:
        """Whether more is to come of the body and is not to be read yet."""
        return self.paused and not self.finished and not self.answered

    def hand_over(self) -> None:
        """Give what has arrived to whoever takes the body, unless it is too much. For the connection."""
        piece = self.request.body
        if self.on_body is not None and 0 < len(piece) <= self.body_limit:
            self.body_limit -= len(piece)
            self.handed_over_bytes += len(piece)
            self.request.body = b""
            self.on_body(piece)

    def close(self) -> None:
        """Close the connection without an answer. It calls no service."""
        self._way_back.drop()


class Service(Protocol):
    """Whoever answers.

    A connection hands over one exchange at a time: the next when the last one is answered and sent.
    """

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in.

        An answer given now is the end of it: the body is not kept and `finish` is not called.
        """

    def finish(self, exchange: Exchange) -> None:
        """The body is in, or `exchange.oversized`, which is told as soon as it is known."""

    def abandon(self, exchange: Exchange) -> None:
        """The peer of an exchange that is not answered to its end sends no more.

        It has gone, or has only closed its sending side; the two look alike until something is sent. If the exchange is
        `finished`, it waits on: an answer, or the rest of one, may still be read, and `exchange.close` gives up. If
        not, the body is truncated: this call is the last chance to begin an answer. Told once of an exchange. An
        exchange that is closed from this side, by `Exchange.close` or `HttpServer.close_connections`, is not
        abandoned.
        """
