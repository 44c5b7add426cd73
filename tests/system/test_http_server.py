import os
import resource
import socket
import time
from email.utils import parsedate_to_datetime

import pytest
import trio
import trio.testing

from supervisor.api.http import Response
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_server import HttpServer, listen
from supervisor.system.reactor import Reactor
from tests.system.http_peers import PATIENCE, Clerk, chunked, echo, get, nothing, post, serving


async def test_a_request_is_told_as_it_was_sent() -> None:
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(post("/a%2Fb?c=d&e", b"\0\xff{}", "Host:  x \t", "X-Name: \xe9", "X-Empty:", "x-name: second"))
        await peer.answer()

    request = clerk.exchanges[0].request
    assert (request.method, request.path, request.query) == ("POST", "/a%2Fb", "c=d&e")
    # The first of a name counts.
    assert request.headers == {"content-length": "4", "host": "x", "x-name": "\xc3\xa9", "x-empty": ""}
    assert request.further_headers == [("x-name", "second")]
    assert request.body == b"\0\xff{}"
    assert clerk.exchanges[0].peer_host == "127.0.0.1"


async def test_what_was_sent_twice_belongs_to_its_own_request() -> None:
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.ask(chunked("/", b"body", trailers=b"A: 1\r\nA: 2\r\n"))
        await peer.ask(get("/", "A: 1", "A: 2", "Connection: Upgrade", "Upgrade: h2c"))
        await peer.ask(get("/", "A: 1"))
        for _ in range(3):
            await peer.ask(get("/", "A: 1", "A: 2"))

    further = [list(exchange.request.further_headers) for exchange in clerk.exchanges]
    assert further == [[], [("a", "2")], [], *[[("a", "2")]] * 3]
    assert clerk.exchanges[0].trailers == {"a": "1"}


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [("http://host:1/a?b", "/a", "b"), ("http://host", "/", ""), ("*", "*", ""), ("/a?b://c/d", "/a", "b://c/d")],
)
async def test_every_form_of_a_target_has_its_path(target: str, path: str, query: str) -> None:
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.ask(f"OPTIONS {target} HTTP/1.1\r\n\r\n".encode())

    assert (clerk.exchanges[0].request.path, clerk.exchanges[0].request.query) == (path, query)


async def test_an_answer_has_its_headers_its_length_and_the_date() -> None:
    reply = Response(202, (("X-Name", "value"),), b"body")
    clerk = Clerk(finish=lambda exchange: exchange.answer(reply))
    before = int(time.time())
    async with serving(clerk) as site:
        peer = await site.peer()
        answer = await peer.ask(get("/"))

    date = parsedate_to_datetime(answer.headers.pop("date")).timestamp()
    assert (answer.status, answer.headers, answer.body) == (202, {"x-name": "value", "content-length": "4"}, b"body")
    assert before <= date <= time.time()


async def test_the_date_goes_on() -> None:
    async with serving(Clerk()) as site:
        peer = await site.peer()
        first = (await peer.ask(get("/"))).headers["date"]
        with trio.fail_after(PATIENCE):
            while (await peer.ask(get("/"))).headers["date"] == first:
                pass


async def test_a_head_request_is_answered_with_the_length_and_without_the_body() -> None:
    clerk = Clerk(finish=lambda exchange: exchange.answer(Response(200, (), b"body")))
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(b"HEAD / HTTP/1.1\r\n\r\n")
        head = await peer.head()
        after = await peer.ask(get("/"))

    assert head.headers["content-length"] == "4"
    assert after.body == b"body"


async def test_pipelined_requests_are_served_one_after_the_other_in_their_order() -> None:
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(post("/1", b"one") + chunked("/2", b"t", b"wo") + get("/3"))
        await clerk.until("finish /1")
        await trio.testing.wait_all_tasks_blocked()
        told_before_the_first_answer = list(clerk.told)
        for number in (1, 2, 3):
            await clerk.until(f"finish /{number}")
            echo(clerk.exchanges[-1])
        bodies = [(await peer.answer()).body for _ in range(3)]

    assert told_before_the_first_answer == ["begin /1", "finish /1"]
    assert clerk.told == ["begin /1", "finish /1", "begin /2", "finish /2", "begin /3", "finish /3"]
    assert bodies == [b"one", b"two", b""]


async def test_what_was_written_before_a_pipelined_request_is_found_when_that_is_served() -> None:
    reactor = Reactor()
    group = reactor.open_group()
    reading, writing = os.pipe()
    found: list[list[int]] = []

    def on_written(_mask: int) -> None:
        os.read(reading, 1)

    def finish(exchange: Exchange) -> None:
        found.append(group.ready())
        os.write(writing, b"x")
        echo(exchange)

    group.add(reading, on_written)
    async with serving(Clerk(finish=finish), reactor) as site:
        peer = await site.peer()
        await peer.send(get("/1") + get("/2"))
        await peer.answer()
        await peer.answer()
        group.remove(reading)

    assert found == [[], [reading]]
    os.close(reading)
    os.close(writing)


async def test_an_answer_from_elsewhere_tells_the_service_nothing_before_it_returns() -> None:
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/1") + get("/2"))
        await clerk.until("finish /1")

        echo(clerk.exchanges[0])

        assert clerk.told == ["begin /1", "finish /1"]
        await clerk.until("finish /2")


@pytest.mark.parametrize("at_once", [True, False])
async def test_thousands_of_pipelined_requests_are_all_answered(at_once: bool) -> None:
    count = 5000
    clerk = Clerk(finish=echo if at_once else nothing)
    async with serving(clerk) as site, trio.open_nursery() as nursery:
        peer = await site.peer()
        nursery.start_soon(peer.send, b"".join(post("/", b"%d" % number) for number in range(count)))
        bodies = []
        for number in range(count):
            if not at_once:
                while len(clerk.told) <= number * 2 + 1:
                    await trio.lowlevel.checkpoint()
                echo(clerk.exchanges[number])
            bodies.append((await peer.answer()).body)

    assert bodies == [b"%d" % number for number in range(count)]


async def test_fifty_connections_are_served_side_by_side() -> None:
    count = 50
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peers = [await site.peer() for _ in range(count)]
        for number, peer in enumerate(peers):
            await peer.send(post(f"/{number}", b"%d" % number))
        for number in range(count):
            await clerk.until(f"finish /{number}")
        for exchange in reversed(clerk.exchanges):
            echo(exchange)

        assert [(await peer.answer()).body for peer in peers] == [b"%d" % number for number in range(count)]


@pytest.mark.parametrize(
    ("request_bytes", "connection"),
    [
        (get("/"), None),
        (get("/", "Connection: keep-alive"), "keep-alive"),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"),
    ],
)
async def test_a_connection_lives_on_and_says_so_to_whoever_spoke_of_it(
    request_bytes: bytes, connection: str | None
) -> None:
    async with serving(Clerk()) as site:
        peer = await site.peer()
        answers = [await peer.ask(request_bytes) for _ in range(2)]

    assert [answer.headers.get("connection") for answer in answers] == [connection, connection]


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/", "Connection: close"),
        b"GET / HTTP/1.0\r\n\r\n",
        post("/", b"body", "Connection: close"),
        b"CONNECT host:1 HTTP/1.1\r\n\r\n",
    ],
)
async def test_the_last_request_of_a_connection_is_answered_and_nothing_behind_it(request_bytes: bytes) -> None:
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        answer = await peer.ask(request_bytes + get("/behind"))

        assert await peer.is_at_end()

    assert answer.headers["connection"] == "close"
    assert len(clerk.exchanges) == 1


@pytest.mark.parametrize("request_bytes", [post("/", b"a body"), chunked("/", b"a b", b"ody")])
async def test_an_upgrade_is_ignored_and_the_body_is_read(request_bytes: bytes) -> None:
    asking = b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n"
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(request_bytes.replace(b"\r\n\r\n", asking, 1) + get("/?after", "Upgrade: h2c"))
        bodies = [(await peer.answer()).body for _ in range(2)]

    assert bodies == [b"a body", b""]
    assert "upgrade" not in clerk.exchanges[0].request.headers
    assert clerk.exchanges[0].request.headers["http2-settings"] == "AAMA"
    assert clerk.exchanges[1].request.query == "after"


async def test_a_closed_exchange_ends_the_connection_without_an_answer_and_without_a_word() -> None:
    clerk = Clerk(finish=Exchange.close)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/1") + get("/2"))

        assert await peer.is_at_end()

    assert clerk.told == ["begin /1", "finish /1"]


async def test_connections_that_are_closed_together_are_closed_without_a_word_and_others_are_served() -> None:
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peers = [await site.peer() for _ in range(3)]
        for peer in peers:
            await peer.send(get("/old"))
        while len(clerk.told) < 2 * len(peers):
            await trio.lowlevel.checkpoint()

        site.server.close_connections()

        assert [await peer.is_at_end() for peer in peers] == [True, True, True]
        echo(clerk.exchanges[0])
        peer = await site.peer()
        await peer.send(get("/new"))
        await clerk.until("finish /new")
    assert "abandon /old" not in clerk.told


async def test_a_service_may_close_every_connection_while_it_is_asked() -> None:
    clerk = Clerk(begin=lambda _: site.server.close_connections())
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(get("/1") + get("/2"))

        assert await peer.is_at_end()

    assert clerk.told == ["begin /1"]


def test_a_closed_server_gives_up_its_address_and_a_taken_one_is_refused() -> None:
    reactor = Reactor()
    first = HttpServer(reactor, listen("127.0.0.1", 0), Clerk())
    with pytest.raises(OSError, match="Address already in use"):
        listen(*first.address)
    first.close()

    listen(*first.address).close()
    reactor.close()


def test_an_address_of_the_newer_kind_is_listened_on() -> None:
    try:
        listener = listen("::1", 0)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")

    with socket.create_connection(listener.getsockname()[:2]) as connected:
        assert connected.family == socket.AF_INET6
    listener.close()


async def test_whoever_finds_no_descriptor_left_is_served_when_there_is_one_again() -> None:
    async with serving(Clerk()) as site:
        first = await site.peer()
        await first.ask(get("/"))
        second = site.peer_in_line()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            await second.send(get("/"))
            await trio.testing.wait_all_tasks_blocked()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        first.vanish()

        assert (await second.answer()).status == 200
