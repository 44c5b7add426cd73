"""Bodies that are taken piece by piece, as they arrive."""

from collections.abc import Callable

import pytest
import trio
import trio.testing

from supervisor.api.http import Response
from supervisor.lifecycle.invocation import Payload
from supervisor.system.http_exchange import Exchange
from tests.system.http_peers import PATIENCE, Clerk, chunked, get, nothing, post, serving, too_large

MEGABYTE = 1024 * 1024
LARGE = bytes(range(256)) * 4096 * 6
REQUESTS = [post("/", LARGE), chunked("/", *[LARGE[:MEGABYTE]] * 6)]


def accept(exchange: Exchange) -> None:
    exchange.answer(Response(202))


class Taker:
    """Takes the bodies of all requests, one behind the other."""

    def __init__(self, limit: int = len(LARGE), on_piece: Callable[[Exchange], None] | None = None) -> None:
        self.taken = bytearray()
        self.largest = 0
        self._limit = limit
        self._on_piece = on_piece
        self._news = trio.Event()

    def begin(self, exchange: Exchange) -> None:
        def take(piece: Payload) -> None:
            self.taken += piece
            self.largest = max(self.largest, len(piece))
            if self._on_piece is not None:
                self._on_piece(exchange)
            self._news.set()

        exchange.body_limit = self._limit
        exchange.on_body = take

    async def until(self, count: int) -> None:
        """Wait until *count* bytes are taken."""
        with trio.fail_after(PATIENCE):
            while len(self.taken) < count:
                self._news = trio.Event()
                await self._news.wait()


@pytest.mark.parametrize("request_bytes", REQUESTS, ids=["announced", "chunked"])
async def test_a_body_is_taken_in_pieces_and_none_of_it_is_kept(request_bytes: bytes) -> None:
    taker = Taker()
    clerk = Clerk(begin=taker.begin, finish=accept)
    async with serving(clerk) as site:
        peer = await site.peer()
        for _ in range(2):
            taker.taken.clear()
            assert (await peer.ask(request_bytes)).status == 202

            assert taker.taken == LARGE
    assert taker.largest <= MEGABYTE
    assert [exchange.request.body for exchange in clerk.exchanges] == [b"", b""]
    assert clerk.told == ["begin /", "finish /"] * 2


@pytest.mark.parametrize("request_bytes", [post("/", b"body"), chunked("/", b"bo", b"dy")])
async def test_a_body_that_comes_with_its_head_is_taken_too(request_bytes: bytes) -> None:
    taker = Taker()
    async with serving(Clerk(begin=taker.begin, finish=accept)) as site:
        peer = await site.peer()
        await peer.ask(request_bytes + get("/behind"))

    assert taker.taken == b"body"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\none ", b"more"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none \r\n", b"4\r\nmore\r\n0\r\n\r\n"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8\r\none ", b"more\r\n0\r\n\r\n"),
    ],
)
async def test_a_piece_is_taken_while_the_next_is_not_there_yet(first: bytes, second: bytes) -> None:
    taker = Taker()
    clerk = Clerk(begin=taker.begin, finish=accept)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(first)
        await taker.until(4)

        assert taker.taken == b"one "
        assert clerk.told == ["begin /"]
        assert (await peer.ask(second)).status == 202
    assert taker.taken == b"one more"


async def test_the_trailers_are_there_when_the_body_is_over() -> None:
    taker = Taker()
    clerk = Clerk(begin=taker.begin, finish=accept)
    async with serving(clerk) as site:
        peer = await site.peer()
        request = chunked("/", b"body", trailers=b"Error-Type: A.B\r\n")
        await peer.send(request[:-10])
        await taker.until(4)
        await peer.ask(request[-10:])

    assert clerk.exchanges[0].trailers == {"error-type": "A.B"}


@pytest.mark.parametrize("request_bytes", REQUESTS, ids=["announced", "chunked"])
async def test_a_taker_that_is_full_holds_up_the_peer_and_nobody_else(request_bytes: bytes) -> None:
    taker = Taker(on_piece=Exchange.pause)
    clerk = Clerk(begin=taker.begin, finish=accept)
    async with serving(clerk) as site, trio.open_nursery() as nursery:
        peer, other = await site.peer(), await site.peer()
        nursery.start_soon(peer.send, request_bytes)
        await taker.until(1)
        await trio.testing.wait_all_tasks_blocked()
        first = len(taker.taken)
        assert (await other.ask(get("/other"))).status == 202
        assert len(taker.taken) == first < MEGABYTE

        while len(taker.taken) < len(LARGE):
            before = len(taker.taken)
            clerk.exchanges[0].resume()
            await taker.until(before + 1)

        assert (await peer.answer()).status == 202
    assert taker.taken == LARGE


async def test_a_taker_that_is_full_at_the_end_holds_up_nothing() -> None:
    taker = Taker(on_piece=Exchange.pause)
    async with serving(Clerk(begin=taker.begin, finish=accept)) as site:
        peer = await site.peer()
        for _ in range(2):
            assert (await peer.ask(post("/", b"body"))).status == 202


async def test_a_peer_that_leaves_while_a_full_taker_has_its_whole_body_is_noticed() -> None:
    taker = Taker(on_piece=Exchange.pause)
    clerk = Clerk(begin=taker.begin, finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(post("/", b"body"))
        await clerk.until("finish /")
        peer.vanish()
        await clerk.until("abandon /")


async def test_the_end_of_what_a_paused_peer_sent_is_seen_after_it_was_taken() -> None:
    taker = Taker(on_piece=Exchange.pause)
    clerk = Clerk(begin=taker.begin, finish=accept)
    half = post("/", LARGE)[: 3 * MEGABYTE]
    async with serving(clerk) as site, trio.open_nursery() as nursery:
        peer = await site.peer()

        async def send() -> None:
            await peer.send(half)
            peer.send_eof()

        nursery.start_soon(send)
        await taker.until(1)
        await trio.testing.wait_all_tasks_blocked()
        assert "abandon /" not in clerk.told
        while "abandon /" not in clerk.told:
            clerk.exchanges[0].resume()
            await trio.lowlevel.checkpoint()

        assert await peer.is_at_end()
    assert taker.taken == LARGE[: len(taker.taken)]
    assert len(taker.taken) > 3 * MEGABYTE - 100
    assert clerk.told == ["begin /", "abandon /"]


async def test_a_paused_peer_that_resets_the_connection_is_told_at_once() -> None:
    taker = Taker(on_piece=Exchange.pause)
    clerk = Clerk(begin=taker.begin, finish=accept)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(post("/", LARGE)[:1000])
        await taker.until(1)
        peer.reset()
        await clerk.until("abandon /")


async def test_a_body_may_be_taken_to_its_limit_and_not_one_byte_further() -> None:
    taker = Taker(limit=5)
    clerk = Clerk(begin=taker.begin, finish=too_large)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.ask(chunked("/", b"123", b"45"))
        await peer.ask(chunked("/", b"123", b"456"))
        await peer.send(chunked("/", b"123")[:-5])
        await taker.until(8)
        await peer.ask(b"3\r\n456\r\n")
        await peer.send(b"100000\r\n" + bytes(MEGABYTE) + b"\r\n0\r\n\r\n")
        await peer.ask(post("/", b"123456"))

    assert [exchange.oversized for exchange in clerk.exchanges] == [False, True, True, True]
    assert taker.taken == b"12345" + b"123"


async def test_a_taker_may_answer_in_the_middle_and_gets_no_more() -> None:
    taker = Taker(on_piece=too_large)
    clerk = Clerk(begin=taker.begin, finish=accept)
    async with serving(clerk) as site:
        peer = await site.peer()
        for request in (*REQUESTS, post("/", b"all")):
            taker.taken.clear()
            await peer.send(request[:-1])
            assert (await peer.answer()).status == 413
            taken = len(taker.taken)
            await peer.send(request[-1:])

            assert len(taker.taken) == taken < MEGABYTE
        assert (await peer.ask(get("/after"))).status == 202
    assert clerk.told == ["begin /"] * 3 + ["begin /after", "finish /after"]


async def test_a_taker_may_close_the_connection_in_the_middle() -> None:
    taker = Taker(on_piece=Exchange.close)
    clerk = Clerk(begin=taker.begin, finish=accept)
    async with serving(clerk) as site:
        for request in (post("/", b"whole"), post("/", b"half")[:-2], chunked("/", b"half")[:-7]):
            peer = await site.peer()
            await peer.send(request)

            assert await peer.is_at_end()
    assert clerk.told == ["begin /"] * 3


async def test_a_body_that_waits_to_be_asked_for_is_asked_for_and_taken() -> None:
    taker = Taker()
    async with serving(Clerk(begin=taker.begin, finish=accept)) as site:
        peer = await site.peer()
        await peer.send(b"POST / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert (await peer.head()).status == 100
        assert (await peer.ask(b"body")).status == 202

    assert taker.taken == b"body"
