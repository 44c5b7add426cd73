"""What follows from an attempt, as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.asynchronous.policy import Accepted, Condition, Policy, after_attempt
from supervisor.errors import Fault
from supervisor.lifecycle.invocation import (
    FunctionError,
    FunctionResponse,
    Invocation,
    Outcome,
    PlatformError,
    StreamError,
    Unavailable,
)

INVOCATION = Invocation("request")
SUCCESS = FunctionResponse(b"{}")
FAILURE = FunctionError(b"{}")
BROKEN_OFF = FunctionResponse(b"{", stream_error=StreamError("Function.Broken", "{}"))
TIMEOUT = PlatformError(Fault.SANDBOX_TIMEDOUT, "Task timed out")
CRASH = PlatformError(Fault.RUNTIME_EXIT_ERROR, "exit status 1")
CUT_OFF = PlatformError(Fault.SANDBOX_FAILURE, "The execution environment was shut down")
THROTTLED = Unavailable("Rate Exceeded.", 429, "TooManyRequestsException")
ENDING = Unavailable("The execution environment was shut down")
NOT_RESTORED = Unavailable("Runtime.ExitError: Runtime exited", 400, "SnapStartException")
RESTORED_TOO_SLOWLY = Unavailable("not restored within 10 seconds", 408, "SnapStartTimeoutException")

DEFAULT = Policy()


def accepted(**changes: float) -> Accepted:
    fields: dict[str, float] = {"accepted_at": 1000, "due": 1000, "attempts": 1, **changes}
    return Accepted("key", INVOCATION, **fields)  # type: ignore[arg-type]  # whole numbers where they belong


def after(*outcomes: Outcome, policy: Policy = DEFAULT) -> list[float | str]:
    """The waits that follow from outcomes at 2000, 2000 and so on, and the condition at the end."""
    item, waits = accepted(), list[float | str]()
    for outcome in outcomes:
        verdict = after_attempt(item, outcome, 2000, policy)
        if isinstance(verdict, Condition):
            return [*waits, verdict]
        waits.append(verdict.due - 2000)
        item = verdict
    return waits


def test_a_response_is_the_end() -> None:
    assert after(SUCCESS) == ["Success"]


@pytest.mark.rule("invoke-api/event-retries")
@pytest.mark.parametrize("failure", [FAILURE, BROKEN_OFF, TIMEOUT, CRASH, NOT_RESTORED, RESTORED_TOO_SLOWLY])
def test_whatever_the_function_fails_is_tried_twice_more_after_one_and_two_minutes(failure: Outcome) -> None:
    assert after(failure, failure, failure) == [60, 120, "RetriesExhausted"]
    assert after(failure, SUCCESS) == [60, "Success"]


def test_retries_and_their_waits_may_be_chosen() -> None:
    assert after(FAILURE, policy=Policy(retries=0)) == ["RetriesExhausted"]
    assert after(FAILURE, FAILURE, FAILURE, policy=Policy(retry_waits=(5,))) == [5, 5, "RetriesExhausted"]


@pytest.mark.rule("invoke-api/event-setbacks")
@pytest.mark.parametrize("setback", [THROTTLED, ENDING, CUT_OFF])
def test_what_the_platform_fails_waits_longer_each_time_and_is_no_failure_of_the_function(setback: Outcome) -> None:
    assert after(*[setback] * 11) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert after(setback, setback, FAILURE, setback, FAILURE, FAILURE) == [1, 2, 60, 1, 120, "RetriesExhausted"]


@pytest.mark.rule("invoke-api/event-maximum-age")
def test_a_retry_that_would_come_too_late_is_not_waited_for() -> None:
    def verdict(now: float, maximum_age: float) -> Accepted | Condition:
        return after_attempt(accepted(), FAILURE, now, Policy(maximum_age=maximum_age))

    assert verdict(1040, 100) == accepted(due=1100, failures=1)
    assert verdict(1041, 100) is Condition.EVENT_AGE_EXCEEDED


@given(st.lists(st.sampled_from([FAILURE, TIMEOUT, CUT_OFF, THROTTLED]), max_size=200))
def test_a_wait_is_never_longer_than_five_minutes_nor_are_there_more_than_two_retries(outcomes: list[Outcome]) -> None:
    waits = after(*outcomes)

    assert all(isinstance(wait, str) or wait <= 300 for wait in waits)
    assert sum(wait in (60, 120) for wait in waits) <= 2
