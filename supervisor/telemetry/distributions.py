"""The two forms in which lengths of time are counted: how many and how long in all, and how many of each size."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

SECONDS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
)
"""The upper bounds of the classes, from a millisecond, the unit of billing, to the longest function timeout."""


class Total:
    """How many there were, and their sum."""

    __slots__ = ("count", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one more."""
        self.count += 1
        self.sum += value


class Histogram:
    """How many there were up to each bound, and their sum.

    Attributes:
        bounds: The highest value of each class but the last, which has none.
        counts: How many there were in each class.
        sum: The sum of all values.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value
