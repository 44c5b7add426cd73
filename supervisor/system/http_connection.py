"""Owns one connection: when it reads, which exchange it serves, and how it ends.

Theory of operation. One exchange at a time is served: it is over when its answer is sent and its body is in or thrown
away. What has arrived behind it waits in the reader, and while something waits there nothing more is read, so that a
peer that sends ahead fills the kernel's buffers and not ours. An answer calls no service, because whoever answers may
be in the middle of something: if there is more to serve after an answer from elsewhere, the connection asks to be
called when it can write, which is at once.

What bytes mean is the reader's business, and what a request means the service's.
"""

import socket
from collections.abc import Callable
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP
from typing import Final

import trio

from supervisor.api.http import Request, Response
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_input import Input
from supervisor.system.http_output import Output
from supervisor.system.http_shared import Shared
from supervisor.system.http_stream import AnswerStream

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection:
    """Serves the exchanges of one accepted socket, in order.

    Args:
        accepted: The socket, which does not block. The connection closes it.
        on_closed: Called once, when the socket is closed, whoever closed it.
    """

    def __init__(self, accepted: socket.socket, shared: Shared, on_closed: Callable[["Connection"], None]) -> None:
        self.peer_host = ""
        self._socket = accepted
        self._fd = accepted.fileno()
        self._reactor = shared.reactor
        self._service = shared.service
        self._head_ends = shared.head_ends
        self._on_closed = on_closed
        self._input = Input(accepted, self, shared.body_buffer)
        self._reader = self._input.reader
        self._output = Output(accepted)
        self._exchange: Exchange | None = None
        self._stream: AnswerStream | None = None
        self._abandoned: Exchange | None = None
        self._body_begun = False
        self._continue_owed = False
        self._half_closed = False
        self._serving = False
        self._closed = False
        self._interest = EPOLLIN
        self._reactor.add(self._fd, self.on_ready)

    def on_ready(self, mask: int) -> None:
        """Go on: the socket is ready for *mask*."""
        self._serving = True
        if mask & EPOLLOUT and self._output.waiting:
            self._flush()
        if mask != EPOLLOUT and not self._closed:
            if self._interest & EPOLLIN:
                if not self._input.receive():
                    self._end_input()
                elif self._body_begun and self._exchange is not None:
                    self._go_on_with_body(self._exchange)
            elif mask & (EPOLLHUP | EPOLLERR):
                self._lose_peer()
            elif mask & EPOLLRDHUP:
                self._half_close()
        self._serve()
        self._serving = False
        self.watch()

    def answer(self, exchange: Exchange, response: Response) -> None:
        """Send *response* for *exchange*, the one that is served. When the connection is closed, do nothing."""
        if self._closed:
            return
        if not exchange.finished:
            self._give_up_body(exchange)
        output, reader = self._output, self._reader
        body = b"" if exchange.request.method == "HEAD" else response.body
        output.send((response.rendered_head or response.head()) + self._head_ends.of(exchange), body)
        if not output.waiting:
            self._conclude(exchange)
        # Otherwise nothing is to be waited for that was not before.
        if not self._serving and (output.waiting or exchange.paused or reader.arrived or reader.refusal is not None):
            self.watch()

    def stream(self, exchange: Exchange, response: Response, length: int | None) -> AnswerStream:
        """Send the head of *response* for *exchange*, the one that is served, and then whatever the stream is given."""
        stream = AnswerStream(self, self._output, exchange.request, response, length)
        if self._closed:
            return stream
        if not exchange.finished:
            self._give_up_body(exchange)
        exchange.keep_alive &= not stream.ends_connection
        self._stream = stream
        self._output.send(response.head(stream.framing) + self._head_ends.of(exchange))
        self.watch()
        return stream

    def stream_ended(self, *, whole: bool) -> None:
        """Go on with what follows the streamed answer; where that broke off, nothing follows."""
        self._stream = None
        if (exchange := self._exchange) is None:
            return
        exchange.keep_alive &= whole
        if not self._output.waiting:
            self._conclude(exchange)
        self.watch()

    async def answer_sent(self) -> None:
        """Wait until the kernel has taken the answer, or what was sent of it, if one was given."""
        while self._output.waiting and not self._closed:
            await trio.lowlevel.wait_writable(self._socket)
            self._flush()
            self.watch()

    def drop(self) -> None:
        """Close at once. It calls no service."""
        if self._closed:
            return
        self._closed = True
        self._reactor.remove(self._fd)
        self._socket.close()
        self._input.close()
        self._output.close()
        self._exchange = self._abandoned = self._stream = None
        self._on_closed(self)

    # Exchanges, one after the other.

    def _serve(self) -> None:
        """Serve what has arrived, until something has to be waited for."""
        reader, arrived = self._reader, self._reader.arrived
        while arrived and self._exchange is None:
            exchange = self._exchange = arrived.popleft()
            if arrived:
                self._reactor.forget_round()
            if not exchange.finished:
                self._begin_body(exchange)
                continue
            self._service.begin(exchange)
            if not exchange.answered and not self._closed:
                self._finish(exchange)
        if self._exchange is None and reader.refusal is not None:
            self._refuse(reader.refusal)

    def _finish(self, exchange: Exchange) -> None:
        """The body is in, or it is known to be too large."""
        request = exchange.request
        if exchange.on_body is not None:
            exchange.hand_over()
            if exchange.answered or self._closed:
                return
        if len(request.body) > exchange.body_limit or not exchange.finished:
            exchange.oversized = True
            request.body = b""
            if not exchange.finished:
                self._input.ignore_body()
        self._service.finish(exchange)
        if self._half_closed:
            self._abandon(exchange)

    def _refuse(self, refusal: Response) -> None:
        """Answer what is no request."""
        exchange = self._exchange = Exchange(self, Request("", ""), keep_alive=False)
        exchange.finished = True
        exchange.answer(refusal)

    def _abandon(self, exchange: Exchange) -> None:
        """Tell the service, once, that nobody may be waiting any more."""
        unanswered = not exchange.answered or self._stream is not None
        if unanswered and not self._closed and exchange is not self._abandoned:
            self._abandoned = exchange
            self._service.abandon(exchange)

    def _whole_answer_is_sent(self, exchange: Exchange) -> bool:
        return exchange.answered and self._stream is None and not self._output.waiting

    def _conclude(self, exchange: Exchange) -> None:
        """The answer is sent: the next exchange may begin once the body is over, or the connection ends."""
        if exchange.keep_alive and not self._output.broken:
            if exchange.finished:
                self._exchange = None
            return
        # A socket that is closed over unread bytes resets the connection, and the answer may be lost with it.
        self._exchange = None
        self._input.ignore_everything()
        self._output.end()
        if self._input.ended or self._output.broken:
            self.drop()

    # Bodies that are not all there when their head is.

    def _begin_body(self, exchange: Exchange) -> None:
        self._body_begun = True
        self._continue_owed = self._reader.awaits_continue()
        body_bytes = self._input.begin_body(exchange)
        self._service.begin(exchange)
        if exchange.answered or self._closed:
            return
        if body_bytes > exchange.body_limit:
            self._finish(exchange)
            return
        self._input.keep_body()
        exchange.hand_over()
        if self._continue_owed:
            self._continue_owed = False
            self._output.send(_CONTINUE)

    def _go_on_with_body(self, exchange: Exchange) -> None:
        exchange.hand_over()
        if self._closed:
            return
        if exchange.finished:
            self._body_begun = False
            self._input.end_body()
            if not exchange.answered and not exchange.oversized:
                self._finish(exchange)
            elif self._whole_answer_is_sent(exchange):
                self._conclude(exchange)
        elif self._reader.refusal is not None:
            self._break_off(exchange, self._reader.refusal)
        elif len(exchange.request.body) > exchange.body_limit and not exchange.answered:
            self._finish(exchange)

    def _break_off(self, exchange: Exchange, refusal: Response) -> None:
        """What came is not the rest of a body."""
        exchange.keep_alive = False
        if not exchange.answered:
            self._abandon(exchange)
            exchange.answer(refusal)
        elif self._whole_answer_is_sent(exchange):
            self._conclude(exchange)

    def _give_up_body(self, exchange: Exchange) -> None:
        if not self._input.ignore_body() or self._continue_owed:
            exchange.keep_alive = False

    def _flush(self) -> None:
        self._output.flush()
        exchange = self._exchange
        if self._output.waiting or exchange is None:
            return
        if self._stream is not None:
            self._stream.on_drained()
        elif exchange.answered:
            self._conclude(exchange)

    def _end_input(self) -> None:
        """The peer sends no more, and everything that it sent is read; or it has gone, or has sent too much."""
        if not self._input.ended:
            self._lose_peer()
            return
        exchange = self._exchange
        if exchange is None or self._whole_answer_is_sent(exchange):
            self.drop()
            return
        exchange.keep_alive = False
        self._half_close()

    def _half_close(self) -> None:
        """The peer sends no more. It may still read."""
        self._half_closed = True
        exchange = self._exchange
        if exchange is not None:
            self._abandon(exchange)
            if not exchange.finished and not exchange.answered:
                self.drop()

    def _lose_peer(self) -> None:
        """The peer neither sends nor reads."""
        stream = self._stream
        if self._exchange is not None:
            self._abandon(self._exchange)
        self.drop()
        if stream is not None:
            stream.on_drained()

    def watch(self) -> None:
        """Ask to be called when there is something to be done, and only then."""
        if self._closed or self._serving:
            return
        reader, exchange = self._reader, self._exchange
        interest = EPOLLIN
        if reader.arrived or reader.refusal is not None:
            interest = EPOLLRDHUP if exchange is not None else EPOLLRDHUP | EPOLLOUT
        if self._input.ended or (self._half_closed and interest != EPOLLIN):
            interest &= EPOLLOUT
        if exchange is not None and exchange.paused and exchange.is_held_up:
            interest = 0
        interest |= EPOLLOUT if self._output.waiting else 0
        if interest != self._interest:
            self._interest = interest
            self._reactor.change(self._fd, interest)
