"""Counts what became of the records for one extension."""

from collections.abc import Iterable

from supervisor.telemetry.records import Record


class DeliveryTally:
    """Records that were delivered, and records that were dropped, with the bytes of their contents."""

    __slots__ = ("delivered_bytes", "delivered_records", "dropped_bytes", "dropped_records")

    def __init__(self) -> None:
        self.delivered_records = 0
        self.delivered_bytes = 0
        self.dropped_records = 0
        self.dropped_bytes = 0

    def deliver(self, records: Iterable[Record]) -> None:
        """Count *records*, which were taken."""
        sizes = [len(record.content) for record in records]
        self.delivered_records += len(sizes)
        self.delivered_bytes += sum(sizes)

    def drop(self, records: int, size: int) -> None:
        """Count *records* that are lost, whose contents have *size* bytes."""
        self.dropped_records += records
        self.dropped_bytes += size
