"""The line of accepted invocations, in the order in which their attempts are due, and the count of what became of them.

What follows from an attempt is `policy`'s decision. Nobody waits here: `next_due` says for what to wait.
"""

import heapq
from dataclasses import dataclass, replace

from supervisor.asynchronous.policy import Accepted, Condition, Policy, after_attempt, is_too_old
from supervisor.lifecycle.invocation import Outcome


@dataclass(slots=True)
class Counts:
    """What has happened since the start, in numbers.

    Args:
        accepted: Invocations whose caller has a 202.
        attempts: Attempts that were begun.
        succeeded: Accepted invocations that the function answered.
        exhausted: Accepted invocations that the function failed too often.
        expired: Accepted invocations that became too old, or that the end of the environment came before.
    """

    accepted: int = 0
    attempts: int = 0
    succeeded: int = 0
    exhausted: int = 0
    expired: int = 0

    def ended(self, condition: Condition) -> None:
        """Count an accepted invocation that has ended."""
        match condition:
            case Condition.SUCCESS:
                self.succeeded += 1
            case Condition.RETRIES_EXHAUSTED:
                self.exhausted += 1
            case Condition.EVENT_AGE_EXCEEDED:
                self.expired += 1


class Line:
    """Accepted invocations that wait, and the one of which an attempt is under way.

    Args:
        policy: How often and how long they are tried.

    Attributes:
        counts: What has happened since the start.
    """

    def __init__(self, policy: Policy) -> None:
        self.counts = Counts()
        self._policy = policy
        self._waiting: list[tuple[float, int, Accepted]] = []
        self._under_way: Accepted | None = None
        self._added = 0
        self._hurried = False

    def __len__(self) -> int:
        """How many are neither done nor given up."""
        return len(self._waiting) + (self._under_way is not None)

    def accept(self, accepted: Accepted) -> None:
        """A caller has been promised that *accepted* will run."""
        self.counts.accepted += 1
        self.put(accepted)

    def put(self, accepted: Accepted) -> None:
        """Let *accepted* wait; of those that are due at the same moment, who came first is first."""
        self._added += 1
        heapq.heappush(self._waiting, (accepted.due, self._added, accepted))

    @property
    def next_due(self) -> float | None:
        """When the next attempt is due, None when nobody waits."""
        return self._waiting[0][0] if self._waiting else None

    def expire(self, now: float) -> Accepted | None:
        """Take the next one out, if it is too old by now."""
        if not self._waiting or not is_too_old(self._waiting[0][2], now, self._policy):
            return None
        self.counts.ended(Condition.EVENT_AGE_EXCEEDED)
        return heapq.heappop(self._waiting)[2]

    def begin(self) -> Accepted:
        """Begin an attempt at the next one; `settle` ends it."""
        assert self._under_way is None
        accepted = heapq.heappop(self._waiting)[2]
        self._under_way = replace(accepted, attempts=accepted.attempts + 1)
        self.counts.attempts += 1
        return self._under_way

    def settle(self, outcome: Outcome, now: float) -> Accepted | Condition:
        """End the attempt under way: the invocation waits again, as returned, or has ended."""
        assert self._under_way is not None
        verdict = after_attempt(self._under_way, outcome, now, self._policy)
        self._under_way = None
        if isinstance(verdict, Condition):
            self.counts.ended(verdict)
        else:
            self.put(replace(verdict, due=now) if self._hurried else verdict)
        return verdict

    def hurry(self, now: float) -> None:
        """Let no retry wait from now on: everything is due, in the order in which it would have been."""
        self._hurried = True
        for due, _, accepted in sorted(self._take_all()):
            self.put(replace(accepted, due=min(due, now)))

    def end(self) -> list[Accepted]:
        """Take out whatever is not done, in the order in which it came: there will be no further attempt."""
        left = [accepted for _, _, accepted in sorted(self._take_all())]
        if self._under_way is not None:
            left.append(self._under_way)
            self._under_way = None
        self.counts.expired += len(left)
        return sorted(left, key=lambda accepted: accepted.accepted_at)

    def _take_all(self) -> list[tuple[float, int, Accepted]]:
        waiting, self._waiting = self._waiting, []
        return waiting
