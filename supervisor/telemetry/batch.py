"""What goes out in one piece, in the two forms in which it goes. When that is, is not known here."""

import binascii
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from supervisor.telemetry.records import Record


class Batch(NamedTuple):
    """What goes out in one piece.

    Args:
        records: In order; never empty.
        sequence_id: Stands for every record of the subscription so far.
        tells_loss: The first record is no record of its own, but tells how many were lost.
    """

    records: tuple[Record, ...]
    sequence_id: str
    tells_loss: bool

    @property
    def own_records(self) -> tuple[Record, ...]:
        """The records that were told, without the one that tells how many were lost."""
        return self.records[self.tells_loss :]

    def as_array(self) -> bytes:
        """One JSON array."""
        return b"[" + b",".join([record.data for record in self.records]) + b"]"

    def as_lines(self) -> bytes:
        """A JSON object a line."""
        return b"".join([record.data + b"\n" for record in self.records])


class SequenceId:
    """A running SHA-256 over the contents of the records, in base64 without padding (recorded on AWS)."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def after(self, records: Iterable[Record]) -> str:
        """What it is when *records* have been sent too."""
        self._hash.update(b"".join([record.content for record in records]))
        return binascii.b2a_base64(self._hash.digest(), newline=False).rstrip(b"=").decode()
