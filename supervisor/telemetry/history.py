"""What has been told since an init began, for those who subscribe later in it. Bounded, whatever is written."""

from collections.abc import Iterator
from typing import Final

from supervisor.telemetry.records import Notice, Record
from supervisor.telemetry.subscription import MAX_BYTES, MAX_ITEMS, Category, Subscription

HISTORY_LINES: Final = MAX_ITEMS.highest
HISTORY_BYTES: Final = MAX_BYTES.highest
"""What is kept of the output: as much as the largest batch has. Ours: no bound is documented."""


class History:
    """Notices in order. What the platform tells is always kept, it is little; lines as long as there is room."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        self._lines = 0
        self._bytes = 0
        self._dropped: dict[Category, tuple[int, int]] = {}

    def add(self, notice: Notice) -> None:
        """Keep something that the platform tells."""
        self._notices.append(notice)

    def add_line(self, notice: Notice, size: int) -> None:
        """Keep a line of *size* bytes, or count it."""
        if self._lines >= HISTORY_LINES or self._bytes + size > HISTORY_BYTES:
            records, dropped = self._dropped.get(notice.category, (0, 0))
            self._dropped[notice.category] = records + 1, dropped + size
            return
        self._lines += 1
        self._bytes += size
        self._notices.append(notice)

    def records(self, subscription: Subscription) -> Iterator[Record]:
        """Everything that is kept and that *subscription* asks for."""
        for notice in self._notices:
            if notice.category in subscription.categories:
                yield from notice.records(subscription.schema)

    def dropped(self, subscription: Subscription) -> tuple[int, int]:
        """How many lines that *subscription* asks for were not kept, and the bytes of these."""
        dropped = [self._dropped.get(category, (0, 0)) for category in subscription.categories]
        return sum([records for records, _ in dropped]), sum([size for _, size in dropped])
