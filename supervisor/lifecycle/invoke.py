"""The Invoke phase: one invocation from its delivery until the runtime and every extension have said next.

The caller has its answer as soon as the runtime posted it; the next invocation waits for the end of the phase
(AWS: Extensions API, "Invoke phase"; recorded on AWS). A failure ends in a reset, and the caller that has no answer
yet gets one when the reset is over.
"""

from collections.abc import Callable

from supervisor.errors import Fault
from supervisor.lifecycle import ready, uploads
from supervisor.lifecycle.diagnoses import InvocationHeld
from supervisor.lifecycle.effects import AnswerCaller, SendInvocation, SendInvoke
from supervisor.lifecycle.limits import HELD_SECONDS
from supervisor.lifecycle.milestones import (
    SUCCEEDED,
    Ending,
    InvocationReported,
    InvocationStarted,
    RuntimeDone,
    Status,
)
from supervisor.lifecycle.model import Effects, Invoke, State, Timer
from supervisor.lifecycle.states import ExtensionState, Phase, RuntimeState

INVOKE = "INVOKE"
"""The event that an extension registers for to be told of invocations (AWS: Extensions API, "Register")."""


def deliver(state: State, now: float) -> Effects:
    """Hand the invocation to the runtime and to the extensions that registered for it, without waiting for anyone.

    All of them get it at the same time (AWS: Extensions API, "Invoke phase"); the runtime first, because
    the caller waits for it alone.
    """
    invoke, runtime = state.invoke, state.runtime
    assert invoke is not None
    state.phase = Phase.INVOKE
    invoke.delivered = now
    invoke.deadline = state.timers[Timer.INVOKE] = now + state.settings.timeout
    # What somebody had left to say when everything was stopped comes after the START.
    effects: Effects = [InvocationStarted(invoke.invocation, invoke.waited), *ready.end(state, now)]
    runtime.state = RuntimeState.RUNNING
    if runtime.waiting:
        runtime.waiting -= 1
        effects.append(SendInvocation(invoke.invocation, invoke.deadline))
    for extension in state.extensions.values():
        if INVOKE in extension.events:
            effects += extension.hand_over(SendInvoke(extension.extension_id, invoke.invocation, invoke.deadline))
    return effects


def next_step(state: State) -> Callable[[State, float], Effects] | None:
    """The joint rules: what is to be done because of what all peers have said together."""
    invoke, runtime = state.invoke, state.runtime
    assert invoke is not None
    if runtime.state is RuntimeState.RESPONSE_SENT and runtime.waiting:
        return _poll_already_waits
    if runtime.state is not RuntimeState.READY:
        return None
    if invoke.runtime_done is None:
        return _runtime_done
    # Asked after every poll of every extension, so not by `Extension.busy`, which is a call.
    for extension in state.extensions.values():
        if extension.state is not ExtensionState.READY or extension.pending is not None:
            return None
    return _succeed


def _poll_already_waits(state: State, now: float) -> Effects:
    """A second thread of the runtime asked for the next invocation before the first one had answered."""
    state.runtime.state = RuntimeState.READY
    return []


def _runtime_done(state: State, now: float) -> Effects:
    invoke = state.invoke
    assert invoke is not None
    invoke.runtime_done = now
    answer = [] if invoke.truncated is None else uploads.tell_truncation(state)
    return [*answer, end_runtime(invoke, now, SUCCEEDED)]


def end_runtime(invoke: Invoke, now: float, ending: Ending) -> RuntimeDone:
    """The runtime has said next, or is cut off, perhaps before it was given anything."""
    delivered = now if invoke.delivered is None else invoke.delivered
    moments = None
    if invoke.response_ended is not None:
        moments = (delivered, invoke.response_started, invoke.response_ended, now)
    return RuntimeDone(invoke.invocation, ending, now - delivered, invoke.produced_bytes, moments)


def _succeed(state: State, now: float) -> Effects:
    invoke = state.invoke
    assert invoke is not None
    del state.timers[Timer.INVOKE]
    state.invoke = None
    ready.begin(state, now)
    assert invoke.runtime_done is not None
    effects: Effects = []
    if now - invoke.runtime_done >= HELD_SECONDS:
        effects.append(InvocationHeld(invoke.last_extension, now - invoke.runtime_done, now - invoke.started))
    effects.append(_report(state, invoke, SUCCEEDED, now - invoke.started, now))
    if invoke.withheld is not None:
        effects.append(AnswerCaller(invoke.invocation, invoke.withheld))
    return effects


def _report(state: State, invoke: Invoke, ending: Ending, duration: float, ended: float) -> InvocationReported:
    overhead = None
    if invoke.runtime_done is not None:
        overhead = (invoke.runtime_done, max(invoke.runtime_done, ended))
    init_duration, state.init_duration = state.init_duration, None
    restore_duration, state.restore_duration = state.restore_duration, None
    return InvocationReported(invoke.invocation, ending, duration, init_duration, overhead, restore_duration)


def conclude(state: State, now: float) -> Effects:
    """Report an invocation that failed and answer its caller, now that everything is stopped."""
    invoke = state.invoke
    assert invoke is not None and invoke.failure is not None
    state.invoke = None
    failure = invoke.failure
    report = _report(state, invoke, failure.ending, invoke.duration, invoke.started + invoke.duration)
    if invoke.withheld is not None:
        return [report, AnswerCaller(invoke.invocation, invoke.withheld)]
    if invoke.answered:
        return [report]
    fault = Fault.SANDBOX_TIMEDOUT if failure.ending.status is Status.TIMEOUT else failure.ending.error_type
    error = invoke.init_error or uploads.platform_error(invoke, fault, failure.text)
    return [report, AnswerCaller(invoke.invocation, error)]
