"""The line of accepted invocations, as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.asynchronous.line import Counts, Line
from supervisor.asynchronous.policy import Accepted, Condition, Policy
from supervisor.lifecycle.invocation import FunctionError, FunctionResponse, Invocation, Outcome, Unavailable

SUCCESS = FunctionResponse(b"{}")
FAILURE = FunctionError(b"{}")


def accepted(key: str, at: float = 1000) -> Accepted:
    return Accepted(key, Invocation(key), accepted_at=at, due=at)


def line_of(*keys: str, policy: Policy | None = None) -> Line:
    line = Line(policy or Policy())
    for key in keys:
        line.accept(accepted(key))
    return line


def begin(line: Line, now: float = 10_000) -> Accepted:
    attempt = line.next_attempt(now)
    assert attempt is not None
    assert line.begin(attempt)
    return attempt


def keys_in(line: Line) -> list[str]:
    return [left.key for left in line.end()]


def test_an_empty_line_has_nothing_due() -> None:
    line = line_of()

    assert (len(line), line.next_due, line.next_expiry, line.next_attempt(0)) == (0, None, None, None)
    assert (line.expire(0), line.end()) == ([], [])


def test_who_came_first_is_first() -> None:
    line = line_of("a", "b")

    attempt = begin(line)

    assert (attempt.key, attempt.attempts, len(line), line.next_due) == ("a", 1, 2, 1000)
    assert line.settle(SUCCESS, 1001) is Condition.SUCCESS
    assert keys_in(line) == ["b"]


def test_a_retry_waits_while_others_are_served() -> None:
    line = line_of("a", "b")
    begin(line)

    again = line.settle(FAILURE, 2000)

    assert isinstance(again, Accepted)
    assert (again.due, again.attempts, again.failures) == (2060, 1, 1)
    assert begin(line).key == "b"
    assert line.settle(SUCCESS, 2001) is Condition.SUCCESS
    assert line.next_due == 2060
    assert begin(line).attempts == 2


def test_before_it_is_due_there_is_no_attempt() -> None:
    line = line_of("a")

    assert line.next_attempt(999) is None
    assert line.next_attempt(1000) is not None


def test_who_is_too_old_is_taken_out() -> None:
    line = line_of("a", policy=Policy(maximum_age=60))

    assert (line.next_expiry, line.expire(1060)) == (1060, [])
    (expired,) = line.expire(1060.1)
    assert (expired.key, expired.attempts, len(line), line.next_expiry) == ("a", 0, 0, None)


def test_the_oldest_expires_first_whoever_is_due_first() -> None:
    """The oldest waits for its retry, which is due later than the first attempt of the other."""
    line = Line(Policy(retry_waits=(50,), maximum_age=60))
    line.accept(accepted("old", 1000))
    begin(line)
    line.settle(FAILURE, 1005)
    line.accept(accepted("young", 1020))

    assert (line.next_due, line.next_expiry) == (1020, 1060)
    assert [expired.key for expired in line.expire(1061)] == ["old"]
    assert (line.next_due, line.next_expiry, len(line)) == (1020, 1080, 1)
    line.hurry(1061)
    assert begin(line).key == "young"
    assert line.next_due is None


def test_who_has_expired_is_not_the_next_one() -> None:
    line = line_of("a", policy=Policy(maximum_age=60))
    line.accept(accepted("b", 1050))
    attempt = line.next_attempt(1050)
    assert attempt is not None

    line.expire(1061)

    assert not line.begin(attempt)
    assert (line.next_due, begin(line).key) == (1050, "b")


def test_an_attempt_under_way_does_not_expire() -> None:
    line = line_of("a", "b", policy=Policy(maximum_age=60))
    begin(line)

    assert [expired.key for expired in line.expire(2000)] == ["b"]
    assert (line.next_expiry, line.settle(SUCCESS, 2000)) == (None, Condition.SUCCESS)


def test_who_was_due_earlier_comes_first_also_after_an_attempt_was_chosen() -> None:
    line = line_of("a")
    attempt = line.next_attempt(1000)
    assert attempt is not None

    line.accept(accepted("early", 999))

    assert not line.begin(attempt)
    assert begin(line).key == "early"


def test_in_a_hurry_no_retry_is_waited_for() -> None:
    line = line_of("a", "b")
    begin(line)
    line.settle(FAILURE, 2000)

    line.hurry(2010)

    assert [begin(line).key, line.settle(SUCCESS, 2011)] == ["b", Condition.SUCCESS]
    assert line.next_due == 2010
    assert begin(line).key == "a"
    line.settle(FAILURE, 2012)
    assert line.next_due == 2012


@pytest.mark.parametrize("outcome", [FAILURE, Unavailable("no")])
def test_in_a_hurry_nobody_is_too_old_for_a_wait_that_is_not_waited_for(outcome: Outcome) -> None:
    line = line_of("a", policy=Policy(maximum_age=60))
    for now in range(1000, 1000 + 6):
        begin(line)
        line.settle(Unavailable("no"), now)
    line.hurry(1010)
    begin(line)

    again = line.settle(outcome, 1011)

    assert isinstance(again, Accepted)
    assert again.due == 1011


def test_the_end_leaves_nobody_out() -> None:
    line = Line(Policy())
    for at, key in enumerate("abcd"):
        line.accept(accepted(key, at))
    begin(line)
    line.settle(FAILURE, 2000)
    begin(line)

    assert [(left.key, left.attempts) for left in line.end()] == [("a", 1), ("b", 1), ("c", 0), ("d", 0)]
    assert len(line) == 0


def test_everything_is_counted() -> None:
    line = line_of("a", "b", "c", "d", policy=Policy(retries=0, maximum_age=60))
    for outcome in (SUCCESS, FAILURE):
        begin(line)
        line.settle(outcome, 1001)
    line.expire(2000)
    line.put(accepted("from another life"))

    line.end()

    assert line.counts == Counts(accepted=4, attempts=2, succeeded=1, exhausted=1, expired=3)


@given(st.lists(st.sampled_from([SUCCESS, FAILURE, Unavailable("no")])), st.integers(0, 5))
def test_nobody_is_lost_and_nobody_comes_twice(outcomes: list[FunctionResponse | FunctionError], others: int) -> None:
    line = line_of(*map(str, range(others)))
    for outcome in outcomes:
        if len(line):
            begin(line)
            line.settle(outcome, 1000)

    counts, left = line.counts, len(line)

    assert counts.succeeded + counts.exhausted + left == others
    assert len(set(keys_in(line))) == left
