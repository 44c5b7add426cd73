"""Subscribers for the tests of the delivery: real sockets that behave, or misbehave, as they are told."""

import json
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import trio

from supervisor.system.delivery import Delivery
from supervisor.telemetry.buffer import Buffer
from supervisor.telemetry.records import Record
from supervisor.telemetry.subscription import (
    Buffering,
    Category,
    Destination,
    HttpDestination,
    SchemaVersion,
    Subscription,
    TcpDestination,
)
from supervisor.telemetry.subscriptions import Subscriber

PATIENCE = 30
SOON = Buffering(max_items=1000, timeout=0.025)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
NOT_UNDERSTOOD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def record(number: int, size: int = 0) -> Record:
    content = b"%d" % number
    return Record("2031-04-03T12:11:12.345Z", content.ljust(size, b"."), b'{"record":%d}' % number)


def subscriber(destination: Destination, buffering: Buffering = SOON) -> Subscriber:
    wanted = Subscription(SchemaVersion.TELEMETRY_2022_12_13, (Category.FUNCTION,), destination, buffering)
    return Subscriber("shipper", wanted, Buffer(buffering), made_in=1, asked_in=1)


def write(to: Subscriber, *numbers: int) -> None:
    for number in numbers:
        to.buffer.add(record(number), trio.current_time())


async def flush(delivery: Delivery) -> None:
    """Until what waits is delivered, or is known to be stuck, or the bound is reached."""
    done = trio.Event()
    delivery.flush(done.set)
    await done.wait()


async def until_settled(delivery: Delivery, to: Subscriber) -> None:
    """Until all that waits is delivered or given up."""
    number = to.buffer.flush()
    while not to.buffer.is_settled(number):
        await flush(delivery)


async def until_failing(delivery: Delivery, to: Subscriber) -> None:
    """Until a delivery has come to nothing."""
    while not to.buffer.is_failing:
        await flush(delivery)


@asynccontextmanager
async def delivering() -> AsyncIterator[Delivery]:
    delivery = Delivery()
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            await nursery.start(delivery.run)
            yield delivery
            nursery.cancel_scope.cancel()


def take_port() -> socket.socket:
    """A port on which nobody listens, and on which nobody else can."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken


@dataclass
class Request:
    head: str
    body: bytes
    connection: int

    @property
    def numbers(self) -> list[object]:
        return [item["record"] for item in json.loads(self.body)]

    def header(self, name: str) -> str:
        (value,) = (line.partition(": ")[2] for line in self.head.split("\r\n") if line.startswith(f"{name}: "))
        return value


class Listener(ABC):
    """Listens on a port of its own, or on the one that was taken for it.

    Attributes:
        connections: How many were accepted.
        closed: How many of them are over.
    """

    def __init__(self, nursery: trio.Nursery, taken: socket.socket | None = None) -> None:
        self.connections = 0
        self.closed = 0
        self._changed = trio.Event()
        taken = taken or take_port()
        self.port: int = taken.getsockname()[1]
        taken.listen()
        taken.setblocking(False)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(taken))
        nursery.start_soon(trio.serve_listeners, self._accept, [listener])

    @property
    @abstractmethod
    def numbers(self) -> list[object]:
        """Everything that came, in order."""

    @property
    @abstractmethod
    def destination(self) -> Destination: ...

    @abstractmethod
    async def serve(self, stream: trio.SocketStream) -> None:
        """Read from one connection, and call `tell` whenever something has come."""

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    async def until_received(self, *numbers: object) -> None:
        await self.until(lambda: self.numbers[-len(numbers) :] == list(numbers))

    async def until_closed(self, times: int) -> None:
        await self.until(lambda: self.closed >= times)

    def tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _accept(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        self.tell()
        # A sender may be cut off in the middle.
        with suppress(trio.BrokenResourceError):
            async with stream:
                await self.serve(stream)
        self.closed += 1
        self.tell()


Answer = bytes | None | Callable[[], Awaitable[bytes]]
"""Bytes; None, which closes the connection; or a function that is awaited for bytes."""


class HttpListener(Listener):
    """Answers request N with `answers[N]`, and every later one with the last of them."""

    def __init__(
        self, nursery: trio.Nursery, *answers: Answer, taken: socket.socket | None = None, closes: bool = False
    ) -> None:
        super().__init__(nursery, taken)
        self.requests: list[Request] = []
        self._answers = answers or (OK,)
        self._closes = closes

    @property
    def destination(self) -> HttpDestination:
        return HttpDestination(self.port)

    @property
    def numbers(self) -> list[object]:
        return [number for request in self.requests for number in request.numbers]

    async def until_asked(self, times: int) -> list[Request]:
        await self.until(lambda: len(self.requests) >= times)
        return self.requests

    async def serve(self, stream: trio.SocketStream) -> None:
        connection, data = self.connections, b""
        async for chunk in stream:
            data += chunk
            head, found, body = data.partition(b"\r\n\r\n")
            request = Request(head.decode(), body, connection)
            if not found or len(body) < int(request.header("Content-Length")):
                continue
            data = b""
            self.requests.append(request)
            self.tell()
            answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
            answer = await answer() if callable(answer) else answer
            if answer is not None:
                await stream.send_all(answer)
            if answer is None or self._closes:
                return


class TcpListener(Listener):
    """Reads lines once `reads` is set; greets, and closes connection N after `lines_of[N]` lines."""

    def __init__(
        self,
        nursery: trio.Nursery,
        *lines_of: int,
        taken: socket.socket | None = None,
        reads: bool = True,
        greeting: bytes = b"",
    ) -> None:
        super().__init__(nursery, taken)
        self.lines: list[bytes] = []
        self.reads = trio.Event()
        if reads:
            self.reads.set()
        self._greeting = greeting
        self._lines_of = lines_of

    @property
    def destination(self) -> TcpDestination:
        return TcpDestination(self.port)

    @property
    def numbers(self) -> list[object]:
        return [json.loads(line)["record"] for line in self.lines]

    async def serve(self, stream: trio.SocketStream) -> None:
        wanted = dict(enumerate(self._lines_of, 1)).get(self.connections)
        count, rest = 0, b""
        await stream.send_all(self._greeting)
        await self.reads.wait()
        async for chunk in stream:
            *lines, rest = (rest + chunk).split(b"\n")
            self.lines += lines
            count += len(lines)
            self.tell()
            if count == wanted:
                return
