"""What the platform tells, as records in every schema version.

What is in them comes from `contents`, which version knows what from `schemas`; who is told is not known here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from supervisor.function import Function
from supervisor.lifecycle.milestones import Milestone
from supervisor.telemetry.contents import Contents, Facts, contents
from supervisor.telemetry.records import Record, render, timestamp, whole
from supervisor.telemetry.schemas import known_members
from supervisor.telemetry.subscription import Api, Category, SchemaVersion, Subscription


class PlatformNotice:
    """Something that the platform tells, at *epoch* in seconds since 1970: *contents* gives it for each API."""

    __slots__ = ("_contents", "_rendered", "_time")

    category: Final = Category.PLATFORM

    def __init__(self, epoch: float, contents: Callable[[Api], Contents]) -> None:
        self._time = timestamp(epoch)
        self._contents = contents
        self._rendered: dict[SchemaVersion, tuple[Record, ...]] = {}

    def records(self, schema: SchemaVersion) -> tuple[Record, ...]:
        """The records that *schema* has for it, one after another."""
        records = self._rendered.get(schema)
        if records is None:
            records = self._rendered[schema] = tuple(self._render(schema))
        return records

    def _render(self, schema: SchemaVersion) -> Iterator[Record]:
        for kind, content in self._contents(schema.api):
            known = content if isinstance(content, str) else known_members(schema, kind, content)
            if known is not None:
                record = render(known)
                yield Record(self._time, record, whole(self._time, kind, record))


@dataclass(frozen=True, slots=True)
class Platform:
    """Makes the notices of one environment.

    Args:
        function: The function that is served.
        epoch: Translates a moment of the lifecycle's clock into seconds since 1970.
    """

    function: Function
    epoch: Callable[[float], float]

    def notice(self, milestone: Milestone, now: float, max_memory_used_mb: int) -> PlatformNotice:
        """The notice of *milestone*; *max_memory_used_mb* is looked at for the report of an invocation alone."""
        epoch = self.epoch(now)
        facts = Facts(self.function, max_memory_used_mb, epoch - now)
        return PlatformNotice(epoch, lambda api: contents(milestone, api, facts))

    def subscription_notice(
        self, name: str, subscription: Subscription, now: float, *, repeated: bool
    ) -> PlatformNotice:
        """The notice that the extension *name* subscribed, which only subscribers of the same API get."""
        own = subscription.schema.api
        state = "Already subscribed" if repeated else "Subscribed"
        content = {"name": name, "state": state, "types": subscription.categories}
        kind = f"platform.{own.lower()}Subscription"
        return PlatformNotice(self.epoch(now), lambda api: ((kind, content),) if api is own else ())
