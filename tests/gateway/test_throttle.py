from hypothesis import given
from hypothesis import strategies as st

from supervisor.gateway.throttle import BURST_BYTES, REFILL_SECONDS, Bucket

RATE = 2 * 1024 * 1024
REFILL = RATE // 8


def test_the_first_six_megabytes_pass_without_a_limit() -> None:
    bucket = Bucket(RATE, 100.0)

    assert bucket.spend(BURST_BYTES - 1, 100.0) is None
    assert bucket.spend(1, 100.0) == 100.125


def test_what_was_taken_on_credit_is_waited_for() -> None:
    bucket = Bucket(RATE, 0.0)
    bucket.spend(BURST_BYTES, 0.0)

    assert bucket.spend(2 * REFILL, 0.1) == 0.375
    assert bucket.spend(0, 0.374) == 0.375
    assert bucket.spend(0, 0.375) is None


def test_there_are_new_tokens_eight_times_a_second() -> None:
    bucket = Bucket(RATE, 0.0)
    bucket.spend(BURST_BYTES, 0.0)

    assert bucket.spend(REFILL - 1, 0.130) is None
    assert bucket.spend(1, 0.249) == 0.25


def test_what_is_not_used_is_not_saved_beyond_the_burst() -> None:
    bucket = Bucket(RATE, 0.0)
    bucket.spend(0, 1000.0)

    assert bucket.spend(BURST_BYTES, 1000.0) == 1000.125


@given(st.lists(st.integers(1, 70_000), min_size=200, max_size=600), st.integers(32 * 1024, 64 * 1024 * 1024))
def test_no_more_passes_than_the_burst_and_the_rate(pieces: list[int], rate: int) -> None:
    bucket, now, passed = Bucket(rate, 0.0), 0.0, 0
    for piece in pieces:
        passed += piece
        at = bucket.spend(piece, now)
        assert passed <= BURST_BYTES + rate * now + max(pieces)
        if at is not None:
            assert at > now
            now = at
            assert bucket.spend(0, now) is None
    assert now <= max(0.0, (passed - BURST_BYTES) / rate + 2 * REFILL_SECONDS)
