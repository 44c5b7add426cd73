"""The invocations of the type `Event`: accepted, kept, run whenever nobody else waits, and told of at their end.

Which is next, and what follows from an attempt, `asynchronous` decides. Here are the waiting, the store, the
destinations and the way into the environment.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import trio

from supervisor.asynchronous.line import Counts, Line
from supervisor.asynchronous.policy import Accepted, Condition, Policy
from supervisor.asynchronous.record import render
from supervisor.environment import Environment
from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.lifecycle.endings import SHUT_DOWN
from supervisor.lifecycle.invocation import Invocation, Outcome, Unavailable
from supervisor.system.clock import Clock
from supervisor.system.event_store import EventStore, Record, put, put_record, remove, remove_record, update
from supervisor.system.identifiers import new_uuid
from supervisor.system.journal import Journal
from supervisor.system.record_sender import RecordSender

LAST_RECORDS_SECONDS = 1.0
"""How long the destinations may take for the last records. Ours: a container's stop leaves 10 s in all."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where the records of accepted invocations go: paths or URLs, empty for nowhere."""

    on_success: str = ""
    on_failure: str = ""

    def of(self, condition: Condition) -> str:
        """Where the record of an invocation that ended so goes."""
        return self.on_success if condition is Condition.SUCCESS else self.on_failure


class Backlog:
    """The accepted invocations of one environment.

    Args:
        environment: Where they run.
        function: The function that they invoke.
        policy: How often and how long each is tried.
        destinations: Where their records go.
        store: What keeps them when the supervisor ends; None keeps nothing.

    Attributes:
        is_closed: Nothing new is accepted, from anybody.
    """

    def __init__(
        self,
        environment: Environment,
        function: Function,
        policy: Policy,
        destinations: Destinations,
        store: EventStore | None,
    ) -> None:
        self._environment = environment
        self._function = function
        self._destinations = destinations
        self._clock = Clock()
        self._line = Line(policy)
        self._journal = Journal(store)
        self._senders = {
            name: RecordSender(name) for name in {destinations.on_success, destinations.on_failure} if name
        }
        self._changed = trio.Event()
        self.is_closed = False
        if store is not None:
            self._restore(store)

    @property
    def counts(self) -> Counts:
        """What has happened since the start."""
        return self._line.counts

    def __len__(self) -> int:
        """How many accepted invocations are neither done nor given up."""
        return len(self._line)

    def accept(self, invocation: Invocation, then: Callable[[bool], None]) -> None:
        """Keep *invocation* until it has run, and call *then*, with whether it is kept, before it does.

        Raises:
            ProtocolError: 500, the environment is ending; *then* is not called.
        """
        if self.is_closed:
            raise ProtocolError(500, "ServiceException", SHUT_DOWN)
        now = self._now()
        # The bytes of a request lie in memory that others want back.
        kept = replace(invocation, payload=bytes(invocation.payload))
        accepted = Accepted(new_uuid(), kept, accepted_at=now, due=now)

        def answer(made: bool) -> None:
            then(made)
            if made:
                self._line.accept(accepted)
                self._change()

        self._journal.write([put(accepted)], answer)

    async def run(self) -> None:
        """Run what is accepted, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._journal.run)
            for sender in self._senders.values():
                nursery.start_soon(sender.run)
            nursery.start_soon(self._expire)
            while True:
                await self._attempt_next()

    def refuse(self) -> None:
        """Accept nothing new."""
        self.is_closed = True

    async def drain(self, seconds: float) -> None:
        """Run what can be run within *seconds*, when nothing new is accepted: retries do not wait any longer.

        What a store keeps is not waited for.
        """
        if self._journal.is_durable:
            return
        self._line.hurry(self._now())
        self._change()
        with trio.move_on_after(seconds):
            while self._line:
                await self._changed.wait()

    async def close(self) -> None:
        """The environment has ended: accept nothing new, and tell of what was not run, unless a store keeps it."""
        self.refuse()
        if not self._journal.is_durable:
            for accepted in self._line.end():
                self._end(accepted, Condition.EVENT_AGE_EXCEEDED, None)
        with trio.move_on_after(LAST_RECORDS_SECONDS):
            await self._journal.written([])
            for sender in self._senders.values():
                await sender.settled()
            await self._journal.written([])
        if not self._journal.is_durable:
            for sender in self._senders.values():
                sender.give_up()

    def close_store(self) -> None:
        """Give the store up, when `run` has ended."""
        self._journal.close()

    async def _attempt_next(self) -> None:
        await self._next_is_due()
        # Whoever waits for an answer comes first: there is nobody when the environment is idle.
        await self._environment_is_idle()
        self._give_up_expired()
        if (attempt := self._line.next_attempt(self._now())) is not None:
            # Kept before it begins, so that after a crash the next attempt is known to be another one.
            await self._journal.written([update(attempt)])
            await self._attempt(attempt)

    async def _expire(self) -> None:
        """Give up who becomes too old in time, also while callers wait without a pause."""
        while True:
            while (expiry := self._line.next_expiry) is None:
                await self._changed.wait()
            await trio.sleep(max(0.0, expiry - self._now()))
            self._give_up_expired()

    def _give_up_expired(self) -> None:
        for expired in self._line.expire(self._now()):
            self._end(expired, Condition.EVENT_AGE_EXCEEDED, None)
            self._change()

    async def _next_is_due(self) -> None:
        while (due := self._line.next_due) is None or due > self._now():
            with trio.move_on_after(math.inf if due is None else due - self._now()):
                await self._changed.wait()

    async def _environment_is_idle(self) -> None:
        idle = trio.Event()
        self._environment.when_idle(idle.set)
        await idle.wait()

    async def _attempt(self, attempt: Accepted) -> None:
        invocation = replace(attempt.invocation, invocation_id=new_uuid())
        ended = trio.Event()

        def answer(outcome: Outcome) -> None:
            self._settle(attempt, outcome)
            ended.set()

        def begin() -> None:
            if not self._line.begin(attempt):
                ended.set()
                return
            try:
                self._environment.invoke(invocation, answer)
            except ProtocolError as error:
                answer(Unavailable(error.message, error.http_status, error.error_type))

        self._environment.when_idle(begin)
        await ended.wait()

    def _settle(self, attempt: Accepted, outcome: Outcome) -> None:
        verdict = self._line.settle(outcome, self._now())
        if isinstance(verdict, Condition):
            self._end(attempt, verdict, outcome)
        else:
            self._journal.write([update(verdict)])
        self._change()

    def _end(self, accepted: Accepted, condition: Condition, outcome: Outcome | None) -> None:
        destination = self._destinations.of(condition)
        if destination:
            record = Record(
                accepted.key, destination, render(accepted, condition, outcome, self._function, self._now())
            )
            self._journal.write([remove(accepted.key), put_record(record)], lambda _: self._send(record))
            return
        self._journal.write([remove(accepted.key)])
        if condition is not Condition.SUCCESS:
            _log.warning(
                "The invocation %s, which its caller does not wait for, is given up after %d attempt%s: %s",
                accepted.invocation.request_id,
                accepted.attempts,
                "" if accepted.attempts == 1 else "s",
                condition,
            )

    def _send(self, record: Record) -> None:
        def finish(taken: bool) -> None:
            if taken:
                self._journal.write([remove_record(record.key)])

        self._senders[record.destination].send(record.record, finish)

    def _restore(self, store: EventStore) -> None:
        accepted, records = store.read()
        for kept in accepted:
            self._line.put(kept)
        for record in records:
            if record.destination not in self._senders:
                self._senders[record.destination] = RecordSender(record.destination)
            self._send(record)

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _now(self) -> float:
        return self._clock.epoch(self._clock.now())
