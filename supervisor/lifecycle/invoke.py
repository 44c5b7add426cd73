"""The Invoke phase: one invocation from its delivery until the runtime and every extension have said next.

The caller has its answer as soon as the runtime posted it; the next invocation waits for the end of the phase
(AWS: Extensions API, "Invoke phase"; recorded on AWS). A failure ends in a reset, and the caller that has no answer
yet gets one when the reset is over.
"""

from collections.abc import Callable

from supervisor.errors import Fault, ProtocolError
from supervisor.lifecycle.effects import AnswerCaller, SendInvocation, SendInvoke
from supervisor.lifecycle.invocation import Outcome, PlatformError
from supervisor.lifecycle.limits import PAYLOAD_BYTES
from supervisor.lifecycle.milestones import Ending, InvocationReported, InvocationStarted, RuntimeDone, Span, Status
from supervisor.lifecycle.model import Effects, Invoke, State, Timer
from supervisor.lifecycle.states import Phase, RuntimeCall, RuntimeState, runtime_after

INVOKE = "INVOKE"
"""The event that an extension registers for to be told of invocations (AWS: Extensions API, "Register")."""

TOO_LARGE = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES} bytes)."

_UPLOADING = (RuntimeState.INVOCATION_RESPONSE, RuntimeState.INVOCATION_ERROR_RESPONSE)


def deliver(state: State, now: float) -> Effects:
    """Hand the invocation to the extensions that registered for it and to the runtime, without waiting for anyone."""
    invoke, runtime = state.invoke, state.runtime
    assert invoke is not None
    state.phase = Phase.INVOKE
    invoke.delivered = now
    invoke.deadline = state.timers[Timer.INVOKE] = now + state.settings.timeout
    yield InvocationStarted(invoke.invocation)
    for extension in state.extensions.values():
        if INVOKE in extension.events:
            yield from extension.hand_over(SendInvoke(extension.extension_id, invoke.invocation, invoke.deadline))
    runtime.state = RuntimeState.RUNNING
    if runtime.waiting:
        runtime.waiting -= 1
        yield SendInvocation(invoke.invocation, invoke.deadline)


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
    if not any(extension.busy for extension in state.extensions.values()):
        return _succeed
    return None


def _poll_already_waits(state: State, now: float) -> Effects:
    """A second thread of the runtime asked for the next invocation before the first one had answered."""
    state.runtime.state = RuntimeState.READY
    yield from ()


def _runtime_done(state: State, now: float) -> Effects:
    invoke = state.invoke
    assert invoke is not None
    invoke.runtime_done = now
    yield end_runtime(invoke, now, Ending())


def end_runtime(invoke: Invoke, now: float, ending: Ending) -> RuntimeDone:
    """The runtime has said next, or is cut off, perhaps before it was given anything."""
    delivered = now if invoke.delivered is None else invoke.delivered
    return RuntimeDone(invoke.invocation, ending, now - delivered, invoke.produced_bytes, _runtime_spans(invoke, now))


def _runtime_spans(invoke: Invoke, now: float) -> tuple[Span, ...]:
    """The runtime's time, divided; nothing when it never responded (AWS: Telemetry API, `platform.runtimeDone`)."""
    if invoke.response_ended is None or invoke.delivered is None:
        return ()
    return (
        Span("responseLatency", invoke.delivered, invoke.response_started - invoke.delivered),
        Span("responseDuration", invoke.response_started, invoke.response_ended - invoke.response_started),
        Span("runtimeOverhead", invoke.response_ended, now - invoke.response_ended),
    )


def _succeed(state: State, now: float) -> Effects:
    invoke = state.invoke
    assert invoke is not None
    del state.timers[Timer.INVOKE]
    state.invoke = None
    state.phase = Phase.READY
    yield _report(state, invoke, Ending(), now - invoke.started, now)
    if invoke.withheld is not None:
        yield AnswerCaller(invoke.invocation, invoke.withheld)


def _report(state: State, invoke: Invoke, ending: Ending, duration: float, ended: float) -> InvocationReported:
    spans: tuple[Span, ...] = ()
    if invoke.runtime_done is not None:
        spans = (Span("extensionOverhead", invoke.runtime_done, max(0.0, ended - invoke.runtime_done)),)
    init_duration, state.init_duration = state.init_duration, None
    return InvocationReported(invoke.invocation, ending, duration, init_duration, spans)


def start_upload(state: State, now: float, call: RuntimeCall, request_id: str, invocation_id: str) -> Effects:
    """The runtime begins to answer.

    Raises:
        ProtocolError: 410, it answers for an earlier attempt; 400, for no invocation that runs; 403, not now.
    """
    invoke = check_answerable(state, request_id, invocation_id)
    state.runtime.state = runtime_after(state.runtime.state, call)
    invoke.response_started = now
    yield from ()


def check_answerable(state: State, request_id: str, invocation_id: str) -> Invoke:
    """The invocation under way, if it is the one that *request_id* and *invocation_id* (empty: not given) name.

    Raises:
        ProtocolError: It is not (texts: RIE 1.170 `AwsRequestIDValidator`; 410: the runtime clients of 2026).
    """
    invoke = state.invoke if state.phase is Phase.INVOKE else None
    if invoke is not None and invocation_id and invocation_id != invoke.invocation.invocation_id:
        raise ProtocolError(410, "InvokeTimeout", "Invoke timeout")
    if invoke is None or invoke.invocation.request_id != request_id:
        raise _no_such_invocation()
    return invoke


def finish_upload(state: State, now: float, outcome: Outcome, *, produced_bytes: int | None = None) -> Effects:
    """The runtime's answer is complete, or will never be: the caller gets *outcome*.

    *produced_bytes* is the size of a response, None for everything that is none.

    Raises:
        ProtocolError: No answer is being uploaded, for example because a reset came between.
    """
    invoke = state.invoke if state.phase is Phase.INVOKE else None
    if invoke is None or state.runtime.state not in _UPLOADING:
        raise _no_such_invocation()
    state.runtime.state = RuntimeState.RESPONSE_SENT
    if produced_bytes is not None:
        invoke.response_ended = now
        invoke.produced_bytes = produced_bytes
    invoke.answered = True
    if invoke.invocation.wants_log_tail:
        # The tail ends with the report (recorded on AWS: this answer comes with the end of the phase).
        invoke.withheld = outcome
    else:
        yield AnswerCaller(invoke.invocation, outcome)


def fail_upload(state: State, now: float, fault: Fault, text: str) -> Effects:
    """The runtime's answer cannot be used; the environment lives on."""
    if state.invoke is None:
        raise _no_such_invocation()
    yield from finish_upload(state, now, _platform_error(state.invoke, fault, text))


def refuse_size(state: State, now: float) -> Effects:
    """The runtime's answer is larger than any answer may be; the text has no request id in front (recorded on AWS)."""
    error = PlatformError(Fault.FUNCTION_RESPONSE_SIZE_TOO_LARGE, TOO_LARGE)
    yield from finish_upload(state, now, error)


def refuse_mode(state: State, now: float, request_id: str, invocation_id: str) -> Effects:
    """The runtime answers in a mode that does not exist. Unlike RIE, which is stuck then, it may go on.

    Raises:
        ProtocolError: As in `start_upload`.
    """
    yield from start_upload(state, now, RuntimeCall.RESPONSE, request_id, invocation_id)
    fault = Fault.RUNTIME_INVALID_RESPONSE_MODE_HEADER
    yield from fail_upload(state, now, fault, "Invalid function response mode")


def conclude(state: State, now: float) -> Effects:
    """Report an invocation that failed and answer its caller, now that everything is stopped."""
    invoke = state.invoke
    assert invoke is not None and invoke.failure is not None
    state.invoke = None
    failure = invoke.failure
    yield _report(state, invoke, failure.ending, invoke.duration, invoke.started + invoke.duration)
    if invoke.withheld is not None:
        yield AnswerCaller(invoke.invocation, invoke.withheld)
    elif not invoke.answered:
        fault = Fault.SANDBOX_TIMEDOUT if failure.ending.status is Status.TIMEOUT else failure.ending.error_type
        yield AnswerCaller(invoke.invocation, invoke.init_error or _platform_error(invoke, fault, failure.text))


def _no_such_invocation() -> ProtocolError:
    return ProtocolError(400, "InvalidRequestID", "Invalid request ID")


def _platform_error(invoke: Invoke, fault: str, text: str) -> PlatformError:
    return PlatformError(fault, f"RequestId: {invoke.invocation.request_id} Error: {text}")
