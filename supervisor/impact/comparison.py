"""Owns the comparison: what a run with an extension needed more than the same run without it, over several rounds.

Every difference is one of two runs of the same round, so that what slows the whole machine down slows both; of an
invocation, one of the same event in both. Values in, values out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from supervisor.impact.run_log import Run

DEFAULT_PRICE: Final = 0.0000166667
"""In USD for a GB-second (AWS: Lambda pricing, x86, first tier, us-east-1)."""

_MILLION: Final = 1_000_000
_MB_IN_GB: Final = 1024
_MS_IN_SECOND: Final = 1000


@dataclass(frozen=True, slots=True)
class Spread:
    """Differences: the median, and the borders of their middle half."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, differences: Iterable[float]) -> "Spread | None":
        """The spread of *differences*, None when there are none."""
        values = sorted(differences)
        if not values:
            return None
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median(values), low, high)

    def scaled(self, factor: float) -> "Spread":
        """The same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Impact:
    """What one extension adds. Without it the function may not work at all: *failure* is the first error type then.

    Args:
        extension: Its name.
        init_ms: To Init.
        duration_ms: To one invocation.
        billed_ms: To what is billed of one invocation; Init is billed beside it.
        memory_mb: To Max Memory Used.
        cost_per_million: To the price of a million warm invocations.
        failure: What the function's error is called when the extension is missing, empty when there is none.
    """

    extension: str
    init_ms: Spread | None = None
    duration_ms: Spread | None = None
    billed_ms: Spread | None = None
    memory_mb: Spread | None = None
    cost_per_million: Spread | None = None
    failure: str = ""


def compare(extension: str, pairs: Sequence[tuple[Run, Run]], price: float) -> Impact:
    """The impact of *extension*.

    Args:
        extension: Its name.
        pairs: Of each round, the run with it and the run without it.
        price: Of a GB-second.
    """
    billed = Spread.of(
        a - b for with_it, without in pairs for a, b in zip(with_it.billed_ms, without.billed_ms, strict=True)
    )
    memory_gb = pairs[0][0].memory_size_mb / _MB_IN_GB
    return Impact(
        extension,
        init_ms=Spread.of(
            with_it.init_ms - without.init_ms
            for with_it, without in pairs
            if with_it.init_ms is not None and without.init_ms is not None
        ),
        duration_ms=Spread.of(
            a - b for with_it, without in pairs for a, b in zip(with_it.durations_ms, without.durations_ms, strict=True)
        ),
        billed_ms=billed,
        memory_mb=Spread.of(with_it.memory_used_mb - without.memory_used_mb for with_it, without in pairs),
        cost_per_million=billed and billed.scaled(memory_gb / _MS_IN_SECOND * price * _MILLION),
    )
