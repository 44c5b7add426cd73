"""The two clocks: trio's, on which everything is decided, and the wall's, which peers are told."""

import time
from typing import Final

import trio

MILLISECONDS: Final = 1000


class Clock:
    """Reads the time. The wall clock is read anew for each translation: a machine that slept has left it behind."""

    def __init__(self) -> None:
        # What `trio.current_time` asks in the end. It is there once trio runs.
        self._clock: trio.abc.Clock | None = None

    def now(self) -> float:
        """The moment, in seconds of trio's clock."""
        if self._clock is None:
            self._clock = trio.lowlevel.current_clock()
        return self._clock.current_time()

    def epoch(self, moment: float) -> float:
        """*moment*, of trio's clock, in seconds since 1970."""
        return time.time() + moment - self.now()

    def epoch_ms(self, moment: float) -> int:
        """*moment*, of trio's clock, in milliseconds since 1970."""
        return round(self.epoch(moment) * MILLISECONDS)
