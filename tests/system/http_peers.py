"""Both ends of a connection: a service that remembers what it was told, and a peer that speaks in bytes."""

import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from supervisor.api.http import Response
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_server import HttpServer, listen
from supervisor.system.reactor import Reactor

PATIENCE = 30

Do = Callable[[Exchange], None]


def nothing(_exchange: Exchange) -> None:
    """Neither answers nor closes."""


def echo(exchange: Exchange) -> None:
    exchange.answer(Response(200, (), exchange.request.body))


def too_large(exchange: Exchange) -> None:
    exchange.answer(Response(413, (), b"too large"))


class Clerk:
    """A service that remembers what it was told, by the path of the request, and does what it was made for."""

    def __init__(self, *, begin: Do = nothing, finish: Do = echo, abandon: Do = nothing) -> None:
        self.told: list[str] = []
        self.exchanges: list[Exchange] = []
        self._do = {"begin": begin, "finish": finish, "abandon": abandon}
        self._news = trio.Event()

    def begin(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self._hear("begin", exchange)

    def finish(self, exchange: Exchange) -> None:
        self._hear("finish", exchange)

    def abandon(self, exchange: Exchange) -> None:
        self._hear("abandon", exchange)

    def _hear(self, what: str, exchange: Exchange) -> None:
        self.told.append(f"{what} {exchange.request.path}")
        self._do[what](exchange)
        self._news.set()

    async def until(self, last: str) -> None:
        """Wait until *last* has been told."""
        with trio.fail_after(PATIENCE):
            while last not in self.told:
                self._news = trio.Event()
                await self._news.wait()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""


class Peer:
    """The other end of one connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._unread = b""

    async def send(self, data: bytes) -> None:
        with trio.fail_after(PATIENCE):
            await self.stream.send_all(data)

    def send_eof(self) -> None:
        self.stream.socket.shutdown(socket.SHUT_WR)

    def vanish(self) -> None:
        self.stream.socket.close()

    def reset(self) -> None:
        """Vanish so that the other side gets an error, and not the end of the data."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.socket.close()

    async def head(self) -> Answer:
        """The next answer, less its body."""
        while b"\r\n\r\n" not in self._unread:
            self._unread += await self._more()
        head, self._unread = self._unread.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        assert status.startswith("HTTP/1.1 ")
        return Answer(int(status.split(" ")[1]), dict(line.lower().split(": ", 1) for line in lines))

    async def answer(self) -> Answer:
        """The next answer."""
        head = await self.head()
        length = int(head.headers.get("content-length", "0"))
        body = bytearray(self._unread)
        while len(body) < length:
            more = await self._receive()
            assert more, f"the connection ended after {len(body)} of {length} bytes"
            body += more
        self._unread = bytes(body[length:])
        return Answer(head.status, head.headers, bytes(body[:length]))

    async def chunk(self) -> bytes:
        """The next chunk of a streamed answer, empty at its end."""
        size = int(await self._line(), 16)
        while len(self._unread) < size + 2:
            self._unread += await self._more()
        piece, end = self._unread[:size], self._unread[size : size + 2]
        self._unread = self._unread[size + 2 :]
        assert end == b"\r\n"
        return piece

    async def chunks(self) -> bytes:
        """The rest of a streamed answer's body."""
        pieces = bytearray()
        while piece := await self.chunk():
            pieces += piece
        return bytes(pieces)

    async def everything(self) -> bytes:
        """What comes until the connection ends."""
        pieces = bytearray(self._unread)
        while more := await self._receive():
            pieces += more
        return bytes(pieces)

    async def ask(self, request: bytes) -> Answer:
        await self.send(request)
        return await self.answer()

    async def is_at_end(self) -> bool:
        """Whether the end of the connection follows, and nothing before it."""
        return not self._unread and await self._receive() == b""

    async def _line(self) -> bytes:
        while b"\r\n" not in self._unread:
            self._unread += await self._more()
        line, self._unread = self._unread.split(b"\r\n", 1)
        return line

    async def _more(self) -> bytes:
        more = await self._receive()
        assert more, f"the connection ended after {self._unread!r}"
        return more

    async def _receive(self) -> bytes:
        with trio.fail_after(PATIENCE):
            return bytes(await self.stream.receive_some(1024 * 1024))


class Site:
    """A server that is running, and the way to it."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.peers: list[Peer] = []

    async def peer(self) -> Peer:
        return self._keep(await trio.open_tcp_stream(*self.server.address))

    def peer_in_line(self) -> Peer:
        """A peer that the kernel has connected and the server has not accepted yet."""
        connected = socket.create_connection(self.server.address)
        return self._keep(trio.SocketStream(trio.socket.from_stdlib_socket(connected)))

    def _keep(self, stream: trio.SocketStream) -> Peer:
        peer = Peer(stream)
        self.peers.append(peer)
        return peer


@asynccontextmanager
async def serving(clerk: Clerk, reactor: Reactor | None = None) -> AsyncIterator[Site]:
    reactor = reactor or Reactor()
    site = Site(HttpServer(reactor, listen("127.0.0.1", 0), clerk))
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reactor.pump)
            yield site
            nursery.cancel_scope.cancel()
    finally:
        for peer in site.peers:
            peer.stream.socket.close()
        site.server.close()
        reactor.close()


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", *headers, "", ""]).encode()


def chunked(path: str, *pieces: bytes, trailers: bytes = b"") -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = f"POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + chunks + b"0\r\n" + trailers + b"\r\n"
