"""`Timeline`: what happened in one environment when, on lanes of its own, its callers', its runtime's, its extensions'.

It is told every event with its effects. While nobody watches it passes over what happens in an invocation, which then
costs next to nothing. How the timeline is shown or written is not known here.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from supervisor.lifecycle import events as e
from supervisor.lifecycle.effects import Effect, FreezeEnvironment
from supervisor.lifecycle.milestones import InitReported, ShutdownStarted, Status
from supervisor.telemetry.timeline_entries import Entry
from supervisor.telemetry.timeline_lanes import CallersLane, EnvironmentLane, ExtensionLanes, RuntimeLane, Told

KEPT_ENTRIES: Final = 10_000
"""Some 700 invocations with three extensions, and about 3 MB. Ours."""

_WARM: Final = frozenset(
    {
        e.InvocationArrived,
        e.ResponseStarted,
        e.ResponseReceived,
        e.ErrorStarted,
        e.ErrorReceived,
        e.RuntimePolled,
        e.ExtensionPolled,
    }
)
"""What happens in every invocation, and leads to nothing else once an init has succeeded, until something fails."""

_FREEZING: Final = [FreezeEnvironment()]
"""What follows after every invocation when nothing comes."""


class Timeline:
    """The timeline of one environment, of which the newest entries are kept.

    Attributes:
        count: How many entries there were, kept or not.
        on_entry: Called with every entry.
    """

    def __init__(self) -> None:
        self.count = 0
        self.on_entry: Callable[[Entry], None] | None = None
        self._watchers = 0
        self._kept: deque[Entry] = deque(maxlen=KEPT_ENTRIES)
        self._is_warm = False
        self._environment = EnvironmentLane(self._tell)
        self._callers = CallersLane(self._tell)
        self._runtime = RuntimeLane(self._tell)
        self._extensions = ExtensionLanes(self._tell)
        self._told = _together(
            {InitReported: self._init_reported, ShutdownStarted: lambda _, __: self._cool_down()},
            self._environment.told,
            self._callers.told,
            self._runtime.told,
            self._extensions.told,
        )

    def see(self, event: e.Event, effects: Iterable[Effect], now: float) -> None:
        """Tell of *event*, which happened at *now* on the lifecycle's clock, and of its *effects*."""
        if self._is_warm and not self._watchers and (type(event) in _WARM or effects == _FREEZING):
            return
        for happened in (event, *effects):
            for tell in self._told.get(type(happened), ()):
                tell(happened, now)

    def watch(self, now: float) -> None:
        """Somebody wants to know of invocations too, from *now* on."""
        self._watchers += 1
        if self._watchers == 1:
            self._change("Watched", now)

    def unwatch(self, now: float) -> None:
        """Somebody who has watched does not any more."""
        self._watchers -= 1
        if not self._watchers:
            self._change("Not watched", now)

    def _change(self, mark: str, now: float) -> None:
        """Of an invocation that is under way the other end is not told."""
        if self._is_warm:
            self._environment.lane.end_all(now)
            self._runtime.lane.end_all(now)
            self._extensions.end_all(now)
            self._environment.lane.mark(mark, now)

    def since(self, number: int) -> list[Entry]:
        """The entries after the first *number* ones, as far as they are kept."""
        new = min(self.count - number, len(self._kept))
        return [self._kept[index] for index in range(-new, 0)]

    def _tell(self, entry: Entry) -> None:
        self.count += 1
        self._kept.append(entry)
        if self.on_entry is not None:
            self.on_entry(entry)

    def _init_reported(self, report: InitReported, _now: float) -> None:
        self._is_warm = report.ending.status is Status.SUCCESS

    def _cool_down(self) -> None:
        self._is_warm = False


def _together(*tables: Told) -> dict[type, tuple[Callable[[Any, float], None], ...]]:
    together: dict[type, tuple[Callable[[Any, float], None], ...]] = {}
    for table in tables:
        for happened, tell in table.items():
            together[happened] = (*together.get(happened, ()), tell)
    return together
