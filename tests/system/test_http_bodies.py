from contextlib import suppress

import pytest
import trio

from supervisor.api.http import Response
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_input import DRAIN_BYTES
from supervisor.system.http_reader import HEAD_BYTES
from tests.system.http_peers import Clerk, chunked, get, nothing, post, serving, too_large

MEGABYTE = 1024 * 1024
LARGE = bytes(range(256)) * 4096 * 6


def take_large(exchange: Exchange) -> None:
    exchange.body_limit = len(LARGE)


def head(path: str, length: int, *headers: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Content-Length: {length}", *headers, "", ""]).encode()


@pytest.mark.parametrize("request_bytes", [post("/", LARGE), chunked("/", *[LARGE[:MEGABYTE]] * 6)])
async def test_six_megabytes_go_in_and_come_out_as_they_were(request_bytes: bytes) -> None:
    clerk = Clerk(begin=take_large)
    async with serving(clerk) as site, trio.open_nursery() as nursery:
        peer = await site.peer()
        for _ in range(2):
            nursery.start_soon(peer.send, request_bytes)
            answer = await peer.answer()

            assert (answer.status, answer.body) == (200, LARGE)


async def test_a_body_of_nothing_is_a_body() -> None:
    async with serving(Clerk()) as site:
        peer = await site.peer()

        assert (await peer.ask(post("/", b""))).body == b""
        assert (await peer.ask(chunked("/"))).body == b""


async def test_trailers_are_kept_apart_from_the_headers() -> None:
    clerk = Clerk()
    with_trailers = chunked("/", b"body", trailers=b"Error-Type: A.B\r\nHost: late\r\n")
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.ask(with_trailers.replace(b"\r\n", b"\r\nHost: early\r\n", 1))
        await peer.ask(get("/", "Host: x"))

    first, second = clerk.exchanges
    assert first.request.headers == {"host": "early", "transfer-encoding": "chunked"}
    assert first.trailers == {"error-type": "A.B", "host": "late"}
    assert (second.request.headers, second.trailers) == ({"host": "x"}, {})


async def test_a_body_of_exactly_the_limit_is_kept_and_one_byte_more_is_not() -> None:
    def limit(exchange: Exchange) -> None:
        exchange.body_limit = 5

    clerk = Clerk(begin=limit)
    async with serving(clerk) as site:
        peer = await site.peer()
        for body in (b"12345", b"123456"):
            await peer.ask(post("/", body))
            await peer.ask(chunked("/", body[:3], body[3:]))

    assert [(exchange.oversized, exchange.request.body) for exchange in clerk.exchanges] == [
        (False, b"12345"),
        (False, b"12345"),
        (True, b""),
        (True, b""),
    ]


@pytest.mark.parametrize(
    "request_bytes",
    [post("/", bytes(100 * MEGABYTE)), chunked("/", *[bytes(MEGABYTE)] * 20)],
    ids=["announced", "chunked"],
)
async def test_an_oversized_body_is_answered_before_it_is_sent_and_the_connection_lives_on(
    request_bytes: bytes,
) -> None:
    begun = 2 * MEGABYTE
    clerk = Clerk(finish=too_large)
    async with serving(clerk) as site:
        peer = await site.peer()
        answer = await peer.ask(request_bytes[:begun])
        await peer.send(request_bytes[begun:])
        after = await peer.ask(get("/after"))

    assert (answer.status, after.status) == (413, 413)
    assert "connection" not in answer.headers
    assert clerk.exchanges[0].request.body == b""
    assert clerk.told == ["begin /", "finish /", "begin /after", "finish /after"]


async def test_an_oversized_body_is_not_kept_while_its_answer_is_awaited() -> None:
    begun, rest = chunked("/", bytes(2 * MEGABYTE), bytes(MEGABYTE)).split(b"100000\r\n")
    clerk = Clerk(finish=nothing)
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(begun)
        await clerk.until("finish /")
        await peer.send(b"100000\r\n" + rest)
        while not clerk.exchanges[0].finished:
            await trio.lowlevel.checkpoint()
        too_large(clerk.exchanges[0])

        assert (await peer.answer()).status == 413
    assert clerk.exchanges[0].request.body == b""


async def test_a_client_that_sends_a_hundred_megabytes_before_it_reads_finds_its_answer() -> None:
    request = post("/", bytes(100 * MEGABYTE))
    async with serving(Clerk(finish=too_large)) as site:
        peer = await site.peer()
        # More often than the sum of the bodies would be read of one.
        for _ in range(DRAIN_BYTES // len(request) + 2):
            assert (await peer.ask(request)).status == 413


async def test_a_body_without_end_is_answered_and_read_no_further_than_agreed() -> None:
    sent = 0
    async with serving(Clerk(finish=too_large)) as site:
        peer = await site.peer()
        await peer.send(head("/", 2**63))
        with suppress(trio.BrokenResourceError):
            while sent < 2 * DRAIN_BYTES:
                await peer.send(bytes(4 * MEGABYTE))
                sent += 4 * MEGABYTE
        answer = await peer.answer()

    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert DRAIN_BYTES <= sent < 2 * DRAIN_BYTES


async def test_a_request_that_is_answered_at_its_head_is_not_told_again_and_its_body_is_thrown_away() -> None:
    clerk = Clerk(begin=too_large)
    async with serving(clerk) as site:
        peer = await site.peer()
        statuses = []
        for request in (post("/1", b"body"), chunked("/2", b"bo", b"dy")):
            statuses.append((await peer.ask(request)).status)
            beginning, end = request[:-2], request[-2:]
            statuses.append((await peer.ask(beginning)).status)
            await peer.send(end)

    assert statuses == [413] * 4
    assert clerk.told == ["begin /1", "begin /1", "begin /2", "begin /2"]


async def test_an_answer_in_the_middle_of_a_body_ends_its_keeping() -> None:
    clerk = Clerk(begin=take_large)
    async with serving(clerk) as site:
        peer = await site.peer()
        for request in (post("/", LARGE), chunked("/", LARGE)):
            middle = len(request) // 2
            await peer.send(request[:middle])
            await clerk.until("begin /")
            clerk.exchanges[-1].answer(Response(403))
            assert (await peer.answer()).status == 403
            await peer.send(request[middle:])
            clerk.told.clear()

        assert (await peer.ask(get("/after"))).status == 200
    assert "finish /" not in clerk.told
    assert len(clerk.exchanges[1].request.body) <= len(LARGE) // 2


async def test_a_body_that_waits_to_be_asked_for_is_asked_for() -> None:
    async with serving(Clerk()) as site:
        peer = await site.peer()
        for _ in range(2):
            await peer.send(head("/", 4, "Expect: 100-continue"))
            assert (await peer.head()).status == 100
            assert (await peer.ask(b"body")).body == b"body"


async def test_a_body_that_waits_to_be_asked_for_is_not_wanted_when_the_answer_is_known() -> None:
    clerk = Clerk(finish=too_large)
    async with serving(clerk) as site:
        peer = await site.peer()
        answer = await peer.ask(head("/", 100 * MEGABYTE, "Expect: 100-continue"))

        assert await peer.is_at_end()

    assert (answer.status, answer.headers["connection"]) == (413, "close")


async def test_nobody_is_asked_for_a_body_that_is_on_its_way() -> None:
    async with serving(Clerk()) as site:
        peer = await site.peer()

        await peer.send(head("/", 4, "Expect: 100-continue") + b"bo")
        assert (await peer.ask(b"dy")).status == 200


async def test_a_peer_of_an_old_kind_is_not_asked_for_its_body() -> None:
    clerk = Clerk()
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.send(head("/", 4, "Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0"))
        await clerk.until("begin /")

        assert (await peer.ask(b"body")).status == 200


async def test_a_header_of_nine_hundred_kilobytes_is_accepted() -> None:
    clerk = Clerk()
    cause = "x" * 900_000
    async with serving(clerk) as site:
        peer = await site.peer()
        await peer.ask(post("/", b"{}", f"Lambda-Runtime-Function-XRay-Error-Cause: {cause}"))

    assert clerk.exchanges[0].request.headers["lambda-runtime-function-xray-error-cause"] == cause


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/", "Name: " + "x" * 2 * MEGABYTE),
        get("/", *["Name: x"] * (2 * MEGABYTE // 7)),
        get("/" + "x" * 2 * MEGABYTE),
        chunked("/", b"body", trailers=b"Name: " + b"x" * 2 * MEGABYTE),
    ],
)
async def test_two_megabytes_around_a_body_are_refused_and_the_refusal_can_be_read(request_bytes: bytes) -> None:
    async with serving(Clerk()) as site:
        peer = await site.peer()
        answer = await peer.ask(request_bytes)

        assert await peer.is_at_end()

    assert answer.status == 431
    assert str(HEAD_BYTES) in answer.body.decode()
    assert answer.headers["connection"] == "close"
