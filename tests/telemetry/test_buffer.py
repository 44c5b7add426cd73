"""Records gather, go out, are repeated, and are dropped only when counted."""

import base64
import hashlib
import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.telemetry.batch import Batch
from supervisor.telemetry.buffer import DROPPED_OVERHEAD_BYTES, REFUSED_ATTEMPTS, Buffer, Verdict
from supervisor.telemetry.delivery_tally import DeliveryTally
from supervisor.telemetry.records import Record
from supervisor.telemetry.subscription import Buffering

TAKEN, UNREACHABLE, REFUSED = Verdict

SMALL = Buffering(max_items=3, max_bytes=1000, timeout=0.5)
TIME = "2031-04-03T12:11:12.345Z"


def record(number: int, size: int = 0, time: str = TIME) -> Record:
    content = b"%d" % number
    return Record(time, content.ljust(size, b"."), b'{"record":%d}' % number)


def fill(buffer: Buffer, numbers: Sequence[int], now: float = 0.0) -> None:
    for number in numbers:
        buffer.add(record(number), now)


def told(batch: Batch) -> list[object]:
    """The numbers of the records, and of a loss the counters."""
    parsed = [json.loads(item.data) for item in batch.records]
    return [
        (item["record"]["droppedRecords"], item["record"]["droppedBytes"])
        if item.get("type") == "platform.logsDropped"
        else item["record"]
        for item in parsed
    ]


def deliver(buffer: Buffer, now: float = 0.0) -> list[object]:
    """Take what is due and let it be taken."""
    assert buffer.due <= now
    batch = buffer.take(now)
    buffer.settle(TAKEN, now)
    return told(batch)


def fail(buffer: Buffer, verdict: Verdict, now: float) -> float:
    """Let a delivery fail; how long until it is due again."""
    buffer.take(now)
    buffer.settle(verdict, now)
    return round(buffer.due - now, 6)


def test_an_empty_buffer_is_never_due() -> None:
    buffer = Buffer(SMALL)
    buffer.flush()

    assert buffer.due == math.inf


def test_a_batch_is_due_when_the_time_since_its_first_record_is_up() -> None:
    buffer = Buffer(SMALL)
    buffer.add(record(1), 10.0)
    buffer.add(record(2), 10.4)

    assert buffer.due == 10.5
    assert deliver(buffer, 10.5) == [1, 2]
    assert buffer.due == math.inf


@pytest.mark.rule("telemetry-api/batch-by-items")
def test_of_10001_lines_10000_are_one_batch_and_the_last_one_follows_when_its_time_is_up() -> None:
    buffer = Buffer(Buffering())
    fill(buffer, range(10_001), now=5.0)

    assert deliver(buffer, 5.0) == list(range(10_000))
    assert buffer.due == 6.0
    assert deliver(buffer, 6.0) == [10_000]


def test_a_batch_has_no_more_than_its_bytes() -> None:
    buffer = Buffer(SMALL)
    buffer.add(record(1, 600), 0.0)
    buffer.add(record(2, 400), 0.0)
    buffer.add(record(3, 600), 0.0)

    assert deliver(buffer) == [1, 2]
    assert deliver(buffer, 0.5) == [3]


def test_a_record_that_does_not_fit_waits_for_the_next_batch() -> None:
    buffer = Buffer(SMALL)
    buffer.add(record(1, 600), 0.0)
    buffer.add(record(2, 401), 0.1)

    assert deliver(buffer, 0.1) == [1]
    assert buffer.due == 0.6


@pytest.mark.rule("telemetry-api/line-over-max-bytes")
def test_a_record_larger_than_a_batch_goes_out_alone() -> None:
    buffer = Buffer(SMALL)
    buffer.add(record(1), 0.0)
    buffer.add(record(2, 5000), 0.0)

    assert deliver(buffer) == [1]
    assert deliver(buffer) == [2]


def test_a_flush_does_not_wait_for_the_time() -> None:
    buffer = Buffer(SMALL)
    buffer.add(record(1), 0.0)
    number = buffer.flush()

    assert not buffer.is_settled(number)
    assert deliver(buffer) == [1]
    assert buffer.is_settled(number)


def test_what_comes_after_a_flush_is_not_waited_for() -> None:
    buffer = Buffer(SMALL)
    buffer.add(record(1), 0.0)
    number = buffer.flush()
    deliver(buffer)
    buffer.add(record(2), 0.0)

    assert buffer.is_settled(number)


def test_a_loss_that_was_told_counts_for_no_record() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, range(1, 9))
    deliver(buffer)
    deliver(buffer)
    deliver(buffer, 0.5)
    fill(buffer, [9])

    assert not buffer.is_settled(buffer.flush())


def test_whoever_waits_is_woken_only_when_something_is_due_earlier() -> None:
    buffer = Buffer(SMALL)
    woken: list[float] = []
    buffer.on_due = lambda: woken.append(buffer.due)
    fill(buffer, [1, 2], now=1.0)
    buffer.flush()
    buffer.flush()

    assert woken == [1.5, -math.inf]


def test_one_batch_is_under_way_at_a_time() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3, 4, 5, 6])
    buffer.take(0.0)

    assert buffer.due == math.inf
    buffer.settle(TAKEN, 0.0)
    assert deliver(buffer) == [4, 5, 6]


@pytest.mark.rule("telemetry-api/retry-keeps-order")
def test_a_batch_that_was_not_taken_comes_again_unchanged_and_first() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3])
    first = buffer.take(0.0)
    buffer.settle(UNREACHABLE, 0.0)
    fill(buffer, [4])

    assert buffer.take(0.025) is first
    buffer.settle(UNREACHABLE, 0.025)
    assert deliver(buffer, 1.0) == [1, 2, 3]
    assert deliver(buffer, 1.0) == [4]


def test_repetitions_wait_ever_longer_up_to_a_second_and_success_forgives() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3])
    waits = [fail(buffer, UNREACHABLE, 10.0) for _ in range(8)]
    failing = [buffer.is_failing]
    deliver(buffer, 11.0)
    failing.append(buffer.is_failing)
    fill(buffer, [4, 5, 6])

    assert waits == [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert failing == [True, False]
    assert fail(buffer, UNREACHABLE, 16.0) == 0.025


def test_a_subscriber_that_says_it_is_there_gets_the_repetition_at_once() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3])
    for _ in range(5):
        fail(buffer, UNREACHABLE, 10.0)
    buffer.resume()

    assert buffer.due == -math.inf
    assert fail(buffer, UNREACHABLE, 20.0) == 0.025


def test_nothing_is_due_while_nobody_can_listen() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3])
    buffer.take(0.0)
    buffer.pause()
    buffer.settle(UNREACHABLE, 0.0)
    fill(buffer, [4, 5, 6])
    buffer.flush()

    assert buffer.due == math.inf
    buffer.resume()
    assert deliver(buffer) == [1, 2, 3]
    assert deliver(buffer) == [4, 5, 6]


def test_while_a_batch_is_under_way_one_more_gathers_and_the_rest_is_dropped_and_counted() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, range(1, 9))

    assert deliver(buffer) == [1, 2, 3]
    assert deliver(buffer) == [4, 5, 6]
    assert buffer.due == 0.5
    assert deliver(buffer, 0.5) == [(2, 2 + 2 * DROPPED_OVERHEAD_BYTES)]


def test_a_loss_is_told_at_the_head_of_the_next_batch_with_the_time_of_the_last_record_before() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3, 4, 5])
    buffer.add(record(6, time="2031-04-03T12:11:13.000Z"), 0.0)
    buffer.add(record(7, time="2031-04-03T12:11:14.000Z"), 0.0)
    deliver(buffer)
    deliver(buffer)
    fill(buffer, [8, 9], now=0.1)

    batch = buffer.take(0.1)
    assert told(batch) == [(1, 89), 8, 9]
    assert batch.records[0].time == "2031-04-03T12:11:13.000Z"


@pytest.mark.rule("telemetry-api/subscriber-never-reads")
def test_the_counters_of_losses_only_grow() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, range(1, 9))
    deliver(buffer)
    deliver(buffer)
    fill(buffer, range(11, 19))

    assert deliver(buffer) == [(2, 2 + 2 * DROPPED_OVERHEAD_BYTES), 11, 12]
    assert deliver(buffer) == [13, 14, 15]
    assert deliver(buffer, 0.5) == [(5, 2 + 3 * 2 + 5 * DROPPED_OVERHEAD_BYTES)]


@pytest.mark.rule("telemetry-api/refusing-subscriber")
def test_a_batch_that_is_always_refused_is_given_up_and_counted() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3, 4])
    for attempt in range(REFUSED_ATTEMPTS):
        assert told(buffer.take(float(attempt))) == [1, 2, 3]
        buffer.settle(REFUSED, float(attempt))

    assert deliver(buffer, 3.0) == [(3, 3 + 3 * DROPPED_OVERHEAD_BYTES), 4]


def test_a_loss_that_was_given_up_itself_is_told_again() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, range(1, 8))
    deliver(buffer)
    deliver(buffer)
    for _ in range(REFUSED_ATTEMPTS):
        assert told(buffer.take(1.0)) == [(1, 89)]
        buffer.settle(REFUSED, 1.0)

    assert deliver(buffer, 2.0) == [(1, 89)]


def test_an_unreachable_subscriber_is_not_given_up() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3])
    for _ in range(100):
        fail(buffer, UNREACHABLE, 0.0)

    assert deliver(buffer, 1.0) == [1, 2, 3]


@pytest.mark.rule("telemetry-api/late-subscriber-history")
def test_what_was_before_the_subscription_goes_out_at_once_in_batches_of_its_own() -> None:
    buffer = Buffer(SMALL)
    buffer.replay([record(number) for number in range(5)], (0, 0), 7.0)
    fill(buffer, [5], now=7.0)

    assert deliver(buffer, 7.0) == [0, 1, 2]
    assert deliver(buffer, 7.0) == [3, 4]
    assert buffer.due == 7.5


def test_of_what_was_before_the_subscription_losses_are_told_too() -> None:
    buffer = Buffer(SMALL)
    buffer.replay([record(1)], (20, 40), 7.0)

    assert deliver(buffer, 7.0) == [1]
    assert deliver(buffer, 7.5) == [(20, 40 + 20 * DROPPED_OVERHEAD_BYTES)]


def test_a_closed_buffer_forgets_everything_and_says_so() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3, 4])
    buffer.take(0.0)
    woken: list[bool] = []
    buffer.on_due = lambda: woken.append(buffer.is_closed)
    buffer.close()
    buffer.settle(TAKEN, 0.0)
    fill(buffer, [5, 6, 7])

    assert woken == [True]
    assert buffer.due == math.inf


def test_a_batch_is_an_array_or_lines() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2])
    batch = buffer.take(0.5)

    assert batch.as_array() == b'[{"record":1},{"record":2}]'
    assert batch.as_lines() == b'{"record":1}\n{"record":2}\n'


def sequence_id(contents: bytes) -> str:
    return base64.b64encode(hashlib.sha256(contents).digest()).decode().rstrip("=")


def test_the_sequence_id_stands_for_all_contents_so_far() -> None:
    buffer = Buffer(SMALL)
    fill(buffer, [1, 2, 3, 4])
    first = buffer.take(0.0)
    buffer.settle(UNREACHABLE, 0.0)
    again = buffer.take(0.0)
    buffer.settle(TAKEN, 0.0)
    second = buffer.take(0.5)

    assert (first.sequence_id, again.sequence_id) == (sequence_id(b"123"), sequence_id(b"123"))
    assert second.sequence_id == sequence_id(b"1234")
    assert len(second.sequence_id) == 43


ADD, DELIVER, FAIL, REFUSE, TAKE, FLUSH, PAUSE, RESUME, WAIT = range(9)
steps = st.lists(
    st.tuples(
        st.sampled_from([ADD, ADD, ADD, ADD, DELIVER, FAIL, REFUSE, TAKE, FLUSH, PAUSE, RESUME, WAIT]),
        st.sampled_from([1, 30, 700, 1500]),
    ),
    max_size=80,
)


class World:
    """A buffer, its subscriber, and what they owe each other."""

    def __init__(self) -> None:
        self.buffer = Buffer(SMALL)
        self.now = 0.0
        self.sizes: list[int] = []
        self.received: list[int] = []
        self.lost = (0, 0)
        self.under_way: Batch | None = None
        self.again: Batch | None = None
        self.refusals = 0

    def step(self, action: int, size: int) -> None:
        if action == ADD:
            number = len(self.sizes)
            item = record(number, size)
            self.sizes.append(len(item.content))
            self.buffer.add(item, self.now)
        elif action == FLUSH:
            self.buffer.flush()
        elif action == PAUSE:
            self.buffer.pause()
        elif action == RESUME:
            self.buffer.resume()
        elif action == WAIT:
            self.now += size / 1000
        else:
            self.take()
            self.settle({DELIVER: TAKEN, FAIL: UNREACHABLE, REFUSE: REFUSED}.get(action))

    def take(self) -> None:
        if self.under_way is None and self.buffer.due <= self.now:
            self.under_way = self.buffer.take(self.now)
            assert self.again in (None, self.under_way), "a batch that was not taken comes again first"
            self.check_limits(self.under_way)

    def check_limits(self, batch: Batch) -> None:
        assert batch.records
        assert len(batch.records) <= SMALL.max_items
        assert len(batch.records) == 1 or sum(len(item.content) for item in batch.records) <= SMALL.max_bytes

    def settle(self, verdict: Verdict | None) -> None:
        batch = self.under_way
        if batch is None or verdict is None:
            return
        self.under_way = None
        self.buffer.settle(verdict, self.now)
        self.refusals = self.refusals + 1 if verdict is REFUSED else self.refusals
        given_up = self.refusals == REFUSED_ATTEMPTS
        self.again = None if verdict is TAKEN or given_up else batch
        if self.again is None:
            self.refusals = 0
        if verdict is TAKEN:
            for item in told(batch):
                if isinstance(item, int):
                    self.received.append(item)
                else:
                    assert isinstance(item, tuple)
                    assert item > self.lost, "the counters only grow"
                    self.lost = item

    def drain(self) -> int:
        """Let everything be taken that waits; how many records that were."""
        before = len(self.received)
        self.buffer.resume()
        self.settle(TAKEN)
        while self.buffer.due < math.inf:
            self.now = max(self.now, self.buffer.due)
            self.take()
            self.settle(TAKEN)
        return len(self.received) - before


@settings(max_examples=300)
@given(steps=steps)
def test_nothing_is_lost_doubled_or_reordered_unless_it_is_counted_as_dropped(steps: list[tuple[int, int]]) -> None:
    world = World()
    for action, size in steps:
        world.step(action, size)
    waiting = world.drain()

    assert world.received == sorted(set(world.received))
    missing = set(range(len(world.sizes))) - set(world.received)
    size = sum(world.sizes[number] for number in missing)
    assert world.lost == (len(missing), size + len(missing) * DROPPED_OVERHEAD_BYTES if missing else 0)
    assert waiting <= 2 * SMALL.max_items, "what waits is bounded"


def test_what_is_delivered_and_what_is_dropped_is_counted_without_the_record_that_tells_of_losses() -> None:
    tally = DeliveryTally()
    buffer = Buffer(SMALL, tally)
    fill(buffer, range(1, 9))
    delivered = [*deliver(buffer), *deliver(buffer), *deliver(buffer, 0.5)]
    size = len(record(1).content)

    records = tally.delivered_records
    assert 0 < records < len(delivered)
    assert (records + tally.dropped_records, tally.dropped_bytes) == (8, (8 - records) * size)
    assert tally.delivered_bytes == records * size


def test_a_batch_that_is_given_up_is_dropped() -> None:
    tally = DeliveryTally()
    buffer = Buffer(SMALL, tally)
    buffer.add(record(1), 0.0)
    buffer.flush()
    for _ in range(REFUSED_ATTEMPTS):
        buffer.take(0.0)
        buffer.settle(REFUSED, 0.0)

    assert (tally.delivered_records, tally.dropped_records) == (0, 1)
