"""Batches reach subscribers over real sockets, whatever the subscribers do, and nobody waits for them."""

import base64
import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from supervisor.system.delivery import FLUSH_SECONDS
from supervisor.system.senders import REQUEST_SECONDS
from supervisor.telemetry.subscription import Buffering, HttpDestination, TcpDestination
from tests.system.subscribers import (
    FAILED,
    NOT_UNDERSTOOD,
    OK,
    PATIENCE,
    HttpListener,
    TcpListener,
    delivering,
    flush,
    record,
    subscriber,
    take_port,
    until_failing,
    until_settled,
    write,
)

LISTENER = Path(__file__).parents[1] / "actors/listener.py"


@pytest.fixture
def clock(mock_clock: MockClock) -> MockClock:
    """A clock that goes as usual, and can be put forward."""
    mock_clock.rate = 1.0
    return mock_clock


async def when_all_wait(act: Callable[[], None]) -> None:
    await trio.testing.wait_all_tasks_blocked()
    act()


async def never() -> bytes:
    await trio.sleep_forever()
    raise AssertionError


@pytest.mark.rule("telemetry-api/delivery-body", "telemetry-api/uri-path-kept", "telemetry-api/method")
async def test_a_batch_is_one_request_with_everything_that_it_needs() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery)
        to = subscriber(HttpDestination(listener.port, "/ingest/it?for=me&x=%20", "PUT"))
        delivery.start(to)
        write(to, 1, 2)
        (request,) = await listener.until_asked(1)
        nursery.cancel_scope.cancel()

    assert request.head.split("\r\n") == [
        "PUT /ingest/it?for=me&x=%20 HTTP/1.1",
        f"Host: 127.0.0.1:{listener.port}",
        "Content-Type: application/json",
        f"Sequence-Id: {base64.b64encode(hashlib.sha256(b'12').digest()).decode()[:43]}",
        "Connection: keep-alive",
        "User-Agent: awslambda-worker/1.0",
        "Content-Length: 27",
    ]
    assert request.body == b'[{"record":1},{"record":2}]'


async def test_a_connection_is_kept_for_the_next_batch() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery)
        to = subscriber(listener.destination)
        delivery.start(to)
        for number in (1, 2, 3):
            write(to, number)
            await listener.until_received(number)
        nursery.cancel_scope.cancel()

    assert (listener.numbers, listener.connections) == ([1, 2, 3], 1)


@pytest.mark.rule("telemetry-api/listener-closes-each-time")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK, id="without a word"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", id="and says so"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n", id="as HTTP/1.0 does"),
    ],
)
async def test_a_listener_may_close_the_connection_after_each_request(answer: bytes) -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery, answer, closes=True)
        to = subscriber(listener.destination)
        delivery.start(to)
        for number in (1, 2, 3):
            write(to, number)
            await listener.until_received(number)
            await listener.until_closed(number)
        nursery.cancel_scope.cancel()

    assert (listener.numbers, listener.connections) == ([1, 2, 3], 3)


async def test_a_kept_connection_that_breaks_is_replaced_at_once() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery, OK, None, OK)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1)
        await until_settled(delivery, to)
        write(to, 2)
        await flush(delivery)
        failed = to.buffer.is_failing
        await until_settled(delivery, to)
        nursery.cancel_scope.cancel()

    assert not failed
    assert [request.numbers for request in listener.requests] == [[1], [2], [2]]
    assert [request.connection for request in listener.requests] == [1, 1, 2]


@pytest.mark.rule("telemetry-api/listener-starts-late")
async def test_a_listener_may_start_after_the_subscription() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        taken = take_port()
        to = subscriber(HttpDestination(taken.getsockname()[1]))
        delivery.start(to)
        write(to, 1)
        await until_failing(delivery, to)
        write(to, 2)
        listener = HttpListener(nursery, taken=taken)
        await listener.until_received(1, 2)
        nursery.cancel_scope.cancel()


@pytest.mark.rule("telemetry-api/retry-keeps-order")
async def test_a_batch_that_fails_on_the_listeners_side_is_sent_again_before_anything_else() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery, FAILED, FAILED, OK)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1, 2)
        await listener.until_asked(1)
        write(to, 3)
        requests = await listener.until_asked(4)
        nursery.cancel_scope.cancel()

    assert [request.numbers for request in requests] == [[1, 2], [1, 2], [1, 2], [3]]
    ids = [request.header("Sequence-Id") for request in requests]
    assert (len(set(ids[:3])), len(set(ids))) == (1, 2)


@pytest.mark.rule("telemetry-api/refusing-subscriber")
async def test_a_listener_that_always_refuses_is_given_up_on_and_holds_nobody_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        refusing, other = HttpListener(nursery, NOT_UNDERSTOOD), HttpListener(nursery)
        to, to_other = subscriber(refusing.destination), subscriber(other.destination)
        delivery.start(to)
        delivery.start(to_other)
        write(to, 1, 2)
        write(to_other, 1, 2)
        await other.until_received(1, 2)
        requests = await refusing.until_asked(4)
        nursery.cancel_scope.cancel()

    assert [request.numbers for request in requests[:3]] == [[1, 2]] * 3
    (loss,) = requests[3].numbers
    assert isinstance(loss, dict)
    assert loss["droppedRecords"] == 2
    (message,) = caplog.messages
    assert message == f"Telemetry for shipper is not taken at http://127.0.0.1:{refusing.port}/: the answer was 400"


@pytest.mark.rule("telemetry-api/subscriber-never-reads")
async def test_a_listener_that_never_answers_costs_records_and_nothing_else(clock: MockClock) -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        stuck, other = HttpListener(nursery, never, OK), HttpListener(nursery)
        to, to_other = subscriber(stuck.destination), subscriber(other.destination)
        delivery.start(to)
        delivery.start(to_other)
        write(to, *range(1000))
        await stuck.until_asked(1)
        write(to, *range(1000, 2500))
        write(to_other, 1)
        await other.until_received(1)
        clock.jump(REQUEST_SECONDS)
        await stuck.until_asked(4)
        nursery.cancel_scope.cancel()

    again, following, last = stuck.requests[1:]
    assert again.numbers == list(range(1000))
    assert following.numbers == list(range(1000, 2000))
    (loss,) = last.numbers
    assert isinstance(loss, dict)
    assert loss["droppedRecords"] == 500


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK", id="breaks off"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk", id="is broken"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", id="leads away"
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, id="has more than one part"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="has no content"),
    ],
)
async def test_a_batch_is_taken_whatever_the_answer_says_beside_its_status(answer: bytes) -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery, answer, closes=True)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1)
        await until_settled(delivery, to)
        nursery.cancel_scope.cancel()

    assert listener.numbers == [1]
    assert not to.buffer.is_failing


async def test_an_answer_without_end_does_not_keep_the_next_batch(clock: MockClock) -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK", OK)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1)
        await listener.until_asked(1)
        write(to, 2)
        clock.jump(REQUEST_SECONDS)
        await listener.until_received(2)
        nursery.cancel_scope.cancel()

    assert listener.numbers == [1, 2]


async def test_an_answer_that_is_not_http_is_none() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery, b"SSH-2.0-OpenSSH\r\n", b"\x00\xff\r\n\r\n", OK, closes=True)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1)
        await until_failing(delivery, to)
        await until_settled(delivery, to)
        nursery.cancel_scope.cancel()

    assert [request.numbers for request in listener.requests] == [[1]] * 3


async def test_a_body_of_many_megabytes_arrives_whole() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery)
        to = subscriber(listener.destination, Buffering(timeout=0.025))
        delivery.start(to)
        big = record(1)._replace(data=b'{"record":"' + b"x" * 8_000_000 + b'"}')
        to.buffer.add(big, trio.current_time())
        (request,) = await listener.until_asked(1)
        nursery.cancel_scope.cancel()

    assert len(request.body) == 8_000_015


@pytest.mark.rule("telemetry-api/tcp-with-listener")
async def test_a_tcp_listener_gets_a_line_for_each_record_over_one_connection() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = TcpListener(nursery)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1, 2)
        await listener.until(lambda: len(listener.lines) == 2)
        write(to, 3)
        await listener.until(lambda: len(listener.lines) == 3)
        nursery.cancel_scope.cancel()

    assert listener.lines == [b'{"record":1}', b'{"record":2}', b'{"record":3}']
    assert listener.connections == 1


@pytest.mark.rule("telemetry-api/tcp-without-listener")
async def test_a_tcp_listener_may_start_after_the_subscription() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        taken = take_port()
        to = subscriber(TcpDestination(taken.getsockname()[1]))
        delivery.start(to)
        write(to, 1)
        await until_failing(delivery, to)
        listener = TcpListener(nursery, taken=taken)
        await listener.until_received(1)
        nursery.cancel_scope.cancel()


async def test_a_tcp_listener_that_closes_between_two_batches_loses_nothing() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = TcpListener(nursery, 1, 1)
        to = subscriber(listener.destination)
        delivery.start(to)
        for number in (1, 2, 3):
            write(to, number)
            if number < 3:
                await listener.until_closed(number)
            else:
                await listener.until_received(3)
        nursery.cancel_scope.cancel()

    assert (listener.numbers, listener.connections) == ([1, 2, 3], 3)


async def test_a_slow_tcp_listener_costs_records_and_gets_the_others_in_order() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = TcpListener(nursery, reads=False)
        to = subscriber(listener.destination)
        delivery.start(to)
        large = b"x" * 8_000_000
        to.buffer.add(record(0)._replace(data=b'{"record":"' + large + b'"}'), trio.current_time())
        await listener.until(lambda: listener.connections == 1)
        write(to, *range(1, 2001))
        listener.reads.set()
        await listener.until(lambda: len(listener.lines) == 1002)
        nursery.cancel_scope.cancel()

    first, *others, loss = listener.numbers
    assert first == large.decode()
    assert others == list(range(1, 1001))
    assert isinstance(loss, dict)
    assert loss["droppedRecords"] == 1000


async def test_a_tcp_listener_may_talk_back() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = TcpListener(nursery, greeting=b"220 welcome\r\n" * 1000)
        to = subscriber(listener.destination)
        delivery.start(to)
        for number in (1, 2, 3):
            write(to, number)
            await listener.until_received(number)
        nursery.cancel_scope.cancel()

    assert listener.connections == 1


def start_listener(port: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-I", str(LISTENER), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


async def line_of(process: "subprocess.Popen[str]") -> object:
    assert process.stdout is not None
    return json.loads(await trio.to_thread.run_sync(process.stdout.readline))


def kill(process: "subprocess.Popen[str]") -> None:
    with process:
        process.kill()


async def test_a_listener_that_is_killed_and_started_again_gets_what_waited() -> None:
    async with delivering() as delivery:
        with take_port() as taken:
            port: int = taken.getsockname()[1]
        first = start_listener(port)
        to = subscriber(HttpDestination(port))
        delivery.start(to)
        write(to, 1)
        one = await line_of(first)
        await until_settled(delivery, to)
        kill(first)
        write(to, 2)
        await until_failing(delivery, to)
        write(to, 3)
        second = start_listener(port)
        rest = [await line_of(second), await line_of(second)]
        kill(second)

    assert one == [{"record": 1}]
    assert rest == [[{"record": 2}], [{"record": 3}]]


async def test_a_flush_with_nothing_to_wait_for_is_over_at_once() -> None:
    done: list[str] = []
    async with delivering() as delivery, trio.open_nursery() as nursery:
        delivery.flush(lambda: done.append("nobody"))
        listener = HttpListener(nursery)
        to = subscriber(listener.destination)
        delivery.start(to)
        delivery.flush(lambda: done.append("nothing"))
        nursery.cancel_scope.cancel()

    assert done == ["nobody", "nothing"]


async def test_a_flush_delivers_what_waits_before_its_time() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery)
        to = subscriber(listener.destination, Buffering(timeout=3600.0))
        delivery.start(to)
        write(to, 1)
        delivery.flush(lambda: None)
        await listener.until_received(1)
        nursery.cancel_scope.cancel()


@pytest.mark.rule("telemetry-api/subscriber-gone-after-reset")
async def test_a_flush_does_not_wait_for_a_listener_that_is_known_to_fail() -> None:
    done: list[bool] = []
    async with delivering() as delivery:
        with take_port() as taken:
            to = subscriber(HttpDestination(taken.getsockname()[1]))
            delivery.start(to)
            write(to, 1)
            await until_failing(delivery, to)
            write(to, 2)
            delivery.flush(lambda: done.append(True))

    assert done == [True]


@pytest.mark.rule("telemetry-api/flush-is-bounded")
async def test_a_flush_has_a_bound(clock: MockClock) -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery, never)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1)
        await listener.until_asked(1)
        clock.rate = 0.0
        begun = trio.current_time()
        nursery.start_soon(when_all_wait, lambda: clock.jump(FLUSH_SECONDS))
        await flush(delivery)
        took = trio.current_time() - begun
        nursery.cancel_scope.cancel()

    assert took == FLUSH_SECONDS


@pytest.mark.rule("telemetry-api/nothing-delivered-while-frozen")
@pytest.mark.parametrize("kind", [HttpListener, TcpListener])
async def test_nothing_is_delivered_to_a_frozen_subscriber_and_everything_after_the_thaw(
    clock: MockClock, kind: type[HttpListener] | type[TcpListener]
) -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = kind(nursery)
        to = subscriber(listener.destination)
        delivery.start(to)
        delivery.freeze()
        write(to, 1)
        clock.jump(10.0)
        await trio.testing.wait_all_tasks_blocked(0.01)
        while_frozen = (listener.connections, to.buffer.is_failing)
        delivery.thaw()
        await listener.until(lambda: listener.numbers == [1])
        nursery.cancel_scope.cancel()

    assert while_frozen == (0, False)


async def test_what_is_under_way_to_a_subscriber_that_gets_frozen_has_not_failed(clock: MockClock) -> None:
    asked, thawed = trio.Event(), trio.Event()

    async def answer() -> bytes:
        asked.set()
        await thawed.wait()
        return OK

    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery, answer)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1)
        await asked.wait()
        delivery.freeze()
        clock.jump(2 * REQUEST_SECONDS)
        await trio.testing.wait_all_tasks_blocked(0.01)
        delivery.thaw()
        thawed.set()
        await until_settled(delivery, to)
        nursery.cancel_scope.cancel()

    assert (len(listener.requests), to.buffer.is_failing) == (1, False)


async def test_a_subscriber_whose_buffer_is_closed_loses_its_connection() -> None:
    async with delivering() as delivery, trio.open_nursery() as nursery:
        idle, stuck = TcpListener(nursery), HttpListener(nursery, never)
        to_idle, to_stuck = subscriber(idle.destination), subscriber(stuck.destination)
        for to in (to_idle, to_stuck):
            delivery.start(to)
            write(to, 1)
        await idle.until(lambda: idle.numbers == [1])
        await stuck.until_asked(1)
        to_idle.buffer.close()
        to_stuck.buffer.close()
        await idle.until_closed(1)
        nursery.cancel_scope.cancel()


async def test_whoever_stops_the_delivery_closes_every_connection() -> None:
    async with trio.open_nursery() as nursery:
        by_http, by_tcp, stuck = HttpListener(nursery), TcpListener(nursery), HttpListener(nursery, never)
        async with delivering() as delivery:
            for listener in (by_http, by_tcp, stuck):
                to = subscriber(listener.destination)
                delivery.start(to)
                write(to, 1)
            await by_http.until_asked(1)
            await by_tcp.until(lambda: by_tcp.numbers == [1])
            await stuck.until_asked(1)
        await by_http.until_closed(1)
        await by_tcp.until_closed(1)
        nursery.cancel_scope.cancel()


async def test_the_user_is_told_of_a_listener_that_stays_away(
    clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with delivering() as delivery:
        with take_port() as taken:
            to = subscriber(HttpDestination(taken.getsockname()[1]))
            delivery.start(to)
            write(to, 1)
            await until_failing(delivery, to)
            silent = not caplog.messages
            while not caplog.messages:
                clock.jump(1.0)
                to.buffer.add(record(2), trio.current_time())
                await trio.testing.wait_all_tasks_blocked(0.001)

    assert silent
    (message,) = caplog.messages
    assert message.startswith("Telemetry for shipper is not taken at http://127.0.0.1:")


IMPORTS = """
import sys, trio
from supervisor.system.delivery import Delivery
from supervisor.telemetry.subscription import HttpDestination, TcpDestination
from tests.system.subscribers import HttpListener, TcpListener, subscriber, write

def loaded():
    return [name in sys.modules for name in ("httpx", "httpcore", "rich", "click")]

async def main():
    delivery = Delivery()
    async with trio.open_nursery() as nursery:
        await nursery.start(delivery.run)
        seen = [loaded()]
        by_tcp, by_http = TcpListener(nursery), HttpListener(nursery)
        for listener in (by_tcp, by_http):
            to = subscriber(listener.destination)
            delivery.start(to)
            write(to, 1)
            await listener.until(lambda: listener.numbers == [1])
            seen.append(loaded())
        nursery.cancel_scope.cancel()
    print(seen)

trio.run(main)
"""


def test_the_http_client_is_imported_for_the_first_http_subscriber_alone() -> None:
    repository = Path(__file__).parents[2]
    command = [sys.executable, "-c", IMPORTS]
    run = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True, timeout=PATIENCE)

    nothing, client = [False] * 4, [True, True, False, False]
    assert run.stdout == f"{[nothing, nothing, client]}\n"


async def test_the_http_client_tells_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with delivering() as delivery, trio.open_nursery() as nursery:
        listener = HttpListener(nursery)
        to = subscriber(listener.destination)
        delivery.start(to)
        write(to, 1)
        await until_settled(delivery, to)
        nursery.cancel_scope.cancel()

    assert (listener.numbers, caplog.messages) == ([1], [])
