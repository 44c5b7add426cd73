"""What the runtime's own calls change, apart from its answers, which belong to the invocation."""

from supervisor.errors import fault_of_runtime
from supervisor.lifecycle.effects import SendInvocation
from supervisor.lifecycle.invocation import FunctionError
from supervisor.lifecycle.limits import ERROR_GRACE_SECONDS
from supervisor.lifecycle.model import Effects, Runtime, State, Timer
from supervisor.lifecycle.states import RUNTIME, Phase, RuntimeCall, RuntimeState, refuse_runtime, runtime_after


def polled(state: State) -> Effects:
    """The runtime asks for the next invocation: it waits, or gets the one it has not answered once more.

    Raises:
        ProtocolError: 403, not in this state, or no runtime is running.
    """
    runtime = state.runtime
    after = RUNTIME[runtime.state].get(RuntimeCall.NEXT) if runtime.alive else None
    if after is None:
        raise refuse_runtime(runtime.state, RuntimeCall.NEXT)
    if after is RuntimeState.RUNNING and state.invoke is not None and state.phase is Phase.INVOKE:
        return [SendInvocation(state.invoke.invocation, state.invoke.deadline)]
    runtime.state = after
    runtime.waiting += 1
    return []


def poll_dropped(state: State) -> Effects:
    """A poll is gone; the next one takes its place."""
    state.runtime.waiting = max(0, state.runtime.waiting - 1)
    return []


def init_error(state: State, now: float, error: FunctionError, error_type: str) -> Effects:
    """The runtime could not initialise the function. It should exit now, and is killed if it does not.

    Raises:
        ProtocolError: 403, not in this state, or no runtime is running.
    """
    _announce(state, now, RuntimeCall.INIT_ERROR, error_type)
    state.runtime.init_error = error
    return []


def restore_polled(state: State) -> Effects:
    """The runtime is ready for a snapshot and waits for its restore.

    Raises:
        ProtocolError: 403, not in this state, or no runtime is running.
    """
    runtime = _living(state, RuntimeCall.RESTORE_NEXT)
    runtime.state = runtime_after(runtime.state, RuntimeCall.RESTORE_NEXT)
    runtime.waiting += 1
    return []


def restore_error(state: State, now: float, error_type: str) -> Effects:
    """The runtime failed after the restore. It should exit now, and is killed if it does not.

    Raises:
        ProtocolError: 403, not in this state, or no runtime is running.
    """
    _announce(state, now, RuntimeCall.RESTORE_ERROR, error_type)
    return []


def _announce(state: State, now: float, call: RuntimeCall, error_type: str) -> None:
    """Remember an error that should end in the runtime's exit, and how long that may take."""
    runtime = _living(state, call)
    runtime.state = runtime_after(runtime.state, call)
    state.first_fault = state.first_fault or fault_of_runtime(error_type)
    if state.phase in (Phase.INIT, Phase.RESTORE):
        state.timers[Timer.RUNTIME_GRACE] = now + ERROR_GRACE_SECONDS


def _living(state: State, call: RuntimeCall) -> Runtime:
    if not state.runtime.alive:
        raise refuse_runtime(state.runtime.state, call)
    return state.runtime
