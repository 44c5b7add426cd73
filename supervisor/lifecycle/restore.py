"""The Restore phase (SnapStart): the first invocation begins with the restore of a snapshot.

The snapshot is the freeze after Init; there is one for each environment, and it is restored where it was taken. A
runtime asks for the restore, `restore/next`, instead of its first invocation; one that does not has no such phase.

    thaw ──▶ the runtime is told ──▶ it does what is to be done after a restore ──it says next──▶ the invocation begins

(AWS: Lambda execution environment, "Restore phase"; RIE 1.170 `rapi/handler/restorenext.go`.)
"""

from collections.abc import Callable

from supervisor.errors import Fault
from supervisor.lifecycle import ready
from supervisor.lifecycle.effects import AnswerCaller, SendRestore
from supervisor.lifecycle.invocation import Unavailable
from supervisor.lifecycle.limits import RESTORE_SECONDS
from supervisor.lifecycle.milestones import Ending, RestoreReported, RestoreRuntimeDone, RestoreStarted, Status
from supervisor.lifecycle.model import Effects, Failure, State, Timer
from supervisor.lifecycle.states import Phase, RuntimeState

TOO_SLOW = f"{Fault.RUNTIME_RESTORE_HOOK_USER_TIMEOUT}: not restored within {RESTORE_SECONDS:g} seconds"


def begin(state: State, now: float) -> Effects:
    """Restore the snapshot for the invocation that waits."""
    state.phase = Phase.RESTORE
    state.restore_started = now
    state.timers[Timer.RESTORE] = now + RESTORE_SECONDS
    return [RestoreStarted(), *ready.end(state, now), *tell(state, now)]


def tell(state: State, now: float) -> Effects:
    """Tell the runtime, unless it has given up waiting."""
    runtime = state.runtime
    runtime.state = RuntimeState.RESTORING
    if not runtime.waiting:
        return []
    runtime.waiting -= 1
    return [SendRestore()]


def next_step(state: State) -> Callable[[State, float], Effects] | None:
    """The restore is over when the runtime says next."""
    return _succeed if state.runtime.state is RuntimeState.READY else None


def _succeed(state: State, now: float) -> Effects:
    del state.timers[Timer.RESTORE]
    effects = report(state, now, Ending())
    ready.begin(state, now)
    return effects


def report(state: State, now: float, ending: Ending) -> Effects:
    """Say how the restore under way ended."""
    assert state.restore_started is not None
    state.restore_duration = now - state.restore_started
    state.restore_started = None
    return [RestoreRuntimeDone(ending), RestoreReported(ending, state.restore_duration)]


def fail(state: State, now: float, failure: Failure) -> Effects:
    """Refuse the invocation that waited for the restore; the next one needs a new snapshot.

    (AWS: API reference, Invoke, `SnapStartException` and `SnapStartTimeoutException`.)
    """
    state.fresh = True
    effects = report(state, now, failure.ending)
    if failure.ending.status is Status.TIMEOUT:
        outcome = Unavailable(TOO_SLOW, 408, "SnapStartTimeoutException")
    else:
        outcome = Unavailable(f"{failure.ending.error_type}: {failure.text}", 400, "SnapStartException")
    return [*effects, AnswerCaller(state.queue.popleft().invocation, outcome)]
