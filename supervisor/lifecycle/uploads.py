"""The runtime's answer to an invocation: how it begins, how it ends, and what its caller is told.

Whether its bytes go to the caller as they come is decided here; the bytes themselves do not pass through. When the
phase ends is the business of `invoke`.
"""

import json

from supervisor.errors import Fault, ProtocolError
from supervisor.lifecycle.effects import AnswerCaller, StartAnswer
from supervisor.lifecycle.events import ErrorStarted, ResponseReceived, ResponseStarted
from supervisor.lifecycle.invocation import FunctionError, FunctionResponse, Outcome, PlatformError
from supervisor.lifecycle.limits import PAYLOAD_BYTES, STREAM_BYTES, TRUNCATION_SECONDS
from supervisor.lifecycle.model import Effects, Invoke, State, Timer
from supervisor.lifecycle.states import Phase, RuntimeCall, RuntimeState, runtime_after

TOO_LARGE = "Response payload size exceeded maximum allowed payload size ({} bytes)."

_UPLOADING = (RuntimeState.INVOCATION_RESPONSE, RuntimeState.INVOCATION_ERROR_RESPONSE)


def start_response(state: State, now: float, started: ResponseStarted) -> Effects:
    """The runtime begins to respond: its caller reads along if both want that (AWS: Response streaming).

    Raises:
        ProtocolError: As in `_begin`.
    """
    invoke = _begin(state, now, RuntimeCall.RESPONSE, started.request_id, started.invocation_id)
    invoke.streaming = started.streaming
    if started.streaming and invoke.is_read_along:
        return [StartAnswer(invoke.invocation, started.content_type)]
    return []


def start_error(state: State, now: float, started: ErrorStarted) -> Effects:
    """The runtime begins to report that the function failed.

    Raises:
        ProtocolError: As in `_begin`.
    """
    _begin(state, now, RuntimeCall.ERROR, started.request_id, started.invocation_id)
    return []


def _begin(state: State, now: float, call: RuntimeCall, request_id: str, invocation_id: str) -> Invoke:
    """The runtime begins to answer.

    Raises:
        ProtocolError: 410, it answers for an earlier attempt; 400, for no invocation that runs; 403, not now.
    """
    invoke = check_answerable(state, request_id, invocation_id)
    state.runtime.state = runtime_after(state.runtime.state, call)
    invoke.response_started = now
    return invoke


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


def finish_upload(state: State, outcome: Outcome) -> Effects:
    """The runtime's answer, which is no response, is complete, or will never be: the caller gets *outcome*.

    Raises:
        ProtocolError: No answer is being uploaded, for example because a reset came between.
    """
    invoke = _uploading(state)
    state.runtime.state = RuntimeState.RESPONSE_SENT
    return _answer(invoke, outcome)


def finish_response(state: State, now: float, received: ResponseReceived) -> Effects:
    """The runtime's response is complete.

    Raises:
        ProtocolError: As in `_begin` when it starts with the same event, else as in `finish_upload`.
    """
    effects = [] if received.started is None else start_response(state, now, received.started)
    invoke = _uploading(state)
    state.runtime.state = RuntimeState.RESPONSE_SENT
    invoke.response_ended = now
    invoke.produced_bytes = received.streamed_bytes + len(received.payload)
    response = FunctionResponse(received.payload, received.content_type, received.stream_error)
    return effects + _answer(invoke, response)


def truncate(state: State, now: float) -> Effects:
    """The runtime's answer broke off. If that is because the runtime exits, its caller is to learn of the exit.

    A process closes its connections first and is known to have exited a moment later.

    Raises:
        ProtocolError: As in `finish_upload`.
    """
    invoke = _uploading(state)
    state.runtime.state = RuntimeState.RESPONSE_SENT
    fault = Fault.RUNTIME_TRUNCATED_RESPONSE
    invoke.truncated = platform_error(invoke, fault, "HTTP request detected as truncated")
    state.timers[Timer.TRUNCATION] = now + TRUNCATION_SECONDS
    return []


def tell_truncation(state: State) -> Effects:
    """The runtime lives on after its answer broke off."""
    invoke = state.invoke
    assert invoke is not None and invoke.truncated is not None
    state.timers.pop(Timer.TRUNCATION, None)
    error, invoke.truncated = invoke.truncated, None
    return _answer(invoke, error)


def refuse_size(state: State, now: float) -> Effects:
    """The runtime's answer is larger than any answer may be; the text has no request id in front (recorded on AWS).

    Raises:
        ProtocolError: As in `finish_upload`.
    """
    return finish_upload(state, _too_large(_uploading(state)))


def _too_large(invoke: Invoke) -> Outcome:
    """What the caller reads; of a streamed response that was collected for it, the form was recorded on AWS."""
    fault = Fault.FUNCTION_RESPONSE_SIZE_TOO_LARGE
    if invoke.is_read_along:
        return PlatformError(fault, TOO_LARGE.format(STREAM_BYTES))
    text = TOO_LARGE.format(PAYLOAD_BYTES)
    if invoke.streaming:
        return FunctionError(json.dumps({"errorMessage": text, "errorType": fault}, indent=2).encode())
    return PlatformError(fault, text)


def refuse_mode(state: State, now: float, request_id: str, invocation_id: str) -> Effects:
    """The runtime answers in a mode that does not exist. Unlike RIE, which is stuck then, it may go on.

    Raises:
        ProtocolError: As in `_begin`.
    """
    invoke = _begin(state, now, RuntimeCall.RESPONSE, request_id, invocation_id)
    fault = Fault.RUNTIME_INVALID_RESPONSE_MODE_HEADER
    return finish_upload(state, platform_error(invoke, fault, "Invalid function response mode"))


def _uploading(state: State) -> Invoke:
    """The invocation whose answer is being uploaded.

    Raises:
        ProtocolError: There is none, for example because a reset came between.
    """
    invoke = state.invoke if state.phase is Phase.INVOKE else None
    if invoke is None or state.runtime.state not in _UPLOADING:
        raise _no_such_invocation()
    return invoke


def _answer(invoke: Invoke, outcome: Outcome) -> Effects:
    invoke.answered = True
    if invoke.invocation.wants_log_tail:
        # The tail ends with the report (recorded on AWS: this answer comes with the end of the phase).
        invoke.withheld = outcome
        return []
    return [AnswerCaller(invoke.invocation, outcome)]


def _no_such_invocation() -> ProtocolError:
    return ProtocolError(400, "InvalidRequestID", "Invalid request ID")


def platform_error(invoke: Invoke, fault: str, text: str) -> PlatformError:
    """A failure that names the request."""
    return PlatformError(fault, f"RequestId: {invoke.invocation.request_id} Error: {text}")
