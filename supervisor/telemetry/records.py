"""The form that every record has: time, type and content, as bytes that go over the wire.

What the content is: `platform_records` for the platform's own, `line_records` for output; here only for losses.
"""

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from supervisor.telemetry.subscription import Category, SchemaVersion

DROP_REASON: Final = "Some logs were dropped because the downstream consumer is slower than the logs production rate"
"""Recorded on AWS; subscribers are told not to match on it."""

_LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()

_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode

_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")


class Record(NamedTuple):
    """One record, rendered.

    Args:
        time: When it happened, as the record says it.
        content: What counts for `maxBytes` and for the sequence id: a line as it was written, or the JSON of a record.
        data: The whole record as JSON, on one line, without a newline at its end.
    """

    time: str
    content: bytes
    data: bytes


class Notice(Protocol):
    """Something that subscribers are told, however many of them and in however many schema versions."""

    @property
    def category(self) -> Category:
        """Who has it subscribed."""

    def records(self, schema: SchemaVersion) -> tuple[Record, ...]:
        """What it is in *schema*; nothing where that version does not know it. Rendered once for all subscribers."""


def timestamp(epoch: float) -> str:
    """*epoch*, in seconds since 1970, as records write it (AWS: Telemetry API schema reference, "time").

    A runtime may give any time to its lines; the years that cannot be written become the first or the last that can.
    """
    if not 0.0 <= epoch <= _LATEST:
        epoch = min(max(epoch, 0.0), _LATEST)
    second, millisecond = divmod(round(epoch * 1000), 1000)
    return f"{_second(second)}.{millisecond:03}Z"


@lru_cache(maxsize=8)
def _second(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def render(value: object) -> bytes:
    """*value* as compact JSON on one line.

    Half of a surrogate pair, which a JSON text may hold as an escape but UTF-8 may not, becomes U+FFFD.

    Raises:
        ValueError: A number in it is none that JSON can write.
    """
    text = _encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _HALF_PAIR.sub("\N{REPLACEMENT CHARACTER}", text).encode()


def whole(time: str, kind: str, record: bytes) -> bytes:
    """The whole of a record whose part `record` is the JSON *record*."""
    return b'{"time":"%b","type":"%b","record":%b}' % (time.encode(), kind.encode(), record)


def logs_dropped(time: str, records: int, size: int) -> Record:
    """So much was lost since the subscription: *records* of *size* bytes."""
    content = render({"reason": DROP_REASON, "droppedRecords": records, "droppedBytes": size})
    return Record(time, content, whole(time, "platform.logsDropped", content))
