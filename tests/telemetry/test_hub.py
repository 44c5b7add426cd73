"""What is told reaches whoever subscribed, from the beginning of the init on; what nobody wants costs nothing."""

import json
import math
import weakref
from collections.abc import Callable

import pytest

from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.milestones import (
    Ending,
    ExtensionReported,
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
    Status,
)
from supervisor.lifecycle.states import ShutdownReason
from supervisor.telemetry.buffer import Verdict
from supervisor.telemetry.frames import Frame
from supervisor.telemetry.history import HISTORY_BYTES, HISTORY_LINES
from supervisor.telemetry.hub import Telemetry
from supervisor.telemetry.subscription import (
    Buffering,
    Category,
    HttpDestination,
    SchemaVersion,
    Subscription,
    TcpDestination,
)
from supervisor.telemetry.subscriptions import SUBSCRIPTIONS_PER_EXTENSION, Subscriber

PLATFORM, FUNCTION, EXTENSION = Category
EVERYTHING = (PLATFORM, FUNCTION, EXTENSION)
LOGS_1, LOGS_2, A, B, C = SchemaVersion

ORDERS = Function("orders", "$LATEST", "app.handler", 3, 256, "eu-west-1", "111122223333", "group", "stream")
INVOCATION = Invocation("6d2f7d0e-6d55-4c9c-a6d0-0e5f7f0c2b11")
BEGINNING = 1_932_984_672.0
SUCCESS = Ending()
EXITED = Ending(Status.ERROR, "Runtime.ExitError")


def subscription(
    *categories: Category, schema: SchemaVersion = B, port: int = 8181, timeout: float = 0.5
) -> Subscription:
    return Subscription(schema, categories or EVERYTHING, HttpDestination(port), Buffering(timeout=timeout))


class Subscribers(list[Subscriber]):
    """A delivery that leaves everything in the buffers."""

    def start(self, subscriber: Subscriber) -> None:
        self.append(subscriber)

    def flush(self, then: Callable[[], None]) -> None:
        for subscriber in self:
            subscriber.buffer.flush()
        then()

    def freeze(self) -> None:
        """Nothing is under way here."""

    def thaw(self) -> None:
        """Nothing has waited here."""


class Tale:
    """Telemetry that is told one thing a millisecond, and the subscribers that it brings about."""

    def __init__(self, epoch: Callable[[float], float] = lambda moment: BEGINNING + moment, **options: bool) -> None:
        self.subscribers = Subscribers()
        self.telemetry = Telemetry(ORDERS, epoch, self.subscribers, **options)
        self.now = 0.0

    def tick(self) -> float:
        self.now = round(self.now + 0.001, 3)
        return self.now

    def begin_init(self, phase: InitPhase = InitPhase.INIT) -> None:
        self.telemetry.tell(InitStarted(phase), self.tick())

    def end_init(self, ending: Ending = SUCCESS, phase: InitPhase = InitPhase.INIT) -> None:
        self.telemetry.tell(InitRuntimeDone(phase, ending), self.tick())
        self.telemetry.tell(ExtensionReported("shipper", "Ready", ("INVOKE",)), self.now)
        self.telemetry.tell(InitReported(phase, ending, self.now), self.now)

    def invoke(self, ending: Ending = SUCCESS) -> None:
        self.telemetry.tell(InvocationStarted(INVOCATION), self.tick())
        self.telemetry.tell(RuntimeDone(INVOCATION, ending, 0.002), self.tick())
        self.telemetry.tell(InvocationReported(INVOCATION, ending, 0.003), self.tick(), 61)

    def reset(self) -> None:
        self.telemetry.tell(ShutdownStarted(ShutdownReason.FAILURE), self.tick())
        self.telemetry.tell(ShutdownEnded(ShutdownReason.FAILURE, 0.1), self.tick())

    def subscribe(self, name: str = "shipper", wanted: Subscription | None = None) -> bool:
        return self.telemetry.subscribe(name, wanted or subscription(), self.tick())

    def write(self, *lines: bytes, category: Category = FUNCTION) -> None:
        self.telemetry.tell_lines(category, lines, self.tick())

    def batch(self, subscriber: int = 0) -> list[str]:
        """What is due now, in short: the type of a platform record, the text of a line."""
        buffer = self.subscribers[subscriber].buffer
        if buffer.due > self.now:
            return []
        batch = buffer.take(self.now)
        buffer.settle(Verdict.TAKEN, self.now)
        return [
            item["record"] if item["type"] in (FUNCTION, EXTENSION) else item["type"].removeprefix("platform.")
            for item in map(json.loads, (record.data for record in batch.records))
        ]

    def later(self, subscriber: int = 0) -> list[str]:
        """What is due when time passes."""
        due = self.subscribers[subscriber].buffer.due
        if due != math.inf:
            self.now = max(self.now, due)
        return self.batch(subscriber)

    def refusal(self, name: str, wanted: Subscription) -> tuple[int, str, str]:
        with pytest.raises(ProtocolError) as refusal:
            self.subscribe(name, wanted)
        return refusal.value.http_status, refusal.value.error_type, refusal.value.message


INIT_END = ["initRuntimeDone", "extension", "initReport"]
INVOKE = ["start", "runtimeDone", "report"]


def test_a_fresh_environment_knows_nothing_of_those_who_subscribed_in_the_one_before() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe()
    tale.end_init()
    tale.reset()

    tale.begin_init()

    assert tale.subscribers[0].buffer.is_closed
    assert not tale.subscribe(), "it subscribes for the first time"


@pytest.mark.rule("telemetry-api/cold-start-order")
def test_a_cold_start_is_told_in_order() -> None:
    tale = Tale()
    tale.begin_init()
    tale.write(b"up\n", category=EXTENSION)
    tale.subscribe()
    tale.write(b"loading\n")
    tale.end_init()
    tale.invoke()

    assert tale.batch() == ["initStart", "up\n"]
    assert tale.later() == ["telemetrySubscription", "loading\n", *INIT_END, *INVOKE]


@pytest.mark.rule("telemetry-api/late-subscriber-history")
def test_a_late_subscriber_gets_at_once_what_was_before_with_the_old_times() -> None:
    tale = Tale()
    tale.begin_init()
    tale.write(b"early\n", category=EXTENSION)
    tale.subscribe("first")
    tale.now = 2.0
    tale.subscribe("second")
    buffer = tale.subscribers[1].buffer

    batch = [json.loads(record.data) for record in buffer.take(tale.now).records]
    assert [(item["time"], item["type"]) for item in batch] == [
        ("2031-04-03T12:11:12.001Z", "platform.initStart"),
        ("2031-04-03T12:11:12.002Z", "extension"),
        ("2031-04-03T12:11:12.003Z", "platform.telemetrySubscription"),
    ]
    buffer.settle(Verdict.TAKEN, tale.now)
    assert tale.later(1) == ["telemetrySubscription"]


def test_the_history_is_filtered_by_category_and_by_schema() -> None:
    tale = Tale()
    tale.begin_init()
    tale.write(b"loading\n")
    tale.subscribe("of functions", subscription(FUNCTION))
    tale.subscribe("of logs", subscription(schema=LOGS_1))
    tale.subscribe("of platform", subscription(PLATFORM, schema=LOGS_2))

    assert tale.batch(0) == ["loading\n"]
    assert tale.batch(1) == ["loading\n"]
    assert tale.later(1) == ["logsSubscription", "logsSubscription"]
    assert tale.batch(2) == ["logsSubscription"]


@pytest.mark.rule("telemetry-api/no-extension")
def test_without_subscribers_nothing_is_kept_after_init() -> None:
    tale = Tale()
    listening = [tale.telemetry.is_listening]
    tale.begin_init()
    listening.append(tale.telemetry.is_listening)
    tale.end_init()
    listening.append(tale.telemetry.is_listening)
    tale.invoke()
    tale.write(b"nobody reads this\n")

    assert listening == [False, True, False]
    assert not tale.telemetry.is_open


def test_the_window_is_open_from_the_start_of_an_init_until_it_succeeds() -> None:
    tale = Tale()
    opened = [tale.telemetry.is_open]
    tale.begin_init()
    opened.append(tale.telemetry.is_open)
    tale.end_init(EXITED)
    opened.append(tale.telemetry.is_open)
    tale.reset()
    tale.begin_init(InitPhase.INVOKE)
    tale.end_init(phase=InitPhase.INVOKE)
    opened.append(tale.telemetry.is_open)

    assert opened == [False, True, True, False]


class Payload(bytearray):
    """Bytes that can be asked whether they are still there."""


def test_the_payload_of_an_invocation_whose_init_fails_is_not_kept() -> None:
    tale = Tale()
    payload = Payload(b"large")
    kept = weakref.ref(payload)
    tale.begin_init(InitPhase.INVOKE)
    tale.end_init(EXITED, InitPhase.INVOKE)
    tale.telemetry.tell(InvocationStarted(Invocation("with a payload", payload)), tale.tick())
    del payload

    assert tale.telemetry.is_open
    assert kept() is None


def test_a_new_init_begins_a_new_history() -> None:
    tale = Tale()
    tale.begin_init()
    tale.write(b"of the first init\n")
    tale.end_init(EXITED)
    tale.reset()
    tale.begin_init(InitPhase.INVOKE)
    tale.subscribe()

    assert tale.batch() == ["initStart"]


def test_the_platform_is_always_in_the_history_and_lines_as_long_as_there_is_room() -> None:
    tale = Tale()
    tale.begin_init()
    tale.write(*([b"\n"] * (HISTORY_LINES + 7)))
    tale.write(b"one more\n", category=EXTENSION)
    tale.subscribe("other", subscription(PLATFORM))
    tale.subscribe(wanted=subscription(PLATFORM, FUNCTION))
    first, rest = tale.batch(1), tale.batch(1)
    last = [json.loads(record.data) for record in tale.subscribers[1].buffer.take(10.0).records]

    assert (first[0], len(first) + len(rest), rest[-1]) == ("initStart", HISTORY_LINES + 2, "telemetrySubscription")
    assert [item["type"] for item in last] == ["platform.logsDropped", "platform.telemetrySubscription"]
    assert last[0]["record"]["droppedRecords"] == 7


def test_the_history_has_a_bound_in_bytes() -> None:
    tale = Tale()
    tale.begin_init()
    tale.write(*([b"x" * 1000] * (HISTORY_BYTES // 1000 + 3)))
    tale.subscribe(wanted=subscription(FUNCTION))
    total = 0
    while lines := tale.batch():
        total += sum(len(line) for line in lines)

    assert HISTORY_BYTES - 1000 < total <= HISTORY_BYTES


@pytest.mark.rule("telemetry-api/same-request-twice")
def test_the_same_request_again_changes_nothing_but_is_told() -> None:
    tale = Tale()
    tale.begin_init()

    assert [tale.subscribe(), tale.subscribe()] == [False, True]
    assert len(tale.subscribers) == 1
    assert tale.batch() == ["initStart"]
    states = [json.loads(record.data)["record"]["state"] for record in tale.subscribers[0].buffer.take(9.0).records]
    assert states == ["Subscribed", "Already subscribed"]


def test_the_same_request_again_says_that_somebody_listens_now() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe()
    buffer = tale.subscribers[0].buffer
    for _ in range(3):
        buffer.take(tale.now)
        buffer.settle(Verdict.UNREACHABLE, tale.now)
    waited = tale.batch()
    tale.subscribe()

    assert waited == []
    assert tale.batch() == ["initStart"]


@pytest.mark.rule("telemetry-api/second-destination")
@pytest.mark.parametrize(
    "other",
    [
        subscription(port=8182),
        subscription(PLATFORM),
        subscription(schema=C),
        Subscription(B, EVERYTHING, TcpDestination(8181)),
    ],
)
def test_another_request_of_the_same_extension_is_another_subscription(other: Subscription) -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe()
    tale.subscribe(wanted=other)
    tale.end_init()

    assert len(tale.subscribers) == 2
    assert tale.batch(0) == ["initStart"]
    assert tale.batch(1) == ["initStart", "telemetrySubscription"]
    assert tale.later(0) == ["telemetrySubscription", "telemetrySubscription", *INIT_END]
    assert tale.later(1) == ["telemetrySubscription", *INIT_END]


@pytest.mark.rule("telemetry-api/other-api-after-success")
@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        (
            B,
            LOGS_1,
            "The extension shipper is already subscribed to the TelemetryAPI. "
            "You must either subscribe to the LogsAPI or the TelemetryAPI",
        ),
        (
            LOGS_1,
            B,
            "The extension shipper is already subscribed to the LogsAPI. "
            "You must either subscribe to the LogsAPI or the TelemetryAPI",
        ),
    ],
)
def test_an_extension_keeps_to_one_api(first: SchemaVersion, then: SchemaVersion, expected: str) -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe(wanted=subscription(schema=first))

    refusal = tale.refusal("shipper", subscription(schema=then))

    assert refusal == (400, f"{then.api}.AccessDenied", expected)
    assert len(tale.subscribers) == 1
    assert tale.subscribe("another", subscription(schema=then)) is False


@pytest.mark.rule("telemetry-api/other-api-after-refusal")
def test_a_refused_subscription_leaves_no_trace() -> None:
    tale = Tale()
    tale.begin_init()
    for port in range(SUBSCRIPTIONS_PER_EXTENSION):
        tale.subscribe("first", subscription(port=port))

    assert tale.refusal("first", subscription(port=9000)) == (
        400,
        "Telemetry.ValidationError",
        f"The extension first has {SUBSCRIPTIONS_PER_EXTENSION} subscriptions already, which is the limit",
    )
    assert tale.refusal("first", subscription(schema=LOGS_1))[1] == "Logs.AccessDenied"
    assert tale.subscribe("second", subscription(port=9000, schema=LOGS_1)) is False


@pytest.mark.rule("telemetry-api/both-apis-at-once")
def test_each_api_has_its_own_records() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe("new", subscription(PLATFORM))
    tale.subscribe("old", subscription(PLATFORM, schema=LOGS_2))
    tale.end_init()
    tale.invoke(EXITED)
    tale.batch(0)

    assert tale.later(0) == ["telemetrySubscription", *INIT_END, *INVOKE]
    assert tale.later(1) == ["logsSubscription", "extension", "start", "runtimeDone", "fault", "end", "report"]


def test_only_what_was_asked_for_arrives() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe(wanted=subscription(EXTENSION))
    tale.end_init()
    tale.invoke()
    tale.write(b"of the function\n")
    tale.write(b"of an extension\n", category=EXTENSION)

    assert tale.later() == ["of an extension\n"]


@pytest.mark.rule("telemetry-api/subscription-survives-reset")
def test_after_a_reset_the_subscription_is_still_there_and_what_waited_comes_first() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe()
    tale.end_init()
    tale.later(), tale.later()
    tale.telemetry.tell(InvocationStarted(INVOCATION), tale.tick())
    tale.telemetry.tell(RuntimeDone(INVOCATION, EXITED, 0.1), tale.tick())
    tale.telemetry.tell(ShutdownStarted(ShutdownReason.FAILURE), tale.tick())
    flushed = tale.batch()
    tale.telemetry.tell(ShutdownEnded(ShutdownReason.FAILURE, 0.1), tale.tick())
    tale.telemetry.tell(InvocationReported(INVOCATION, EXITED, 0.1), tale.tick())
    between = tale.later()
    tale.begin_init(InitPhase.INVOKE)
    repeated = tale.subscribe()

    assert flushed == ["start", "runtimeDone"]
    assert between == []
    assert repeated
    assert tale.later() == ["report", "initStart", "telemetrySubscription"]


@pytest.mark.rule("telemetry-api/two-resets")
def test_a_subscription_outlives_two_resets() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe()
    for _ in range(2):
        tale.end_init(EXITED)
        tale.reset()
        tale.begin_init(InitPhase.INVOKE)

    assert tale.subscribe()
    assert len(tale.subscribers) == 1
    assert not tale.subscribers[0].buffer.is_closed


@pytest.mark.rule("telemetry-api/subscriber-moves-after-reset")
def test_what_a_subscriber_left_behind_is_closed_when_it_has_come_back_elsewhere() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe("moves", subscription(port=40_001))
    tale.subscribe("stays", subscription(port=8181))
    tale.subscribe("is gone", subscription(port=8182))
    tale.end_init()
    tale.reset()
    tale.begin_init(InitPhase.INVOKE)
    tale.subscribe("moves", subscription(port=40_002))
    tale.subscribe("stays", subscription(port=8181))
    tale.subscribe("stays", subscription(port=8183))
    before = [subscriber.buffer.is_closed for subscriber in tale.subscribers]
    tale.end_init(phase=InitPhase.INVOKE)

    assert before == [False] * 5
    assert [(subscriber.name, subscriber.buffer.is_closed) for subscriber in tale.subscribers] == [
        ("moves", True),
        ("stays", False),
        ("is gone", False),
        ("moves", False),
        ("stays", False),
    ]


def test_subscribers_that_move_in_every_failed_init_do_not_pile_up() -> None:
    tale = Tale()
    for port in range(50):
        tale.begin_init(InitPhase.INVOKE)
        tale.subscribe("moves", subscription(port=40_000 + port))
        tale.end_init(EXITED)
        tale.reset()

    assert sum(not subscriber.buffer.is_closed for subscriber in tale.subscribers) == 2
    assert tale.telemetry.is_listening


def test_a_shutdown_and_the_end_of_a_stream_let_nothing_wait() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe()
    tale.end_init()
    tale.later(), tale.later()
    tale.write(b"last words\n")
    tale.telemetry.flush()
    of_a_stream = tale.batch()
    tale.write(b"very last\n")
    tale.telemetry.tell(ShutdownStarted(ShutdownReason.SPINDOWN), tale.tick())

    assert of_a_stream == ["last words\n"]
    assert tale.batch() == ["very last\n"]


def test_what_must_come_after_the_delivery_is_left_to_the_delivery() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe()
    due: list[float] = []
    tale.batch()
    tale.telemetry.deliver(lambda: due.append(tale.subscribers[0].buffer.due))

    assert due == [-math.inf]


@pytest.mark.rule("telemetry-api/frame-is-one-event")
def test_a_frame_has_its_own_time_or_that_of_its_arrival() -> None:
    tale = Tale()
    tale.begin_init()
    tale.telemetry.tell_frames([Frame(b"one\ntwo\n", BEGINNING + 0.5), Frame(b"three", None)], 0.75)
    tale.subscribe(wanted=subscription(FUNCTION))

    batch = [json.loads(record.data) for record in tale.subscribers[0].buffer.take(tale.now).records]
    assert [(item["time"], item["record"]) for item in batch] == [
        ("2031-04-03T12:11:12.500Z", "one\ntwo\n"),
        ("2031-04-03T12:11:12.750Z", "three"),
    ]


@pytest.mark.rule("telemetry-api/json-format")
def test_the_same_line_is_an_object_for_one_subscriber_and_a_string_for_another() -> None:
    tale = Tale(json_format=True)
    tale.begin_init()
    for schema in (A, B, LOGS_1):
        tale.subscribe(schema, subscription(FUNCTION, schema=schema))
    tale.write(b'{"level":"INFO"}\n')

    assert [tale.later(subscriber) for subscriber in range(3)] == [
        ['{"level":"INFO"}\n'],
        [{"level": "INFO"}],
        ['{"level":"INFO"}\n'],
    ]


@pytest.mark.rule("telemetry-api/clock-steps-back")
def test_a_clock_that_steps_back_changes_no_order() -> None:
    wall = iter([BEGINNING + 100.0, BEGINNING + 50.0, BEGINNING + 10.0, BEGINNING])
    tale = Tale(lambda _: next(wall))
    tale.begin_init()
    tale.write(b"one\n")
    tale.write(b"two\n")
    tale.subscribe()

    batch = [json.loads(record.data) for record in tale.subscribers[0].buffer.take(tale.now).records]
    assert [item["time"][14:19] for item in batch] == ["12:52", "12:02", "11:22"]
    assert [item["type"] for item in batch] == ["platform.initStart", "function", "function"]


@pytest.mark.rule("telemetry-api/logs-dropped-for-every-type")
def test_a_subscriber_to_the_function_alone_is_told_of_its_losses() -> None:
    tale = Tale()
    tale.begin_init()
    tale.subscribe(wanted=Subscription(B, (FUNCTION,), HttpDestination(8181), Buffering(max_items=1000)))
    tale.write(*[b"line\n"] * 2500)
    tale.batch(), tale.batch()

    assert tale.later() == ["logsDropped"]


def test_a_subscriber_that_does_not_read_keeps_nothing_from_another() -> None:
    tale = Tale()
    tale.begin_init()
    for port in (1, 2):
        wanted = Subscription(B, (FUNCTION,), TcpDestination(port), Buffering(max_items=1000))
        tale.subscribe("shipper", wanted)
    tale.subscribers[0].buffer.flush()
    received = 0
    for _ in range(20):
        tale.write(*[b"line\n"] * 500)
        received += len(tale.later(1))

    assert received == 10_000
