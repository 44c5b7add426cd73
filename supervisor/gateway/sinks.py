"""What every sink has in common that sends a streamed response to one HTTP peer."""

from collections.abc import Callable

from supervisor.api.http import Response
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_stream import AnswerStream


class AnswerSink:
    """The way to one peer. How the function's bytes look there is what makes a sink of it.

    Attributes:
        exchange: What is answered.
        stream: Where the response goes, once its head is sent.
        is_cut: Nothing more of the response may be sent.
        on_room: Called when what waited is read, or its reader has gone.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.stream: AnswerStream | None = None
        self.is_cut = False
        self.on_room: Callable[[], None] = _nothing

    @property
    def is_full(self) -> bool:
        """Whether something waits to be read."""
        return self.stream is not None and self.stream.waiting_bytes > 0

    def begin(self, head: Response) -> AnswerStream:
        """Send the head."""
        self.stream = self.exchange.stream(head)
        self.stream.on_drained = self._drained
        return self.stream

    def cut(self) -> None:
        """Send nothing more of the response."""
        self.is_cut = True

    def _drained(self) -> None:
        self.on_room()


def _nothing() -> None:
    """Nobody is held up."""
