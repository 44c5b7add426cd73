"""What becomes of an accepted invocation after an attempt: nothing more, another attempt, or it is given up.

Moments are in seconds since 1970, because an accepted invocation may outlive the process that accepted it. Who waits
for which moment is not known here.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from supervisor.errors import Fault
from supervisor.lifecycle.invocation import FunctionResponse, Invocation, Outcome, PlatformError, Unavailable

RETRIES: Final = 2
"""Attempts after the first that the function fails (AWS: Asynchronous invocation, "Maximum retry attempts")."""

RETRY_WAITS: Final = (60.0, 120.0)
"""One minute before the first retry, two before the second (same document)."""

AGE_LIMITS: Final = (60, 21_600)
"""What the maximum age of an event may be, in seconds; the higher is the default (same document)."""

FIRST_SETBACK_SECONDS: Final = 1.0
"""How long a throttled invocation, or one that the platform failed, waits for the first time (same document)."""

LONGEST_SETBACK_SECONDS: Final = 300.0
"""The wait grows up to this (same document). That it doubles each time is ours."""

_DOUBLINGS: Final = 10
"""More than are needed from the first wait to the longest."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long an accepted invocation is tried.

    Args:
        retries: Attempts after the first that the function fails.
        retry_waits: Seconds before each of them; the last counts for those that follow.
        maximum_age: Seconds after which no further attempt begins.
    """

    retries: int = RETRIES
    retry_waits: tuple[float, ...] = RETRY_WAITS
    maximum_age: float = AGE_LIMITS[1]


class Condition(StrEnum):
    """How an accepted invocation ended (AWS: Asynchronous invocation, destinations)."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"


@dataclass(frozen=True, slots=True)
class Accepted:
    """An invocation whose caller has been promised that it will run.

    Args:
        key: Its identity; a request id is the caller's to choose, and may come twice.
        invocation: What was accepted. Each attempt has an invocation id of its own.
        accepted_at: When it was accepted.
        due: When its next attempt is due.
        attempts: Attempts that were begun, whatever became of them.
        failures: Attempts that the function failed.
        setbacks: Attempts that the platform failed, since the last one that it did not.
    """

    key: str
    invocation: Invocation
    accepted_at: float
    due: float
    attempts: int = 0
    failures: int = 0
    setbacks: int = 0


def is_too_old(accepted: Accepted, now: float, policy: Policy) -> bool:
    """Whether no attempt may begin any more."""
    return now - accepted.accepted_at > policy.maximum_age


def after_attempt(
    accepted: Accepted, outcome: Outcome, now: float, policy: Policy, *, hurried: bool = False
) -> Accepted | Condition:
    """What follows from *outcome*: the invocation with its next attempt, or how it has ended.

    An attempt that would come too late is not waited for; when *hurried*, none is waited for.
    """
    if isinstance(outcome, FunctionResponse) and outcome.is_whole:
        return Condition.SUCCESS
    if _is_setback(outcome):
        wait = min(FIRST_SETBACK_SECONDS * 2 ** min(accepted.setbacks, _DOUBLINGS), LONGEST_SETBACK_SECONDS)
        again = replace(accepted, setbacks=accepted.setbacks + 1)
    elif accepted.failures >= policy.retries:
        return Condition.RETRIES_EXHAUSTED
    else:
        wait = policy.retry_waits[min(accepted.failures, len(policy.retry_waits) - 1)]
        again = replace(accepted, failures=accepted.failures + 1, setbacks=0)
    due = now if hurried else now + wait
    return Condition.EVENT_AGE_EXCEEDED if is_too_old(again, due, policy) else replace(again, due=due)


def _is_setback(outcome: Outcome) -> bool:
    """Whether the function is not to blame: there was no room for the invocation, or the environment ended under it."""
    if isinstance(outcome, Unavailable):
        return outcome.is_setback
    return isinstance(outcome, PlatformError) and outcome.error_type == Fault.SANDBOX_FAILURE
