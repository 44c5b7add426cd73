"""The two clocks: trio's, on which everything is decided, and the wall's, which peers are told."""

import time
from collections.abc import Callable
from typing import Final

import trio

MILLISECONDS: Final = 1000


class MonotonicClock(trio.abc.Clock):
    """A clock for trio that is read by one call of C, where trio's own takes three calls; it is read all the time."""

    current_time = staticmethod(time.monotonic)

    def start_clock(self) -> None:
        """It always runs."""

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """How long it is until *deadline*, in seconds."""
        return deadline - time.monotonic()


class Clock:
    """Reads the time. The wall clock is read anew for each translation: a machine that slept has left it behind.

    Attributes:
        now: Tells the moment, in seconds of trio's clock.
    """

    def __init__(self) -> None:
        self.now: Callable[[], float] = self._now_at_first

    def epoch(self, moment: float) -> float:
        """*moment*, of trio's clock, in seconds since 1970."""
        return time.time() + moment - self.now()

    def epoch_ms(self, moment: float) -> int:
        """*moment*, of trio's clock, in milliseconds since 1970."""
        return round((time.time() + moment - self.now()) * MILLISECONDS)

    def _now_at_first(self) -> float:
        # trio's clock is there once trio runs.
        self.now = trio.lowlevel.current_clock().current_time
        return self.now()
