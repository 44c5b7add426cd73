"""The timeline in the trace event format of Chrome, which Perfetto reads too (Google: Trace Event Format).

The form is that of a JSON array, one event a line. Its last bracket may be missing: the trace of a process that was
killed is a trace all the same.
"""

import json
from collections.abc import Iterable
from typing import Final

from supervisor.telemetry.timeline_entries import Entry, Kind

BEGINNING: Final = b"[\n"
END: Final = b"\n]\n"

_SEPARATOR: Final = b",\n"
_MICROSECONDS: Final = 1_000_000
_PROCESS: Final = 1
"""A process of the trace is an environment, a thread a lane."""

_PHASES: Final = {Kind.BEGIN: "B", Kind.END: "E", Kind.MARK: "i"}


class ChromeTrace:
    """One trace, piece by piece.

    Args:
        name: Of the function.
    """

    def __init__(self, name: str) -> None:
        self._lanes: dict[str, int] = {}
        self._before = b""
        self._header: list[dict[str, object]] = [_metadata("process_name", 0, {"name": name})]

    def render(self, entries: Iterable[Entry]) -> bytes:
        """The next bytes of the array."""
        events, self._header = self._header, []
        for entry in entries:
            if entry.lane not in self._lanes:
                self._lanes[entry.lane] = len(self._lanes) + 1
                number = self._lanes[entry.lane]
                events.append(_metadata("thread_name", number, {"name": entry.lane}))
                events.append(_metadata("thread_sort_index", number, {"sort_index": number}))
            events.append(self._event(entry))
        if not events:
            return b""
        rendered = self._before + _SEPARATOR.join(map(_line, events))
        self._before = _SEPARATOR
        return rendered

    def _event(self, entry: Entry) -> dict[str, object]:
        event: dict[str, object] = {
            "ph": _PHASES[entry.kind],
            "pid": _PROCESS,
            "tid": self._lanes[entry.lane],
            "ts": round(entry.at * _MICROSECONDS),
        }
        if entry.name:
            event["name"] = entry.name
        if entry.kind is Kind.MARK:
            # Of the lane, and not of the whole trace.
            event["s"] = "t"
        if entry.details:
            event["args"] = entry.details
        return event


def _metadata(name: str, lane: int, args: dict[str, object]) -> dict[str, object]:
    return {"ph": "M", "pid": _PROCESS, "tid": lane, "name": name, "args": args}


def _line(event: dict[str, object]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()
