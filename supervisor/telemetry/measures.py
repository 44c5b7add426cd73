"""`Measures`: what happened in one environment, as plain numbers.

It is told every event with its effects. What the numbers are called outside is not known here, nor is what only the
system knows, such as the memory of processes.
"""

from collections.abc import Callable, Iterable
from typing import Any

from supervisor.lifecycle.effects import Effect
from supervisor.lifecycle.events import Event
from supervisor.telemetry.extension_measures import Extensions
from supervisor.telemetry.phase_measures import Counts, FreezeMeasures, InitMeasures, InvocationMeasures, StopMeasures

_Count = Callable[[Any, float], None]


class Measures:
    """The numbers of one environment, from its beginning, whatever resets there were."""

    def __init__(self) -> None:
        self.inits = InitMeasures()
        self.invocations = InvocationMeasures()
        self.freezes = FreezeMeasures()
        self.stops = StopMeasures()
        self.extensions = Extensions()
        self._counted = _together(
            self.inits.counted,
            self.extensions.counted,
            self.invocations.counted,
            self.freezes.counted,
            self.stops.counted,
        )

    def see(self, event: Event, effects: Iterable[Effect], now: float) -> None:
        """Count what *event*, which happened at *now* on the lifecycle's clock, and its *effects* are worth."""
        counted = self._counted
        count = counted.get(type(event))
        if count is not None:
            count(event, now)
        for effect in effects:
            count = counted.get(type(effect))
            if count is not None:
                count(effect, now)


def _together(*tables: Counts) -> dict[type, _Count]:
    together: dict[type, _Count] = {}
    for table in tables:
        for happened, count in table.items():
            together[happened] = _both(together[happened], count) if happened in together else count
    return together


def _both(one: _Count, other: _Count) -> _Count:
    def count(happened: object, now: float) -> None:
        one(happened, now)
        other(happened, now)

    return count
