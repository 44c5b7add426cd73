"""What happens is seen on its lane, with its beginning and its end, and what nobody watches is passed over."""

import json
from collections.abc import Sequence

import pytest

from supervisor.lifecycle.events import (
    EnvironmentStarted,
    Event,
    ExtensionExited,
    InvocationArrived,
    ResponseReceived,
    ResponseStarted,
    RuntimeExited,
    RuntimePolled,
    ShutdownRequested,
    TimePassed,
)
from supervisor.lifecycle.exits import CLEAN_EXIT, ExitStatus
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.machine import Lifecycle
from supervisor.lifecycle.model import Settings
from supervisor.telemetry.chrome_trace import BEGINNING, END, ChromeTrace
from supervisor.telemetry.timeline import KEPT_ENTRIES, Timeline
from supervisor.telemetry.timeline_entries import Entry, Kind
from tests.lifecycle.story import polled, registered

FIRST = Invocation("first")
KILLED = ExitStatus(signal=9)


class Watched:
    """A lifecycle with the extension `x`, and its timeline."""

    def __init__(self, *, freeze: bool = False) -> None:
        self.lifecycle = Lifecycle(Settings(3.0, ("x",), freeze=freeze))
        self.timeline = Timeline()

    def tell(self, at: float, *events: Event) -> list[Entry]:
        """The entries that *events* make."""
        before = self.timeline.count
        for event in events:
            self.timeline.see(event, self.lifecycle.handle(event, at), at)
        return self.timeline.since(before)

    def start(self) -> list[Entry]:
        """An init of a second."""
        return [
            *self.tell(0.0, EnvironmentStarted()),
            *self.tell(0.25, registered("x", "INVOKE", "SHUTDOWN")),
            *self.tell(0.5, polled("x")),
            *self.tell(1.0, RuntimePolled()),
        ]

    def invoke(self) -> list[Entry]:
        """An invocation at 2.0, with which the runtime is done at 2.5 and the extension at 3.0."""
        return [
            *self.tell(2.0, InvocationArrived(FIRST)),
            *self.tell(2.25, ResponseStarted("first")),
            *self.tell(2.5, ResponseReceived(b"{}"), RuntimePolled()),
            *self.tell(3.0, polled("x")),
        ]


def spans(entries: Sequence[Entry], lane: str) -> list[tuple[str, float, float | None]]:
    """The spans of *lane* in the order of their beginnings: name, beginning, end."""
    found: list[tuple[str, float, float | None]] = []
    under_way: list[int] = []
    for entry in entries:
        if entry.lane != lane or entry.kind is Kind.MARK:
            continue
        if entry.kind is Kind.BEGIN:
            under_way.append(len(found))
            found.append((entry.name, entry.at, None))
        else:
            index = under_way.pop()
            found[index] = (*found[index][:2], entry.at)
    return found


def marks(entries: Sequence[Entry], lane: str) -> list[tuple[str, float]]:
    return [(entry.name, entry.at) for entry in entries if entry.lane == lane and entry.kind is Kind.MARK]


def watched(*, freeze: bool = False) -> Watched:
    one = Watched(freeze=freeze)
    one.timeline.watch(0.0)
    return one


def test_an_init_is_seen_with_its_parts() -> None:
    entries = watched().start()

    assert spans(entries, "environment") == [
        ("Init", 0.0, 1.0),
        ("Extension init", 0.0, 0.25),
        ("Runtime and function init", 0.25, 1.0),
        ("Extensions get ready", 1.0, 1.0),
    ]
    assert spans(entries, "runtime") == [("Start", 0.25, 1.0)]
    assert spans(entries, "extension x") == [("Start", 0.0, 0.5)]
    assert marks(entries, "extension x") == [("Registered", 0.25)]


def test_an_invocation_is_seen_on_the_lane_of_everybody_who_takes_part() -> None:
    one = watched()
    one.start()

    entries = one.invoke()

    assert spans(entries, "environment") == [
        ("Invoke", 2.0, 3.0),
        ("Runtime", 2.0, 2.5),
        ("Extensions after the runtime", 2.5, 3.0),
    ]
    assert spans(entries, "runtime") == [("Invocation", 2.0, 2.5), ("Response", 2.25, 2.5)]
    assert spans(entries, "extension x") == [("INVOKE", 2.0, 3.0)]
    assert marks(entries, "callers") == [("Invocation", 2.0), ("Response", 2.5)]
    (end,) = [entry.details for entry in entries if "duration" in entry.details]
    assert end == {"status": "success", "duration": "1000.00 ms", "billed": "2000 ms"}


def test_a_response_in_one_piece_takes_no_time() -> None:
    one = watched()
    one.start()

    entries = one.tell(2.0, InvocationArrived(FIRST))
    entries += one.tell(2.25, ResponseReceived(b"{}", started=ResponseStarted("first")))

    assert spans(entries, "runtime") == [("Invocation", 2.0, None), ("Response", 2.25, 2.25)]


def test_a_timeout_is_seen_with_the_reset_and_the_signals() -> None:
    one = watched()
    one.start()

    entries = [
        *one.tell(2.0, InvocationArrived(FIRST)),
        *one.tell(5.0, TimePassed()),
        *one.tell(5.25, RuntimeExited(ExitStatus(signal=15))),
        *one.tell(5.5, ExtensionExited("x", CLEAN_EXIT)),
    ]

    assert spans(entries, "environment") == [("Invoke", 2.0, 5.5), ("Runtime", 2.0, 5.0), ("Reset", 5.0, 5.5)]
    assert marks(entries, "environment") == [("Time-out", 5.0)]
    assert spans(entries, "runtime") == [("Invocation", 2.0, 5.0), ("Stop", 5.0, 5.25)]
    assert marks(entries, "runtime") == [("SIGTERM", 5.0), ("Exit", 5.25)]
    assert spans(entries, "extension x") == [("INVOKE", 2.0, 5.5)]
    assert marks(entries, "extension x") == [("Exit", 5.5)]


def test_a_shutdown_is_seen_until_the_end_with_whoever_is_killed() -> None:
    one = watched()
    one.start()

    entries = one.tell(2.0, ShutdownRequested(), RuntimeExited(CLEAN_EXIT))
    while (deadline := one.lifecycle.deadline) is not None:
        entries += one.tell(deadline, TimePassed())

    assert spans(entries, "environment")[0][:2] == ("Shutdown", 2.0)
    assert [name for name, _ in marks(entries, "environment")] == ["Shutdown requested", "Ended"]
    assert [name for name, _ in marks(entries, "extension x")] == ["SIGKILL"]
    assert all(
        end is not None for lane in ("environment", "runtime", "extension x") for _, _, end in spans(entries, lane)
    )


def test_a_freeze_lasts_until_the_next_invocation() -> None:
    one = watched(freeze=True)
    one.start()
    deadline = one.lifecycle.deadline
    assert deadline is not None

    entries = [*one.tell(deadline, TimePassed()), *one.tell(2.0, InvocationArrived(FIRST))]

    assert spans(entries, "environment")[0] == ("Frozen", deadline, 2.0)


def test_what_happens_in_an_invocation_is_passed_over_while_nobody_watches() -> None:
    one = Watched()
    assert spans(one.start(), "environment")

    assert one.invoke() == []


def test_a_failure_is_seen_though_nobody_watches() -> None:
    one = Watched()
    one.start()
    one.tell(2.0, InvocationArrived(FIRST))

    entries = one.tell(5.0, TimePassed(), RuntimeExited(KILLED), ExtensionExited("x", KILLED))

    assert spans(entries, "environment") == [("Reset", 5.0, 5.0)]
    assert ("Time-out", 5.0) in marks(entries, "environment")


def test_a_freeze_is_passed_over_while_nobody_watches() -> None:
    one = Watched(freeze=True)
    one.start()
    deadline = one.lifecycle.deadline
    assert deadline is not None

    assert one.tell(deadline, TimePassed()) == []


def test_who_comes_in_the_middle_of_an_invocation_sees_no_half_of_it() -> None:
    one = Watched()
    one.start()
    one.tell(2.0, InvocationArrived(FIRST))
    one.timeline.watch(2.1)
    before = one.timeline.count
    one.tell(2.5, ResponseStarted("first"), ResponseReceived(b"{}"), RuntimePolled(), polled("x"))

    assert spans(one.timeline.since(before), "environment") == [("Extensions after the runtime", 2.5, 2.5)]


def test_when_the_last_watcher_leaves_what_is_open_ends() -> None:
    one = watched()
    one.start()
    one.timeline.watch(1.5)
    one.tell(2.0, InvocationArrived(FIRST))
    one.timeline.unwatch(2.1)
    assert spans(one.timeline.since(0), "environment")[-1] == ("Runtime", 2.0, None)

    one.timeline.unwatch(2.2)

    assert spans(one.timeline.since(0), "environment")[-1] == ("Runtime", 2.0, 2.2)
    assert marks(one.timeline.since(0), "environment")[-1] == ("Not watched", 2.2)


def test_only_the_newest_entries_are_kept() -> None:
    one = watched()
    one.start()
    while one.timeline.count <= KEPT_ENTRIES:
        one.invoke()

    assert len(one.timeline.since(0)) == KEPT_ENTRIES
    assert one.timeline.since(one.timeline.count - 1) == one.timeline.since(0)[-1:]
    assert one.timeline.since(one.timeline.count) == []


# -- The trace ---------------------------------------------------------------------------------------------------------


def traced(*pieces: bytes) -> list[dict[str, object]]:
    events: list[dict[str, object]] = json.loads(BEGINNING + b"".join(pieces) + END)
    return events


def test_a_trace_is_a_json_array_of_brackets_on_threads() -> None:
    trace = ChromeTrace("orders")
    entries = [
        Entry(Kind.BEGIN, "runtime", "Invocation", 1.5, {"request id": "first"}),
        Entry(Kind.MARK, "callers", "Response", 1.75, {}),
        Entry(Kind.END, "runtime", "", 2.0, {"status": "success"}),
    ]

    assert traced(trace.render(entries[:1]), trace.render(()), trace.render(entries[1:])) == [
        {"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": "orders"}},
        {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": "runtime"}},
        {"ph": "M", "pid": 1, "tid": 1, "name": "thread_sort_index", "args": {"sort_index": 1}},
        {"ph": "B", "pid": 1, "tid": 1, "ts": 1_500_000, "name": "Invocation", "args": {"request id": "first"}},
        {"ph": "M", "pid": 1, "tid": 2, "name": "thread_name", "args": {"name": "callers"}},
        {"ph": "M", "pid": 1, "tid": 2, "name": "thread_sort_index", "args": {"sort_index": 2}},
        {"ph": "i", "pid": 1, "tid": 2, "ts": 1_750_000, "name": "Response", "s": "t"},
        {"ph": "E", "pid": 1, "tid": 1, "ts": 2_000_000, "args": {"status": "success"}},
    ]


@pytest.mark.parametrize("name", ["caf\udce9", 'a "quoted" name', "line\nbreak"])
def test_a_trace_takes_any_name(name: str) -> None:
    trace = ChromeTrace("orders")

    events = traced(trace.render([Entry(Kind.MARK, f"extension {name}", "Exit", 1.0, {})]))

    assert events[1]["args"] == {"name": f"extension {name}"}
