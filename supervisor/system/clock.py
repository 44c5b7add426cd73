"""The two clocks: trio's, on which everything is decided, and the wall's, which peers are told."""

import time
from typing import Final

import trio

MILLISECONDS: Final = 1000


class Clock:
    """Reads the time. The wall clock is read anew for each translation: a machine that slept has left it behind."""

    def now(self) -> float:
        """The moment, in seconds of trio's clock."""
        return trio.current_time()

    def epoch(self, moment: float) -> float:
        """*moment*, of trio's clock, in seconds since 1970."""
        return time.time() + moment - trio.current_time()

    def epoch_ms(self, moment: float) -> int:
        """*moment*, of trio's clock, in milliseconds since 1970."""
        return round(self.epoch(moment) * MILLISECONDS)
