"""The service behind the port of a relay: whatever the runtime asks for, the platform is asked, and its answer given.

Bodies pass through piece by piece, both ways. What a request means concerns nobody here, except for what is counted.
"""

import logging
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from supervisor.api import routes
from supervisor.api.http import Response, refused
from supervisor.api.routes import Endpoint, Route
from supervisor.errors import ProtocolError
from supervisor.lifecycle.invocation import Payload
from supervisor.system.http_exchange import Exchange
from supervisor.system.upstream import HOP_BY_HOP, Body, Upstream

if TYPE_CHECKING:
    import httpcore

_HELD_BYTES: Final = 256 * 1024
"""What may wait on its way through before the sender has to wait. Ours."""

_WHOLE_BYTES: Final = 64 * 1024
"""A shorter answer whose length is known is sent in one piece, as the platform sent it."""

_OURS: Final = HOP_BY_HOP | {"content-length", "date", "trailer"}
"""The headers of an answer that our own server adds, or that concern the connection of the platform only."""

_FIRST_ERROR: Final = 400

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class RelayCounts:
    """What has passed, in numbers.

    Args:
        invocations: Invocations that the runtime was given.
        responses: Responses of the function that the platform took.
        errors: Errors of the function that the platform took, those of its init included.
        seconds: From the delivery of an invocation to the last byte of the response or the error, all together.
        unreachable: Requests that did not reach the platform, or whose answer did not come.
    """

    invocations: int = 0
    responses: int = 0
    errors: int = 0
    seconds: float = 0.0
    unreachable: int = 0


class RelayService:
    """Answers the runtime with what the platform answers.

    Args:
        upstream: The way to the platform.
        nursery: Where the requests are passed on, each by a task of its own.

    Attributes:
        counts: What has passed.
    """

    def __init__(self, upstream: Upstream, nursery: trio.Nursery) -> None:
        self.counts = RelayCounts()
        self._upstream = upstream
        self._nursery = nursery
        self._delivered_at: dict[str, float] = {}
        self._under_way = 0
        self._changed = trio.Event()

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in: it is passed on at once."""
        passage = _Passage(exchange)
        exchange.context = passage
        exchange.body_limit = sys.maxsize
        exchange.on_body = passage.take
        self._under_way += 1
        self._nursery.start_soon(self._pass_on, passage)

    def finish(self, exchange: Exchange) -> None:
        """The body is in."""
        assert isinstance(exchange.context, _Passage)
        exchange.context.end_body()

    def abandon(self, exchange: Exchange) -> None:
        """The runtime has gone. What it asks for is asked for no longer; what it has told whole still arrives."""
        assert isinstance(exchange.context, _Passage)
        if not exchange.finished or exchange.request.method == "GET":
            exchange.context.scope.cancel()
        exchange.close()

    async def passed_on(self) -> None:
        """Wait until nothing is on its way to the platform."""
        while self._under_way:
            await self._changed.wait()

    async def _pass_on(self, passage: "_Passage") -> None:
        try:
            with passage.scope:
                await self._ask(passage)
        finally:
            self._under_way -= 1
            self._changed.set()
            self._changed = trio.Event()

    async def _ask(self, passage: "_Passage") -> None:
        exchange = passage.exchange
        try:
            answer = await self._upstream.send(exchange.request, passage.body())
            self._count(exchange, answer)
            try:
                await _give_back(exchange, answer)
            finally:
                with trio.CancelScope(shield=True):
                    await answer.aclose()
        except ConnectionError as error:
            self.counts.unreachable += 1
            _log.warning("The platform does not answer %s: %s", exchange.request.path, error)
            exchange.answer(refused(ProtocolError(502, "BadGateway", f"The platform does not answer: {error}")))

    def _count(self, exchange: Exchange, answer: "httpcore.Response") -> None:
        route = routes.find(exchange.request.method, exchange.request.path)
        if not isinstance(route, Route) or answer.status >= _FIRST_ERROR:
            return
        match route.endpoint:
            case Endpoint.INVOCATION_NEXT:
                self.counts.invocations += 1
                self._delivered_at = {_header(answer, b"lambda-runtime-aws-request-id"): trio.current_time()}
            case Endpoint.INVOCATION_RESPONSE:
                self.counts.responses += 1
                self._measure(route.request_id)
            case Endpoint.INVOCATION_ERROR | Endpoint.RUNTIME_INIT_ERROR:
                self.counts.errors += 1
                self._measure(route.request_id)
            case _:
                pass

    def _measure(self, request_id: str) -> None:
        if (delivered := self._delivered_at.pop(request_id, None)) is not None:
            self.counts.seconds += trio.current_time() - delivered


class _Passage:
    """One request on its way to the platform, and the pieces of its body that wait for that."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.scope = trio.CancelScope()
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._ended = exchange.finished and not exchange.request.body
        self._has_body = not self._ended
        self._changed = trio.Event()

    def body(self) -> Body | None:
        """The body, None if there is none."""
        return Body(self._take_pieces(), self._trailers) if self._has_body else None

    def take(self, piece: Payload) -> None:
        """A piece has arrived."""
        self._pieces.append(bytes(piece))
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > _HELD_BYTES:
            self.exchange.pause()
        self._changed.set()

    def end_body(self) -> None:
        """No further piece will arrive."""
        self._ended = True
        self._changed.set()

    async def _take_pieces(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._waiting_bytes -= len(piece)
                yield piece
            if self._ended:
                return
            self.exchange.resume()
            self._changed = trio.Event()
            await self._changed.wait()

    def _trailers(self) -> Mapping[str, str]:
        return self.exchange.trailers


async def _give_back(exchange: Exchange, answer: "httpcore.Response") -> None:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in answer.headers
        if name.decode("latin-1").lower() not in _OURS
    )
    announced = _header(answer, b"content-length")
    length = int(announced) if announced.isdigit() else None
    if length is not None and length <= _WHOLE_BYTES:
        exchange.answer(Response(answer.status, headers, await _read(answer)))
        return
    stream = exchange.stream(Response(answer.status, headers), length)
    try:
        async for piece in _pieces_of(answer):
            stream.send(piece)
            while stream.waiting_bytes > _HELD_BYTES and not stream.gone:
                drained = trio.Event()
                stream.on_drained = drained.set
                await drained.wait()
    except BaseException:
        stream.abort()
        raise
    stream.end()


async def _read(answer: "httpcore.Response") -> bytes:
    return b"".join([piece async for piece in _pieces_of(answer)])


async def _pieces_of(answer: "httpcore.Response") -> AsyncIterator[bytes]:
    import httpcore

    try:
        async for piece in answer.aiter_stream():
            yield piece
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise ConnectionError(str(error) or type(error).__name__) from None


def _header(answer: "httpcore.Response", wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in answer.headers if name.lower() == wanted), "")
