"""`Lifecycle`: the one place where an event meets the state. It decides everything and does nothing.

A refused event raises `ProtocolError` and leaves the state as it was. What follows from several peers together is
found after every event by `_next_step`, until nothing follows any more.
"""

from collections.abc import Callable
from typing import assert_never

from supervisor.errors import TOO_MANY_REQUESTS, ProtocolError
from supervisor.lifecycle import endings, extensions, init, invoke, ready, restore, runtime, shutdown, uploads
from supervisor.lifecycle import events as e
from supervisor.lifecycle.effects import Effect
from supervisor.lifecycle.invocation import FunctionError, Invocation
from supervisor.lifecycle.milestones import InitPhase
from supervisor.lifecycle.model import Effects, Invoke, Settings, State, Waiting
from supervisor.lifecycle.states import Phase, RuntimeState


class Lifecycle:
    """The lifecycle of one execution environment.

    Attributes:
        deadline: The next moment at which `TimePassed` is due, None if there is none.
    """

    def __init__(self, settings: Settings) -> None:
        self._state = State(settings)
        self.deadline: float | None = None

    @property
    def phase(self) -> Phase:
        """Where the environment is."""
        return self._state.phase

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and nobody waits, so that an invocation would begin at once."""
        return self._state.phase in (Phase.READY, Phase.COLD) and not self._state.queue

    @property
    def queue_depth(self) -> int:
        """How many invocations wait in the line."""
        return len(self._state.queue)

    def extension_name(self, extension_id: str) -> str:
        """The name of the extension that has this identifier.

        Raises:
            ProtocolError: 403, nobody has it.
        """
        return extensions.identified(self._state, extension_id, f"Unknown extension {extension_id}").name

    def handle(self, event: e.Event, now: float) -> list[Effect]:
        """Apply *event*, which happened at *now* (seconds, any monotonic clock); return what to do, in order.

        Raises:
            ProtocolError: The event is refused and nothing has changed.
        """
        state = self._state
        effects = _react(state, event, now)
        while (step := invoke.next_step(state) if state.phase is Phase.INVOKE else _next_step(state)) is not None:
            effects += step(state, now)
        self.deadline = min(state.timers.values()) if state.timers else None
        return effects


def _next_step(state: State) -> Callable[[State, float], Effects] | None:
    phase = state.phase
    if phase is Phase.READY or phase is Phase.COLD:
        return _next_in_line(state) if state.queue else None
    match phase:
        case Phase.INVOKE:
            return invoke.next_step(state)
        case Phase.INIT:
            return endings.next_step(state) or init.next_step(state)
        case Phase.RESET | Phase.SHUTDOWN:
            return shutdown.next_step(state)
        case Phase.RESTORE:
            return restore.next_step(state)
        case Phase.ENDED:
            return None
        case _:
            assert_never(phase)


def _next_in_line(state: State) -> Callable[[State, float], Effects]:
    if state.phase is Phase.COLD:
        return _init if state.fresh else _next_invocation_with_init
    return restore.begin if state.runtime.state is RuntimeState.RESTORE_READY else _next_invocation


def _next_invocation(state: State, now: float) -> Effects:
    _leave_line(state, now)
    return invoke.deliver(state, now)


def _init(state: State, now: float) -> Effects:
    return init.begin(state, now, InitPhase.INIT)


def _next_invocation_with_init(state: State, now: float) -> Effects:
    """Nothing runs: init is part of the invocation (AWS: Lambda execution environment, "suppressed init")."""
    _leave_line(state, now)
    return init.begin(state, now, InitPhase.INVOKE)


def _leave_line(state: State, now: float) -> None:
    next_one = state.queue.popleft()
    state.invoke = Invoke(next_one.invocation, now, now + state.settings.timeout, waited=now - next_one.since)


def _react(state: State, event: e.Event, now: float) -> Effects:  # noqa: C901, PLR0911, PLR0912 -- one row an event
    match event:
        case e.RuntimePolled():
            return runtime.polled(state)
        case e.ExtensionPolled(extension_id):
            return extensions.polled(state, extension_id)
        case e.InvocationArrived(invocation):
            return _arrived(state, now, invocation)
        case e.ResponseStarted():
            return uploads.start_response(state, now, event)
        case e.ResponseReceived():
            return uploads.finish_response(state, now, event)
        case e.ErrorStarted():
            return uploads.start_error(state, now, event)
        case e.ErrorReceived(payload, content_type):
            return uploads.finish_upload(state, FunctionError(payload, content_type))
        case e.ResponseModeRefused(request_id, invocation_id):
            return uploads.refuse_mode(state, now, request_id, invocation_id)
        case e.UploadOversized():
            return uploads.refuse_size(state, now)
        case e.UploadTruncated():
            return uploads.truncate(state, now)
        case e.TimePassed():
            return _time_passed(state, now)
        case e.RuntimePollDropped():
            return runtime.poll_dropped(state)
        case e.ExtensionPollDropped(extension_id):
            return extensions.poll_dropped(state, extension_id)
        case e.ExtensionRegistered(extension_id, name, events):
            return extensions.register(state, extension_id, name, events)
        case e.ExtensionInitErrorReported(extension_id, error_type):
            return extensions.init_error(state, now, extension_id, error_type)
        case e.ExtensionExitErrorReported(extension_id, error_type):
            return extensions.exit_error(state, now, extension_id, error_type)
        case e.RuntimeInitErrorReported(payload, content_type, error_type):
            return runtime.init_error(state, now, FunctionError(payload, content_type), error_type)
        case e.RestorePolled():
            return runtime.restore_polled(state)
        case e.RestoreErrorReported(error_type):
            return runtime.restore_error(state, now, error_type)
        case e.RuntimeExited(status):
            return endings.runtime_exited(state, now, status)
        case e.RuntimeLaunchFailed(fault, message):
            return endings.runtime_launch_failed(state, now, fault, message)
        case e.ExtensionExited(name, status):
            return endings.extension_exited(state, now, name, status)
        case e.ExtensionLaunchFailed(name, error_type, message):
            return endings.extension_launch_failed(state, name, error_type, message)
        case e.ShutdownRequested(reason):
            return endings.request_shutdown(state, now, reason)
        case e.EnvironmentStarted():
            return _started(state, now)
        case _:
            assert_never(event)


def _started(state: State, now: float) -> Effects:
    if state.phase is not Phase.COLD:
        return []
    if state.settings.init_on_demand:
        ready.await_the_end(state, now)
        return []
    return _init(state, now)


def _arrived(state: State, now: float, invocation: Invocation) -> Effects:
    """A caller's invocation waits in line.

    Raises:
        ProtocolError: 429, the line is full; 500, the environment is ending.
    """
    if state.phase in (Phase.SHUTDOWN, Phase.ENDED):
        raise ProtocolError(500, "ServiceException", endings.SHUT_DOWN)
    busy = state.phase not in (Phase.READY, Phase.COLD)
    if busy and len(state.queue) >= state.settings.queue_size:
        raise ProtocolError(TOO_MANY_REQUESTS, "TooManyRequestsException", "Rate Exceeded.")
    state.queue.append(Waiting(invocation, now))
    return []


def _time_passed(state: State, now: float) -> Effects:
    """Handle what is due, one timer after another: each may end the phase of the next."""
    effects: Effects = []
    while due := [timer for timer, at in state.timers.items() if at <= now]:
        timer = min(due, key=state.timers.__getitem__)
        del state.timers[timer]
        effects += endings.timer_due(state, now, timer)
    return effects
