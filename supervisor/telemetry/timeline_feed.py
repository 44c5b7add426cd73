"""The timeline as a browser gets it: server-sent events, whose data is JSON (WHATWG: HTML, "Server-sent events")."""

import json
from collections.abc import Iterable
from typing import Final

from supervisor.function import Function
from supervisor.telemetry.timeline_entries import Entry

EVENT_STREAM: Final = ("Content-Type", "text/event-stream")

_MILLISECONDS: Final = 1000
_DIGITS: Final = 3


class TimelineFeed:
    """What one browser is sent.

    Args:
        function: The function that is served.
        started: When the environment began, in seconds since 1970, which tells one from the next.
    """

    def __init__(self, function: Function, started: float) -> None:
        self._function = function
        self._started = started

    def hello(self) -> bytes:
        """Whose timeline it is; what the browser had before is another one's, or comes again."""
        return _event("hello", {"function": self._function.name, "started": round(self._started * _MILLISECONDS)})

    def entries(self, entries: Iterable[Entry], epoch: float, lost: int) -> bytes:
        """The next *entries*, before which there were as many others as are *lost*.

        *epoch* turns a moment of the lifecycle's clock into seconds since 1970.
        """
        rows = [
            [
                entry.kind,
                entry.lane,
                entry.name,
                round((entry.at + epoch) * _MILLISECONDS, _DIGITS),
                entry.details,
            ]
            for entry in entries
        ]
        return _event("entries", {"lost": lost, "rows": rows})


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
