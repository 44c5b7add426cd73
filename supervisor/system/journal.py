"""Owns the writing of what is kept of accepted invocations: in a thread, and what comes together in one commit.

Without a store nothing is kept, and everything is done at once. What is written is not decided here.
"""

import logging
from collections.abc import Callable, Sequence

import trio

from supervisor.system.event_store import Change, EventStore

Then = Callable[[bool], None]
"""Called once with whether the changes were made."""

_log = logging.getLogger(__name__)


class Journal:
    """Commits changes in the order in which they are given.

    Args:
        store: Where they are made; None keeps nothing.
    """

    def __init__(self, store: EventStore | None) -> None:
        self._store = store
        self._pending: list[tuple[Sequence[Change], Then]] = []
        self._woken = trio.Event()
        # One thread at a time: a connection of SQLite is not for two.
        self._limiter = trio.CapacityLimiter(1)

    @property
    def is_durable(self) -> bool:
        """Whether anything is kept at all."""
        return self._store is not None

    def write(self, changes: Sequence[Change], then: Then = lambda _: None) -> None:
        """Make *changes* and call *then*, when they are on the disk or could not be made."""
        if self._store is None:
            then(True)
            return
        self._pending.append((changes, then))
        self._woken.set()

    async def written(self, changes: Sequence[Change]) -> bool:
        """Make *changes*; whether they are on the disk."""
        done = trio.Event()
        result: list[bool] = []

        def finish(made: bool) -> None:
            result.append(made)
            done.set()

        self.write(changes, finish)
        await done.wait()
        return result[0]

    async def run(self) -> None:
        """Write, until cancelled.

        Cancellation: between two commits; what is pending then is not written.
        """
        store = self._store
        if store is None:
            return
        while True:
            await self._woken.wait()
            self._woken = trio.Event()
            batch, self._pending = self._pending, []
            made = await self._commit(store, [change for changes, _ in batch for change in changes])
            for _, then in batch:
                then(made)

    async def _commit(self, store: EventStore, changes: list[Change]) -> bool:
        try:
            await trio.to_thread.run_sync(store.commit, changes, limiter=self._limiter)
        except OSError as error:
            _log.error("%s", error)
            return False
        return True

    def close(self) -> None:
        """Give the store up, when `run` has ended."""
        if self._store is not None:
            self._store.close()
