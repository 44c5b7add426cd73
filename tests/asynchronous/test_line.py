"""The line of accepted invocations, as values."""

from hypothesis import given
from hypothesis import strategies as st

from supervisor.asynchronous.line import Counts, Line
from supervisor.asynchronous.policy import Accepted, Condition, Policy
from supervisor.lifecycle.invocation import FunctionError, FunctionResponse, Invocation, Unavailable

SUCCESS = FunctionResponse(b"{}")
FAILURE = FunctionError(b"{}")


def accepted(key: str, at: float = 1000) -> Accepted:
    return Accepted(key, Invocation(key), accepted_at=at, due=at)


def line_of(*keys: str, policy: Policy | None = None) -> Line:
    line = Line(policy or Policy())
    for key in keys:
        line.accept(accepted(key))
    return line


def keys_in(line: Line) -> list[str]:
    return [left.key for left in line.end()]


def test_an_empty_line_has_nothing_due() -> None:
    assert (len(line_of()), line_of().next_due, line_of().expire(0), line_of().end()) == (0, None, None, [])


def test_who_came_first_is_first() -> None:
    line = line_of("a", "b")

    attempt = line.begin()

    assert (attempt.key, attempt.attempts, len(line), line.next_due) == ("a", 1, 2, 1000)
    assert line.settle(SUCCESS, 1001) is Condition.SUCCESS
    assert keys_in(line) == ["b"]


def test_a_retry_waits_while_others_are_served() -> None:
    line = line_of("a", "b")
    line.begin()

    again = line.settle(FAILURE, 2000)

    assert isinstance(again, Accepted)
    assert (again.due, again.attempts, again.failures) == (2060, 1, 1)
    assert line.begin().key == "b"
    assert line.settle(SUCCESS, 2001) is Condition.SUCCESS
    assert line.next_due == 2060
    assert line.begin().attempts == 2


def test_who_is_too_old_is_taken_out() -> None:
    line = line_of("a", policy=Policy(maximum_age=60))

    assert line.expire(1060) is None
    expired = line.expire(1060.1)
    assert expired is not None
    assert (expired.key, expired.attempts, len(line)) == ("a", 0, 0)


def test_in_a_hurry_no_retry_is_waited_for() -> None:
    line = line_of("a", "b")
    line.begin()
    line.settle(FAILURE, 2000)

    line.hurry(2010)

    assert [line.begin().key, line.settle(SUCCESS, 2011)] == ["b", Condition.SUCCESS]
    assert line.next_due == 2010
    assert line.begin().key == "a"
    line.settle(FAILURE, 2012)
    assert line.next_due == 2012


def test_the_end_leaves_nobody_out() -> None:
    line = Line(Policy())
    for at, key in enumerate("abcd"):
        line.accept(accepted(key, at))
    line.begin()
    line.settle(FAILURE, 2000)
    line.begin()

    assert [(left.key, left.attempts) for left in line.end()] == [("a", 1), ("b", 1), ("c", 0), ("d", 0)]
    assert len(line) == 0


def test_everything_is_counted() -> None:
    line = line_of("a", "b", "c", "d", policy=Policy(retries=0, maximum_age=60))
    for outcome in (SUCCESS, FAILURE):
        line.begin()
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
            line.begin()
            line.settle(outcome, 1000)

    counts, left = line.counts, len(line)

    assert counts.succeeded + counts.exhausted + left == others
    assert len(set(keys_in(line))) == left
