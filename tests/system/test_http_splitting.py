"""The same bytes are the same requests, however the network cuts them. Here the connection is called by hand."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from select import EPOLLIN, select

from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.api.http import Response
from supervisor.system.http_connection import Connection
from supervisor.system.http_exchange import Exchange, Service
from supervisor.system.http_input import DRAIN_BYTES
from supervisor.system.http_shared import Shared
from supervisor.system.reactor import Reactor
from tests.system.http_peers import chunked, get, post


@dataclass(frozen=True)
class Heard:
    """A request, as the service got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    trailers: dict[str, str] = field(default_factory=dict)


class Listener:
    """A service that writes down every request and answers it."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []

    def begin(self, exchange: Exchange) -> None:
        exchange.body_limit = 1000

    def finish(self, exchange: Exchange) -> None:
        request = exchange.request
        target = f"{request.path}?{request.query}"
        heard = Heard(request.method, target, dict(request.headers), bytes(request.body), dict(exchange.trailers))
        self.heard.append(heard)
        exchange.answer(Response(204))

    def abandon(self, exchange: Exchange) -> None:
        raise AssertionError(f"{exchange.request} is whole")


class Wire:
    """A connection and the way to it, without a network that cuts as it likes."""

    def __init__(self, service: Service) -> None:
        self._reactor = Reactor()
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._answered = b""
        self._connection = Connection(self._near, Shared(self._reactor, service), lambda _: None)

    def arrive(self, piece: bytes) -> None:
        """Let *piece* arrive, unless the connection is over."""
        with suppress(BrokenPipeError):
            self._far.sendall(piece)
        self._serve()
        with suppress(BlockingIOError):
            self._answered += self._far.recv(65536, socket.MSG_DONTWAIT)

    def end(self) -> bytes:
        """Let the end of the data arrive; everything that was answered."""
        self._far.shutdown(socket.SHUT_WR)
        self._serve()
        self._connection.drop()
        self._reactor.close()
        with self._far:
            return self._answered + b"".join(iter(lambda: self._far.recv(65536), b""))

    def _serve(self) -> None:
        while self._near.fileno() >= 0 and select([self._near], [], [], 0)[0]:
            self._connection.on_ready(EPOLLIN)


def hear(pieces: Iterable[bytes]) -> list[Heard]:
    """What a service hears when *pieces* arrive one by one."""
    listener = Listener()
    wire = Wire(listener)
    for piece in pieces:
        wire.arrive(piece)
    wire.end()
    return listener.heard


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % len(stream) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges) if start < end]


bodies = st.binary(max_size=40)
requests = st.one_of(
    st.sampled_from(
        [
            get("/next?a=b", "Host: x", "X-Empty:", "X-Padded:   y  "),
            get("/", "Connection: Upgrade", "Upgrade: h2c"),
            post("/expecting", b"12345", "Expect: 100-continue"),
            b"\r\n" + get("/after-a-line"),
        ]
    ),
    st.builds(post, st.just("/response"), bodies),
    st.builds(lambda body: post("/upgrading", body, "Connection: Upgrade", "Upgrade: h2c"), bodies),
    st.lists(bodies.filter(bool)).map(lambda pieces: chunked("/chunks", *pieces, trailers=b"A: 1\r\nB: 2\r\n")),
)
streams = st.lists(requests, min_size=1, max_size=6).map(b"".join)


@settings(deadline=None)
@given(streams, st.lists(st.integers(min_value=0), max_size=20))
def test_any_splitting_of_a_stream_gives_the_same_requests(stream: bytes, places: list[int]) -> None:
    assert hear(cut(stream, places)) == hear([stream])


def test_a_stream_in_single_bytes_gives_its_requests() -> None:
    stream = (
        get("/1?q", "Host: x", "X-Empty:", "Upgrade: h2c", "Connection: Upgrade")
        + post("/2", b"\0\xff")
        + chunked("/3", b"ab", b"c", trailers=b"A: 1\r\n")
        + post("/4", b"1234", "Expect: 100-continue")
    )

    assert hear([bytes([byte]) for byte in stream]) == [
        Heard("GET", "/1?q", {"host": "x", "x-empty": "", "connection": "Upgrade"}, b""),
        Heard("POST", "/2?", {"content-length": "2"}, b"\0\xff"),
        Heard("POST", "/3?", {"transfer-encoding": "chunked"}, b"abc", {"a": "1"}),
        Heard("POST", "/4?", {"content-length": "4", "expect": "100-continue"}, b"1234"),
    ]


def test_what_was_thrown_away_once_does_not_count_against_what_comes_later() -> None:
    listener = Listener()
    wire = Wire(listener)
    unwanted, whole = post("/", bytes(100_000)), post("/", bytes(60_000))
    wire.arrive(unwanted[:-1])
    wire.arrive(unwanted[-1:])
    count = DRAIN_BYTES // len(whole) + 1
    for _ in range(count):
        wire.arrive(whole)
    wire.end()

    assert len(listener.heard) == 1 + count


class Patient(Listener):
    """A service that does not mind what it is told."""

    def abandon(self, exchange: Exchange) -> None:
        """As anything may be in the bytes, a body may break off."""


fragments = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"GET / HTTP/1.1\r\n", b"\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"5\r\n"]),
    requests,
)


@settings(deadline=None)
@given(st.lists(st.lists(fragments).map(b"".join).filter(bool), max_size=6))
def test_no_bytes_at_all_do_any_harm(pieces: list[bytes]) -> None:
    wire = Wire(Patient())
    for piece in pieces:
        wire.arrive(piece)

    for answer in wire.end().split(b"HTTP/1.1 ")[1:]:
        assert answer[:3] in (b"100", b"204", b"400")
