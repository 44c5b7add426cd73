"""Owns the wait for the one moment at which something is due.

Theory of operation: an alarm is set and cleared with every invocation, and hardly ever goes off. So setting it writes a
number. Only a moment earlier than the one that the task sleeps towards disturbs it; towards a later one, or none, it
wakes once too early, looks again and sleeps on.
"""

import math
from collections.abc import Callable

import trio


class Alarm:
    """Goes off once for each time that it was set, unless it was set anew or cleared before."""

    def __init__(self) -> None:
        self._due = math.inf
        self._wakes = math.inf
        self._sleep = trio.CancelScope()

    def set(self, at: float | None) -> None:
        """Let the alarm go off at *at*, in seconds of trio's clock, or not at all. What was set before is forgotten."""
        self._due = math.inf if at is None else at
        if self._due < self._wakes:
            self._wakes = self._sleep.deadline = self._due

    async def run(self, on_due: Callable[[], None]) -> None:
        """Call *on_due* whenever the alarm goes off, for ever.

        Cancellation: at any moment, except inside *on_due*; what was set stays set.
        """
        while True:
            self._wakes = self._due
            with trio.CancelScope(deadline=self._due) as self._sleep:
                await trio.sleep_forever()
            if trio.current_time() >= self._due:
                self._due = math.inf
                on_due()
