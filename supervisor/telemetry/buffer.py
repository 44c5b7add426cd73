"""The records of one subscription that wait for delivery: batches, repetitions, losses. No I/O and no clock.

Theory of operation. Records gather in an open batch, which is sealed at its limits or when its time is up. At most one
sealed batch is under way; it stays the same, whatever its delivery needs. While it is under way the next one gathers,
and what comes when that is full too is dropped and counted (recorded on AWS: about one batch beside the one in
flight). So nothing is lost or reordered without being counted, and memory is bounded however slow the subscriber is.

    add ──▶ open batch ──limits, time, flush──▶ take ──▶ batch under way ──settle──▶ gone, repeated, or given up
"""

import math
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Final

from supervisor.telemetry.batch import Batch, SequenceId
from supervisor.telemetry.delivery_tally import DeliveryTally
from supervisor.telemetry.records import Record, logs_dropped
from supervisor.telemetry.subscription import Buffering

FIRST_RETRY_SECONDS: Final = 0.025
LAST_RETRY_SECONDS: Final = 1.0
"""The wait before a repetition; it doubles up to the last. Ours: AWS documents back-off, and no number."""

REFUSED_ATTEMPTS: Final = 3
"""How often a subscriber may refuse a batch before it is given up. Ours: some refuse what they do not understand, and
would do so for ever."""

DROPPED_OVERHEAD_BYTES: Final = 88
"""What a dropped record counts beside its content (recorded on AWS: 90 for a line of two bytes)."""


class Verdict(Enum):
    """What became of a delivery: taken; not taken, and worth a repetition; or refused, which it may be again."""

    TAKEN = auto()
    UNREACHABLE = auto()
    REFUSED = auto()


class Buffer:
    """What waits for one subscriber.

    Args:
        buffering: The limits of a batch.
        tally: Where what is delivered and dropped is counted.

    Attributes:
        due: When `take` is to be called, on the clock of the `now` that the methods get; infinite when nothing waits.
        on_due: Called when `due` has become earlier.
        is_failing: The last delivery came to nothing.
        is_closed: Nothing is kept any more.
    """

    def __init__(self, buffering: Buffering, tally: DeliveryTally | None = None) -> None:
        self.due = math.inf
        self.on_due: Callable[[], None] = _wake_nobody
        self.is_failing = False
        self.is_closed = False
        self._limits = buffering
        self._tally = tally or DeliveryTally()
        self._open: list[Record] = []
        self._open_bytes = 0
        self._open_due = math.inf
        self._open_tells_loss = False
        self._sealed: deque[Batch] = deque()
        self._is_under_way = False
        self._is_paused = False
        self._kept = 0
        self._settled = 0
        self._retry_at = -math.inf
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._refusals = 0
        self._sequence_id = SequenceId()
        self._dropped_records = 0
        self._dropped_bytes = 0
        self._loss_is_told = True

    def add(self, record: Record, now: float) -> None:
        """Keep *record* until it is delivered, or count it as dropped."""
        if not self._sealed and not self._has_room(record):
            self._seal(now)
        if self.is_closed or not self._has_room(record):
            self._drop(1, len(record.content))
            return
        self._append(record, now)
        self._set_due()

    def replay(self, records: Iterable[Record], dropped: tuple[int, int], now: float) -> None:
        """Keep *records* of before the subscription, however many, and let them go out at once.

        *dropped* is how many there were beside these, and the bytes of their contents.
        """
        for record in records:
            if not self._has_room(record):
                self._seal(now)
            self._append(record, now)
        self._drop(*dropped)
        self._seal(now)
        self._set_due()

    def flush(self) -> int:
        """Let what waits go out now instead of when its time is up; the number of its last record."""
        if self._open:
            self._open_due = -math.inf
            self._set_due()
        return self._kept

    def is_settled(self, number: int) -> bool:
        """Whether the record with this *number*, and all before it, are delivered or given up."""
        return self._settled >= number

    def pause(self) -> None:
        """Nobody can listen now: let nothing be due until `resume`."""
        self._is_paused = True
        self._set_due()

    def resume(self) -> None:
        """The subscriber may listen now: let a repetition come at once."""
        self._is_paused = False
        self._forgive()
        self._set_due()

    def close(self) -> None:
        """Forget everything; nobody will come for it."""
        self.is_closed = True
        self._open.clear()
        self._sealed.clear()
        self._set_due()
        self.on_due()

    def take(self, now: float) -> Batch:
        """The batch to deliver, now that it is due. `settle` is to be called before the next one is taken."""
        if not self._sealed:
            self._seal(now)
        self._is_under_way = True
        self._set_due()
        return self._sealed[0]

    def settle(self, verdict: Verdict, now: float) -> None:
        """Hear what became of the batch that was taken: it is forgotten, or due again later, or given up."""
        self._is_under_way = False
        self.is_failing = verdict is not Verdict.TAKEN
        if self.is_closed:
            return
        if verdict is Verdict.TAKEN:
            self._tally.deliver(self._forget_batch().own_records)
            self._forgive()
            self._set_due()
            return
        self._retry_at = now + self._retry_seconds
        self._retry_seconds = min(2 * self._retry_seconds, LAST_RETRY_SECONDS)
        if verdict is Verdict.REFUSED:
            self._refusals += 1
            if self._refusals == REFUSED_ATTEMPTS:
                self._give_up(now)
        self._set_due()

    def _forgive(self) -> None:
        self._retry_at = -math.inf
        self._retry_seconds = FIRST_RETRY_SECONDS

    def _give_up(self, now: float) -> None:
        batch = self._forget_batch()
        lost = batch.own_records
        self._drop(len(lost), sum([len(record.content) for record in lost]))
        self._loss_is_told = False
        self._tell_loss(batch.records[-1].time, now)

    def _forget_batch(self) -> Batch:
        batch = self._sealed.popleft()
        self._settled += len(batch.records) - batch.tells_loss
        self._refusals = 0
        return batch

    def _drop(self, records: int, size: int) -> None:
        """Count *records* as lost, whose contents have *size* bytes."""
        if records:
            self._tally.drop(records, size)
            self._dropped_records += records
            self._dropped_bytes += size + records * DROPPED_OVERHEAD_BYTES
            self._loss_is_told = False

    def _has_room(self, record: Record) -> bool:
        if not self._open:
            return True
        limits = self._limits
        return len(self._open) < limits.max_items and self._open_bytes + len(record.content) <= limits.max_bytes

    def _is_full(self) -> bool:
        return len(self._open) >= self._limits.max_items or self._open_bytes >= self._limits.max_bytes

    def _append(self, record: Record, now: float) -> None:
        if not self._open:
            self._open_due = now + self._limits.timeout
        self._open.append(record)
        self._kept += 1
        self._open_bytes += len(record.content)

    def _seal(self, now: float) -> None:
        """Close the open batch, if there is anything in it. What was lost since it was full is told by the next one."""
        if not self._open:
            return
        batch = Batch(tuple(self._open), self._sequence_id.after(self._open), self._open_tells_loss)
        self._sealed.append(batch)
        self._open = []
        self._open_bytes = 0
        self._open_tells_loss = False
        self._tell_loss(batch.records[-1].time, now)

    def _tell_loss(self, time: str, now: float) -> None:
        """Put what was lost after *time* at the head of the open batch; if that is full, of the one after."""
        if self._loss_is_told or self._open_tells_loss or self._is_full():
            return
        record = logs_dropped(time, self._dropped_records, self._dropped_bytes)
        if not self._open:
            self._open_due = now + self._limits.timeout
        self._open.insert(0, record)
        self._open_bytes += len(record.content)
        self._open_tells_loss = self._loss_is_told = True

    def _set_due(self) -> None:
        before = self.due
        if self._is_under_way or self._is_paused:
            self.due = math.inf
        elif self._sealed:
            self.due = self._retry_at
        elif self._open:
            self.due = -math.inf if self._is_full() else self._open_due
        else:
            self.due = math.inf
        if self.due < before:
            self.on_due()


def _wake_nobody() -> None:
    """Nobody waits for the buffer yet."""
