"""A line that the runtime or an extension wrote, as a record: a string, or the JSON object that it is.

How bytes become lines is not known here: a line is whatever came as one, and keeps its newline.
"""

import json
from typing import Final

from supervisor.telemetry.records import Record, render, timestamp, whole
from supervisor.telemetry.subscription import Category, SchemaVersion

OBJECT_SCHEMAS: Final = frozenset({SchemaVersion.TELEMETRY_2022_12_13, SchemaVersion.TELEMETRY_2025_01_29})
"""These show a line of the JSON log format as an object (AWS: Telemetry API, "function")."""


class LineNotice:
    """One line.

    Args:
        category: Who wrote it: the function or an extension.
        text: The line as it was written.
        epoch: When it was complete, in seconds since 1970.
        is_json_format: Whether the function's log format is JSON, so that a line may be an object.
    """

    __slots__ = ("_as_object", "_as_string", "_epoch", "_text", "_tries_object", "category")

    def __init__(self, category: Category, text: bytes, epoch: float, *, is_json_format: bool) -> None:
        self.category = category
        self._text = text
        self._epoch = epoch
        self._tries_object = is_json_format and text.lstrip().startswith(b"{")
        self._as_string: tuple[Record, ...] = ()
        self._as_object: tuple[Record, ...] = ()

    def records(self, schema: SchemaVersion) -> tuple[Record, ...]:
        """The one record of the line."""
        if self._tries_object and schema in OBJECT_SCHEMAS:
            self._as_object = self._as_object or self._render_object()
            return self._as_object
        self._as_string = self._as_string or self._record(render(self._text.decode("utf-8", "replace")))
        return self._as_string

    def _render_object(self) -> tuple[Record, ...]:
        try:
            content = render(json.loads(self._text.decode()))
        except (ValueError, RecursionError):
            self._tries_object = False
            return self.records(SchemaVersion.TELEMETRY_2022_07_01)
        return self._record(content)

    def _record(self, content: bytes) -> tuple[Record, ...]:
        time = timestamp(self._epoch)
        return (Record(time, self._text, whole(time, self.category, content)),)
