"""Owns the bandwidth of streamed responses: a bucket of tokens, one a byte, and the wait until there are new ones."""

import math
from collections.abc import Callable
from typing import Final

from supervisor.system.alarm import Alarm
from supervisor.system.clock import Clock

BURST_BYTES: Final = 6 * 1024 * 1024
"""What passes without a limit (AWS: Response streaming, "the first 6 MB"; RIE 1.170 core/bandwidthlimiter)."""

REFILL_SECONDS: Final = 0.125
"""How often there are new tokens (RIE 1.170 core/bandwidthlimiter)."""


class Bucket:
    """The tokens of one response. Moments in seconds, on any clock.

    Args:
        rate: In bytes a second.
        now: When the response begins, with a full bucket.
    """

    def __init__(self, rate: int, now: float) -> None:
        self._refill = rate * REFILL_SECONDS
        self._tokens = float(BURST_BYTES)
        self._filled_at = now

    def spend(self, count: int, now: float) -> float | None:
        """Take *count* tokens, on credit if need be; when there will be some again, None if there are."""
        refills = int((now - self._filled_at) / REFILL_SECONDS)
        self._filled_at += refills * REFILL_SECONDS
        self._tokens = min(BURST_BYTES, self._tokens + refills * self._refill) - count
        if self._tokens > 0:
            return None
        return self._filled_at + (math.floor(-self._tokens / self._refill) + 1) * REFILL_SECONDS


class Throttle:
    """Limits the bandwidth of one response after the other.

    Attributes:
        is_spent: There are no tokens now.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._clock = Clock()
        self._alarm = Alarm()
        self._bucket = Bucket(rate, 0.0)
        self._on_refill: Callable[[], None]
        self.is_spent = False

    def begin(self, on_refill: Callable[[], None]) -> None:
        """A response begins; *on_refill* is called whenever there are tokens again."""
        self._bucket = Bucket(self._rate, self._clock.now())
        self._on_refill = on_refill
        self._alarm.set(None)
        self.is_spent = False

    def spend(self, count: int) -> None:
        """*count* bytes have passed."""
        refilled_at = self._bucket.spend(count, self._clock.now())
        self.is_spent = refilled_at is not None
        self._alarm.set(refilled_at)

    async def run(self) -> None:
        """Wait for new tokens, until cancelled."""
        await self._alarm.run(self._refilled)

    def _refilled(self) -> None:
        self.is_spent = False
        self._on_refill()
