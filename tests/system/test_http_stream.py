"""Answers that are sent piece by piece."""

import gc
import socket
import weakref
from collections.abc import Callable
from select import EPOLLIN

import pytest
import trio
import trio.testing

from supervisor.api.http import Response
from supervisor.system.http_connection import Connection
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_shared import Shared
from supervisor.system.http_stream import AnswerStream
from supervisor.system.reactor import Reactor
from tests.system.http_peers import PATIENCE, Clerk, Peer, chunked, get, nothing, post, serving

MEGABYTE = 1024 * 1024
TYPE = ("Content-Type", "text/plain")


class Streams:
    """What a service that streams has begun, in the order of the requests."""

    def __init__(self, *, pieces: tuple[bytes, ...] = (), end: bool = False) -> None:
        self.begun: list[AnswerStream] = []
        self._pieces = pieces
        self._end = end

    def begin(self, exchange: Exchange) -> None:
        stream = exchange.stream(Response(200, (TYPE,)))
        self.begun.append(stream)
        for piece in self._pieces:
            stream.send(piece)
        if self._end:
            stream.end()


async def fill(stream: AnswerStream) -> int:
    """Send until the socket takes no more; how much that was."""
    sent = 0
    while not stream.waiting_bytes:
        stream.send(bytes(MEGABYTE))
        sent += MEGABYTE
    return sent


async def test_the_first_piece_arrives_before_the_second_is_there() -> None:
    streams = Streams()
    async with serving(Clerk(finish=streams.begin)) as site:
        peer = await site.peer()
        await peer.send(get("/"))
        head = await peer.head()
        (stream,) = streams.begun
        received = []
        for piece in (b"one", b"", b"t\0o\r\n", bytes(100_000)):
            stream.send(piece)
            if piece:
                received.append(await peer.chunk())
        stream.end()

        assert await peer.chunk() == b""
    assert (head.status, head.headers["content-type"]) == (200, "text/plain")
    assert head.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in head.headers
    assert received == [b"one", b"t\0o\r\n", bytes(100_000)]


async def test_a_stream_whose_length_is_known_says_it_and_has_no_chunks() -> None:
    def begin(exchange: Exchange) -> None:
        stream = exchange.stream(Response(200, (TYPE,)), 9)
        for piece in (b"first", b"last"):
            stream.send(piece)
        stream.end()

    async with serving(Clerk(finish=begin)) as site:
        peer = await site.peer()
        for _ in range(2):
            await peer.send(get("/"))
            response = await peer.answer()

            assert (response.headers["content-length"], response.body) == ("9", b"firstlast")
            assert "transfer-encoding" not in response.headers


async def test_the_next_request_waits_for_the_end_of_the_stream() -> None:
    streams = Streams(pieces=(b"piece",))
    clerk = Clerk(finish=streams.begin)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/1") + get("/2"))
        await peer.head()
        assert await peer.chunk() == b"piece"
        assert clerk.told == ["begin /1", "finish /1"]

        streams.begun[0].end()

        assert await peer.chunk() == b""
        assert (await peer.head()).status == 200
        assert clerk.told == ["begin /1", "finish /1", "begin /2", "finish /2"]


async def test_a_stream_that_is_over_at_once_is_an_answer_like_any_other() -> None:
    streams = Streams(pieces=(b"one", b"two"), end=True)
    async with serving(Clerk(finish=streams.begin)) as site:
        peer = await site.peer()
        for _ in range(2):
            await peer.send(get("/"))
            await peer.head()

            assert await peer.chunks() == b"onetwo"


async def test_what_comes_after_the_end_is_not_sent() -> None:
    streams = Streams(end=True)
    async with serving(Clerk(finish=streams.begin)) as site:
        peer = await site.peer()
        await peer.send(get("/"))
        await peer.head()
        streams.begun[0].send(b"late")
        streams.begun[0].end()
        streams.begun[0].abort()

        assert await peer.chunk() == b""
        await peer.send(get("/"))
        assert (await peer.head()).status == 200


async def test_http_1_0_gets_its_pieces_unframed_and_the_end_of_the_connection_as_their_end() -> None:
    streams = Streams(pieces=(b"one ", bytes(MEGABYTE), b" two"), end=True)
    async with serving(Clerk(finish=streams.begin)) as site:
        peer = await site.peer()
        await peer.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head = await peer.head()

        assert await peer.everything() == b"one " + bytes(MEGABYTE) + b" two"
    assert head.headers["connection"] == "close"
    assert "transfer-encoding" not in head.headers


async def test_a_head_request_and_a_status_without_a_body_get_no_piece() -> None:
    def no_content(exchange: Exchange) -> None:
        stream = exchange.stream(Response(204))
        stream.send(b"nobody expects me")
        stream.end()

    streams = Streams(pieces=(b"piece",), end=True)
    async with serving(Clerk(finish=streams.begin)) as site:
        peer = await site.peer()
        await peer.send(b"HEAD / HTTP/1.1\r\n\r\n" + b"HEAD / HTTP/1.1\r\n\r\n")
        assert [(await peer.head()).headers["transfer-encoding"] for _ in range(2)] == ["chunked"] * 2
    async with serving(Clerk(finish=no_content)) as site:
        peer = await site.peer()
        await peer.send(get("/") + get("/"))
        heads = [await peer.head() for _ in range(2)]

    assert [(head.status, list(head.headers)) for head in heads] == [(204, ["date"])] * 2


async def test_a_stream_that_is_broken_off_can_be_told_from_one_that_has_ended() -> None:
    streams = Streams(pieces=(b"half",))
    async with serving(Clerk(finish=streams.begin)) as site:
        peer = await site.peer()
        await peer.send(get("/") + get("/behind"))
        await peer.head()
        streams.begun[0].abort()

        assert await peer.everything() == b"4\r\nhalf\r\n"
    assert len(streams.begun) == 1


async def test_what_was_sent_before_a_stream_is_broken_off_arrives() -> None:
    streams = Streams()
    async with serving(Clerk(finish=streams.begin)) as site:
        peer = await site.peer()
        await peer.send(get("/"))
        await peer.head()
        sent = await fill(streams.begun[0])
        streams.begun[0].abort()

        assert len(await peer.everything()) > sent


async def test_a_slow_reader_is_noticed_and_its_sender_told_when_there_is_room() -> None:
    streams = Streams()
    drained = trio.Event()
    async with serving(Clerk(finish=streams.begin)) as site, trio.open_nursery() as nursery:
        slow = await site.peer()
        await slow.send(get("/"))
        await slow.head()
        (stream,) = streams.begun
        stream.on_drained = drained.set
        sent = await fill(stream)
        await trio.testing.wait_all_tasks_blocked()
        assert not drained.is_set()
        waiting_bytes = stream.waiting_bytes

        received = 0

        async def read() -> None:
            nonlocal received
            received = len(await slow.chunks())

        nursery.start_soon(read)
        with trio.fail_after(PATIENCE):
            await drained.wait()
        assert 0 < waiting_bytes <= sent
        assert stream.waiting_bytes == 0
        assert not stream.gone
        stream.end()
    assert received == sent


async def test_more_pieces_than_the_kernel_takes_at_once_arrive_in_their_order() -> None:
    streams = Streams()
    async with serving(Clerk(finish=streams.begin)) as site:
        slow = await site.peer()
        await slow.send(get("/"))
        await slow.head()
        (stream,) = streams.begun
        sent = await fill(stream)
        numbers = b"".join(b"%d," % number for number in range(5000))
        for number in range(5000):
            stream.send(b"%d," % number)
        stream.end()

        assert await slow.chunks() == bytes(sent) + numbers


@pytest.mark.parametrize("leave", [Peer.vanish, Peer.reset])
@pytest.mark.parametrize("waits", [True, False])
async def test_whoever_streams_is_told_of_a_peer_that_has_gone(leave: Callable[[Peer], None], waits: bool) -> None:
    streams = Streams()
    gone = trio.Event()
    clerk = Clerk(finish=streams.begin)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/") + get("/behind"))
        await peer.head()
        (stream,) = streams.begun

        def on_drained() -> None:
            if stream.gone:
                gone.set()

        stream.on_drained = on_drained
        if waits:
            await fill(stream)
        leave(peer)
        await clerk.until("abandon /")
        with trio.fail_after(PATIENCE):
            while not stream.gone:
                stream.send(b"piece")
                await trio.lowlevel.checkpoint()
            await gone.wait()
        stream.send(bytes(MEGABYTE))
        assert stream.waiting_bytes == 0
        stream.end()
        other = await site.peer()
        await other.send(get("/other"))
        await other.head()

    assert clerk.told == ["begin /", "finish /", "abandon /", "begin /other", "finish /other"]


async def test_a_peer_that_only_stops_sending_gets_the_rest_of_the_stream() -> None:
    streams = Streams(pieces=(b"one",))
    clerk = Clerk(finish=streams.begin)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/"))
        peer.send_eof()
        await clerk.until("abandon /")
        streams.begun[0].send(b"two")
        streams.begun[0].end()
        await peer.head()

        assert await peer.chunks() == b"onetwo"
        assert await peer.is_at_end()


@pytest.mark.parametrize("request_bytes", [post("/", bytes(MEGABYTE)), chunked("/", bytes(MEGABYTE))])
async def test_a_stream_may_begin_at_the_head_of_a_request_whose_body_is_thrown_away(request_bytes: bytes) -> None:
    streams = Streams(pieces=(b"early",))
    clerk = Clerk(begin=streams.begin, finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(request_bytes[:100])
        await peer.head()
        assert await peer.chunk() == b"early"
        await peer.send(request_bytes[100:])
        streams.begun[0].end()
        assert await peer.chunk() == b""

        await peer.send(get("/after"))
        assert (await peer.head()).status == 200
    assert "finish /" not in clerk.told


async def test_a_stream_to_a_connection_that_was_closed_goes_nowhere() -> None:
    streams = Streams()
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/"))
        await clerk.until("finish /")
        site.server.close_connections()
        streams.begin(clerk.exchanges[0])
        (stream,) = streams.begun
        stream.send(b"piece")
        stream.end()

        assert stream.gone
        assert await peer.is_at_end()


def test_a_connection_that_is_closed_in_the_middle_of_a_stream_is_freed_with_the_stream() -> None:
    reactor = Reactor()
    near, far = socket.socketpair()
    near.setblocking(False)
    streams = Streams(pieces=(b"piece",))
    gc.disable()
    try:
        clerk = Clerk(finish=streams.begin)
        connection = Connection(near, Shared(reactor, clerk), lambda _: None)
        seen = weakref.ref(connection)
        far.sendall(get("/"))
        connection.on_ready(EPOLLIN)
        connection.drop()
        streams.begun.clear()
        clerk.exchanges.clear()
        del connection

        assert seen() is None
    finally:
        gc.enable()
        far.close()
        reactor.close()
