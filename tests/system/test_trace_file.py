import json
import logging
from pathlib import Path

import pytest
import trio

from supervisor.system.trace_file import TraceFile
from supervisor.telemetry.timeline_entries import Entry, Kind

MARK = Entry(Kind.MARK, "environment", "Ended", 1.0, {})


def names(text: str) -> list[object]:
    return [event["name"] for event in json.loads(text) if event["ph"] != "M"]


def test_a_trace_that_is_closed_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text("what was there before, and longer than what is there then" * 9)
    trace = TraceFile(str(path), "orders")
    for _ in range(2500):
        trace.add(MARK)
    trace.close()

    assert names(path.read_text()) == ["Ended"] * 2500


@pytest.mark.usefixtures("autojump_clock")
async def test_a_trace_of_someone_who_is_killed_lacks_only_the_bracket(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    trace = TraceFile(str(path), "orders")
    trace.add(MARK)
    with trio.move_on_after(5):
        await trace.run()

    text = path.read_text()
    trace.close()
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert names(text + "]") == ["Ended"]


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TraceFile(str(tmp_path / "missing" / "trace.json"), "orders")


def test_a_disk_that_is_full_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        trace = TraceFile("/dev/full", "orders")
        trace.add(MARK)
        trace.close()

    assert [record.getMessage() for record in caplog.records] == [
        "The trace is not complete, /dev/full cannot be written: No space left on device"
    ]
