"""The line of accepted invocations, in the order in which their attempts are due, and the count of what became of them.

What follows from an attempt is `policy`'s decision. Nobody waits here: `next_due` says for what to wait.
"""

import heapq
from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import takewhile

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
        # By key, the oldest first: that is the order in which they come, and in which they expire.
        self._accepted: OrderedDict[str, Accepted] = OrderedDict()
        # When those who wait are due, in which order they came to wait, and their keys. Who has expired is still there.
        self._dues: list[tuple[float, int, str]] = []
        self._under_way = ""
        self._added = 0
        self._hurried = False

    def __len__(self) -> int:
        """How many are neither done nor given up."""
        return len(self._accepted)

    def accept(self, accepted: Accepted) -> None:
        """A caller has been promised that *accepted* will run."""
        self.counts.accepted += 1
        self.put(accepted)

    def put(self, accepted: Accepted) -> None:
        """Let *accepted* wait; of those that are due at the same moment, who came first is first."""
        self._accepted[accepted.key] = accepted
        self._added += 1
        heapq.heappush(self._dues, (accepted.due, self._added, accepted.key))

    @property
    def next_due(self) -> float | None:
        """When the next attempt is due, None when nobody waits."""
        return self._dues[0][0] if self._dues else None

    @property
    def next_expiry(self) -> float | None:
        """When the oldest of those who wait becomes too old, None when nobody waits."""
        waiting = (accepted for key, accepted in self._accepted.items() if key != self._under_way)
        oldest = next(waiting, None)
        return None if oldest is None else oldest.accepted_at + self._policy.maximum_age

    def expire(self, now: float) -> list[Accepted]:
        """Take out those who wait and are too old by now, the oldest first."""
        too_old = list(takewhile(lambda accepted: is_too_old(accepted, now, self._policy), self._accepted.values()))
        expired = [accepted for accepted in too_old if accepted.key != self._under_way]
        for accepted in expired:
            del self._accepted[accepted.key]
            self.counts.ended(Condition.EVENT_AGE_EXCEEDED)
        self._forget_expired()
        return expired

    def next_attempt(self, now: float) -> Accepted | None:
        """The next one as it is when its attempt has begun, None when nobody is due."""
        if not self._dues or self._dues[0][0] > now:
            return None
        accepted = self._accepted[self._dues[0][2]]
        return replace(accepted, attempts=accepted.attempts + 1)

    def begin(self, attempt: Accepted) -> bool:
        """Begin *attempt*, unless it is not the next one any more; `settle` ends it."""
        assert not self._under_way
        if not self._dues or self._dues[0][2] != attempt.key:
            return False
        heapq.heappop(self._dues)
        self._forget_expired()
        self._accepted[attempt.key] = attempt
        self._under_way = attempt.key
        self.counts.attempts += 1
        return True

    def settle(self, outcome: Outcome, now: float) -> Accepted | Condition:
        """End the attempt under way: the invocation waits again, as returned, or has ended."""
        attempt = self._accepted[self._under_way]
        verdict = after_attempt(attempt, outcome, now, self._policy, hurried=self._hurried)
        self._under_way = ""
        if isinstance(verdict, Condition):
            del self._accepted[attempt.key]
            self.counts.ended(verdict)
        else:
            self.put(verdict)
        return verdict

    def hurry(self, now: float) -> None:
        """Let no retry wait from now on: everything is due, in the order in which it would have been."""
        self._hurried = True
        dues, self._dues = sorted(self._dues), []
        for due, _, key in dues:
            if key in self._accepted:
                self.put(replace(self._accepted[key], due=min(due, now)))

    def end(self) -> list[Accepted]:
        """Take out whatever is not done, in the order in which it came: there will be no further attempt."""
        left = list(self._accepted.values())
        self._accepted.clear()
        self._dues.clear()
        self._under_way = ""
        self.counts.expired += len(left)
        return left

    def _forget_expired(self) -> None:
        """Whoever is the next one is there."""
        while self._dues and self._dues[0][2] not in self._accepted:
            heapq.heappop(self._dues)
