"""What comes out of a measurement: one figure of two programs, measured in rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

OURS: Final = "ours"
RIE: Final = "rie"
FLOOR: Final = "floor"

Samples = Mapping[str, Sequence[float]]
"""By the name of the program, one value for each round."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the results.

    Args:
        figure: What was measured, and in which unit.
        ours: The median of our values.
        rie: The median of those of RIE, None where RIE cannot be measured.
        ratio: The median of the ratios of the rounds, ours to RIE's.
        low: The lowest ratio of a round.
        high: The highest ratio of a round.
        floor: The median of the C floor, None where there is none.
    """

    figure: str
    ours: float
    rie: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    floor: float | None = None

    @classmethod
    def of(cls, figure: str, samples: Samples) -> "Figure":
        """The figure with these samples. The two of one round were taken one right after the other."""
        ours, rie, floor = samples[OURS], samples.get(RIE, ()), samples.get(FLOOR, ())
        ratios = [mine / other for mine, other in zip(ours, rie, strict=False) if other]
        return cls(
            figure,
            median(ours),
            median(rie) if rie else None,
            median(ratios) if ratios else None,
            min(ratios, default=None),
            max(ratios, default=None),
            median(floor) if floor else None,
        )
