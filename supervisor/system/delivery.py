"""Owns the delivery of telemetry: a task for each subscriber takes batches from its buffer and sends them.

What is in a batch, when it is due, and what follows from a failure, the buffer decides. No task waits for another one,
and nobody waits for a delivery, except `flush`, which has a bound.
"""

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import trio

from supervisor.system.http_client import http_transport
from supervisor.system.senders import HttpSender, NotTakenError, Sender, TcpSender
from supervisor.system.time_limits import TimeLimits
from supervisor.telemetry.buffer import REFUSED_ATTEMPTS, Buffer, Verdict
from supervisor.telemetry.subscription import HttpDestination
from supervisor.telemetry.subscriptions import Subscriber

if TYPE_CHECKING:
    import httpx

FLUSH_SECONDS: Final = 0.5
"""The most that `flush` takes. Ours: a quarter of the time that a shutdown with extensions has."""

_SPOKEN_OF: Final = {Verdict.REFUSED: REFUSED_ATTEMPTS, Verdict.UNREACHABLE: 15}
"""With so many failures in a row the user is told: when a batch is given up, or after some 10 s, as long as an init may
take. Ours."""

_log = logging.getLogger(__name__)


class Delivery:
    """The deliveries of one environment."""

    def __init__(self) -> None:
        self._couriers: list[_Courier] = []
        self._nursery: trio.Nursery | None = None
        self._transport: httpx.AsyncHTTPTransport | None = None
        self._transport_lock = trio.Lock()
        self._progress = trio.Event()
        self._limits = TimeLimits()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver, until cancelled.

        Cancellation: at any moment; what is under way is cut off, and every connection closed.
        """
        try:
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await trio.sleep_forever()
        finally:
            if self._transport is not None:
                await self._transport.aclose()

    def start(self, subscriber: Subscriber) -> None:
        """Deliver to *subscriber* from now on, until its buffer is closed. `run` has been started by then."""
        destination = subscriber.subscription.destination
        sender: Sender
        if isinstance(destination, HttpDestination):
            sender = HttpSender(destination, self._shared_transport, self._limits)
        else:
            sender = TcpSender(destination, self._limits)
        courier = _Courier(subscriber.name, subscriber.buffer, sender, self._limits, self._progressed)
        self._couriers = [known for known in self._couriers if not known.buffer.is_closed]
        self._couriers.append(courier)
        assert self._nursery is not None
        self._nursery.start_soon(courier.run)

    def freeze(self) -> None:
        """Begin no delivery from now on, and let no time pass for those under way."""
        self._limits.freeze()

    def thaw(self) -> None:
        """Deliver what has become due meanwhile."""
        self._limits.thaw()
        for courier in self._couriers:
            courier.wake()

    def flush(self, then: Callable[[], None]) -> None:
        """Deliver everything that waits now, and call *then*, after `FLUSH_SECONDS` at the latest.

        Subscribers to which the last delivery failed are not waited for. If there is nothing to wait for, *then* is
        called at once.
        """
        marks = [(courier.buffer, courier.buffer.flush()) for courier in self._couriers]
        if _is_flushed(marks):
            then()
        else:
            assert self._nursery is not None
            self._nursery.start_soon(self._flush, marks, then)

    async def _flush(self, marks: list[tuple[Buffer, int]], then: Callable[[], None]) -> None:
        with trio.move_on_after(FLUSH_SECONDS):
            while not _is_flushed(marks):
                await self._progress.wait()
        then()

    def _progressed(self) -> None:
        self._progress.set()
        self._progress = trio.Event()

    async def _shared_transport(self) -> "httpx.AsyncHTTPTransport":
        async with self._transport_lock:
            if self._transport is None:
                self._transport = await http_transport()
            return self._transport


def _is_flushed(marks: list[tuple[Buffer, int]]) -> bool:
    return all(buffer.is_failing or buffer.is_closed or buffer.is_settled(mark) for buffer, mark in marks)


class _Courier:
    """Carries the batches of one buffer; *on_settled* is called after each of them."""

    def __init__(
        self, name: str, buffer: Buffer, sender: Sender, limits: TimeLimits, on_settled: Callable[[], None]
    ) -> None:
        self.buffer = buffer
        self._name = name
        self._sender = sender
        self._limits = limits
        self._on_settled = on_settled
        self._failures = 0
        self._life = trio.CancelScope()
        self._sleep = trio.CancelScope()
        buffer.on_due = self.wake

    async def run(self) -> None:
        """Carry until the buffer is closed or the task is cancelled."""
        try:
            with self._life:
                while True:
                    await self._sleep_until_due()
                    verdict = await self._carry()
                    self.buffer.settle(verdict, trio.current_time())
                    self._on_settled()
        finally:
            await self._sender.aclose()
            self._on_settled()

    def wake(self) -> None:
        """Something may be due, or never be due again."""
        self._sleep.deadline = min(self._sleep.deadline, self._due())
        if self.buffer.is_closed:
            self._life.cancel()

    async def _sleep_until_due(self) -> None:
        while self._due() > trio.current_time():
            with trio.CancelScope(deadline=self._due()) as self._sleep:
                await trio.sleep_forever()

    def _due(self) -> float:
        return math.inf if self._limits.is_frozen else self.buffer.due

    async def _carry(self) -> Verdict:
        try:
            await self._sender.send(self.buffer.take(trio.current_time()))
        except NotTakenError as error:
            self._failures += 1
            if self._failures == _SPOKEN_OF[error.verdict]:
                _log.warning("Telemetry for %s is not taken at %s: %s", self._name, self._sender, error)
            return error.verdict
        self._failures = 0
        return Verdict.TAKEN
