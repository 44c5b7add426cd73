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
from supervisor.system.reactor import Reactor
from tests.system.http_peers import Clerk, Peer, chunked, echo, get, nothing, post, serving

Leave = Callable[[Peer], None]

LARGE = bytes(6 * 1024 * 1024)
HALF_BODIES = [
    b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf",
    b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n",
    chunked("/", b"a whole chunk")[:-5],
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf",
]


class Token:
    """Something that can be seen to be gone."""


def token(exchange: Exchange) -> None:
    exchange.context = Token()


@pytest.mark.parametrize("leave", [Peer.vanish, Peer.reset, Peer.send_eof])
async def test_a_peer_that_leaves_while_it_waits_is_told_once(leave: Leave) -> None:
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/"))
        await clerk.until("finish /")
        leave(peer)
        await clerk.until("abandon /")
        await trio.testing.wait_all_tasks_blocked()

        echo(clerk.exchanges[0])
        await trio.testing.wait_all_tasks_blocked()
        other = await site.peer()
        await other.send(get("/other"))
        await clerk.until("finish /other")

    assert clerk.told == ["begin /", "finish /", "abandon /", "begin /other", "finish /other"]


async def test_a_peer_that_only_stops_sending_gets_its_answer() -> None:
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(post("/", b"body"))
        peer.send_eof()
        await clerk.until("abandon /")
        echo(clerk.exchanges[0])

        assert (await peer.answer()).body == b"body"
        assert await peer.is_at_end()


async def test_every_request_in_front_of_the_end_is_answered() -> None:
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(post("/1", b"one") + post("/2", b"two") + post("/3", LARGE[:100_000]))
        peer.send_eof()
        for number in (1, 2, 3):
            await clerk.until(f"abandon /{number}")
            echo(clerk.exchanges[-1])

        assert [len((await peer.answer()).body) for _ in range(3)] == [3, 3, 100_000]
        assert await peer.is_at_end()
    assert [line for line in clerk.told if "abandon" in line] == ["abandon /1", "abandon /2", "abandon /3"]


async def test_a_service_may_give_up_on_whoever_has_stopped_sending() -> None:
    clerk = Clerk(finish=nothing, abandon=Exchange.close)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/1") + get("/2"))
        peer.send_eof()

        assert await peer.is_at_end()

    assert clerk.told == ["begin /1", "finish /1", "abandon /1"]


@pytest.mark.parametrize("half", HALF_BODIES)
async def test_a_truncated_body_is_abandoned_and_may_still_be_answered(half: bytes) -> None:
    clerk = Clerk(abandon=lambda exchange: exchange.answer(Response(400, (), b"truncated")))
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(half)
        await clerk.until("begin /")
        peer.send_eof()

        assert (await peer.answer()).body == b"truncated"
        assert await peer.is_at_end()

    assert clerk.told == ["begin /", "abandon /"]
    assert not clerk.exchanges[0].finished


@pytest.mark.parametrize("half", [*HALF_BODIES, b"GET / HTT", b""])
async def test_a_truncated_request_that_nobody_answers_ends_the_connection(half: bytes) -> None:
    async with serving(Clerk()) as site:
        peer = await site.peer()
        await peer.send(half)
        peer.send_eof()

        assert await peer.is_at_end()


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
async def test_an_answer_to_nobody_is_no_error_and_what_was_sent_ahead_is_not_served(body: bytes) -> None:
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/1") + get("/2"))
        await clerk.until("finish /1")
        peer.reset()

        clerk.exchanges[0].answer(Response(200, (), body))
        await trio.testing.wait_all_tasks_blocked()
        clerk.exchanges[0].close()

    assert clerk.told == ["begin /1", "finish /1"]


async def test_a_second_answer_is_not_sent() -> None:
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.ask(get("/1"))
        clerk.exchanges[0].answer(Response(500))

        assert (await peer.ask(get("/2"))).status == 200


@pytest.mark.parametrize(("count", "size"), [(3, len(LARGE)), (1000, 10_000)])
async def test_a_slow_reader_holds_up_nobody_and_gets_everything(count: int, size: int) -> None:
    clerk = Clerk(finish=lambda exchange: exchange.answer(Response(200, (), LARGE[:size])))
    async with serving(clerk) as site:
        slow, quick = await site.peer(), await site.peer()
        await slow.send(get("/slow") * count)
        await clerk.until("finish /slow")

        assert len((await quick.ask(get("/quick"))).body) == size
        assert clerk.told.count("finish /slow") < count
        assert [len((await slow.answer()).body) for _ in range(count)] == [size] * count


async def test_a_slow_reader_that_stops_sending_gets_everything() -> None:
    clerk = Clerk(finish=lambda exchange: exchange.answer(Response(200, (), LARGE)))
    async with serving(clerk) as site:
        slow = await site.peer()
        await slow.send(get("/"))
        slow.send_eof()
        await clerk.until("finish /")
        await trio.testing.wait_all_tasks_blocked()

        assert len((await slow.answer()).body) == len(LARGE)
        assert await slow.is_at_end()
    assert clerk.told == ["begin /", "finish /"]


async def test_an_answer_is_waited_for_until_the_peer_has_read_it() -> None:
    clerk = Clerk(finish=lambda exchange: exchange.answer(Response(200, (), LARGE)))
    async with serving(clerk) as site, trio.open_nursery() as nursery:
        slow = await site.peer()
        await slow.send(get("/"))
        await clerk.until("finish /")
        nursery.start_soon(slow.answer)
        await site.server.answers_sent()
        site.server.close_connections()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nName : x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0" * 100_000,
        post("/", b"x", "Transfer-Encoding: chunked"),
        post("/", b"x", "Content-Length: 1"),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nbody",
    ],
)
async def test_garbage_is_answered_in_plain_words_and_the_next_connection_is_served(garbage: bytes) -> None:
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        answer = await peer.ask(garbage)
        assert await peer.is_at_end()
        other = await site.peer()

        assert (await other.ask(get("/other"))).status == 200
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.body.startswith(b"malformed HTTP request: ")
    assert clerk.told == ["begin /other", "finish /other"]


async def test_requests_in_front_of_garbage_are_answered_first() -> None:
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/1") + get("/2") + b"garbage\r\n\r\n")
        for number in (1, 2):
            await clerk.until(f"finish /{number}")
            echo(clerk.exchanges[-1])

        assert [(await peer.answer()).status for _ in range(3)] == [200, 200, 400]
        assert await peer.is_at_end()


@pytest.mark.parametrize("words", [None, b"the service's own"])
async def test_garbage_in_a_body_is_abandoned_and_answered(words: bytes | None) -> None:
    def on_abandon(exchange: Exchange) -> None:
        if words is not None:
            exchange.answer(Response(400, (), words))

    clerk = Clerk(abandon=on_abandon)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n")
        await clerk.until("begin /")
        answer = await peer.ask(b"no number\r\n")

        assert await peer.is_at_end()

    assert answer.status == 400
    assert answer.body == (words or b"malformed HTTP request: Invalid character in chunk size\n")
    assert clerk.told == ["begin /", "abandon /"]


async def test_a_truncated_body_shows_nothing_of_the_one_before() -> None:
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.ask(post("/1", b"secret" * 100_000))
        clerk.exchanges.clear()
        await peer.send(post("/2", b"public" * 100_000)[:300_000])
        peer.send_eof()
        await clerk.until("abandon /2")

    assert b"secret" not in bytes(clerk.exchanges[0].request.body)


def test_a_closed_connection_is_freed_at_once() -> None:
    reactor = Reactor()
    near, far = socket.socketpair()
    near.setblocking(False)
    gc.disable()
    try:
        clerk = Clerk()
        connection = Connection(near, Shared(reactor, clerk), lambda _: None)
        seen = weakref.ref(connection)
        far.sendall(get("/") + chunked("/", b"bo", b"dy") + post("/", LARGE[:100_000])[:1000])
        connection.on_ready(EPOLLIN)
        connection.drop()
        clerk.exchanges.clear()
        del connection

        assert seen() is None
    finally:
        gc.enable()
        far.close()
        reactor.close()


async def test_an_idle_connection_does_not_hold_the_body_that_it_carried() -> None:
    clerk = Clerk(begin=token)
    async with serving(clerk) as site:
        peer = await site.peer()
        for request in (get("/"), post("/", b"body"), post("/", LARGE[:500_000]), chunked("/", b"bo", b"dy")):
            await peer.ask(request)
            (exchange,) = clerk.exchanges
            seen = weakref.ref(exchange.context)
            del exchange
            clerk.exchanges.clear()

            assert seen() is None
