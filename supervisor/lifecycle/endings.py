"""How an init or an invocation ends before its time: exits, time-outs, errors, and the wish to shut down.

Whatever the cause, everything is stopped together and, unless the environment ends, started together for the next
invocation (AWS: Extensions API, "Invoke phase"; RIE 1.170 `watchEvents`, `handleReset`).
"""

from collections.abc import Callable

from supervisor.errors import Fault
from supervisor.lifecycle import init, invoke, ready, restore, shutdown, uploads
from supervisor.lifecycle.diagnoses import ExitedEarly, TimeUp
from supervisor.lifecycle.effects import AnswerCaller, CutAnswer, KillExtension, RequestShutdown
from supervisor.lifecycle.exits import CLEAN_EXIT, ExitStatus
from supervisor.lifecycle.invocation import Unavailable
from supervisor.lifecycle.milestones import Ending, InitRuntimeDone, InvocationStarted, Status
from supervisor.lifecycle.model import Effects, Extension, Failure, State, Timer
from supervisor.lifecycle.states import ExtensionState, Phase, RuntimeState, ShutdownReason

SHUT_DOWN = "The execution environment was shut down"


def runtime_exited(state: State, now: float, status: ExitStatus) -> Effects:
    """The runtime is gone. Except in a shutdown that is a failure, whatever its exit code.

    Killed for want of memory has a name of its own (seen in published logs of Lambda); its text is that of any kill.
    """
    runtime = state.runtime
    runtime.alive = False
    runtime.waiting = 0
    fault = Fault.RUNTIME_OUT_OF_MEMORY if status.out_of_memory else Fault.RUNTIME_EXIT_ERROR
    return _fail(state, now, Failure.of(state.fault(fault), status.of_runtime()))


def runtime_launch_failed(state: State, now: float, fault: str, text: str) -> Effects:
    """There is no runtime at all."""
    state.runtime.alive = False
    return _fail(state, now, Failure.of(fault, text))


def extension_exited(state: State, now: float, name: str, status: ExitStatus) -> Effects:
    """An external extension is gone. Except in a shutdown that is a crash, whatever its exit code."""
    extension = state.extensions.get(name)
    if extension is None:
        return []
    extension.alive = False
    extension.waiting = False
    effects: Effects = []
    if state.stop is None and extension.state in (ExtensionState.STARTED, ExtensionState.REGISTERED):
        effects.append(ExitedEarly(name, extension.registered, status))
    if state.stop is not None:
        extension.state = ExtensionState.EXITED if status == CLEAN_EXIT else ExtensionState.SHUTDOWN_FAILED
    return effects + _fail(state, now, Failure.of(state.fault(Fault.EXTENSION_CRASH), status.of_extension()))


def extension_launch_failed(state: State, name: str, error_type: str, text: str) -> Effects:
    """An external extension could not be started; the joint rule below ends the init when all were tried."""
    extension = state.extensions.get(name)
    if extension is not None:
        extension.refuse_launch(error_type, text)
    return []


def next_step(state: State) -> Callable[[State, float], Effects] | None:
    """The joint rule of Init's failures: one extension without a process ends it."""
    return _launch_failed if any(map(_unlaunched, state.externals)) else None


def _unlaunched(extension: Extension) -> bool:
    return extension.state is ExtensionState.LAUNCH_ERROR


def _launch_failed(state: State, now: float) -> Effects:
    first = next(filter(_unlaunched, state.externals))
    return _fail(state, now, Failure.of(Fault.EXTENSION_LAUNCH_ERROR, first.launch_error))


def timer_due(state: State, now: float, timer: Timer | str) -> Effects:  # noqa: C901, PLR0911 -- one row a timer
    """The time of *timer* is up; a name is that of an extension whose error grace is over."""
    match timer:
        case Timer.INIT | Timer.RESTORE | Timer.INVOKE:
            return _time_out(state, now)
        case Timer.TRUNCATION:
            return uploads.tell_truncation(state)
        case Timer.FREEZE:
            return ready.freeze(state, now)
        case Timer.IDLE:
            return _spin_down(state, now)
        case Timer.RUNTIME_GRACE | Timer.RUNTIME_SHARE:
            return shutdown.kill_runtime(state)
        case Timer.SHUTDOWN:
            return shutdown.kill_all(state, now)
        case Timer.KERNEL:
            return shutdown.finish(state, now)
        case str(name):
            return _end_error_grace(state, name)


def _time_out(state: State, now: float) -> Effects:
    text = f"Task timed out after {state.settings.timeout:.2f} seconds"
    return [_time_up(state), *_fail(state, now, Failure(Ending(Status.TIMEOUT), text))]


def _spin_down(state: State, now: float) -> Effects:
    """Nobody has needed the environment for so long that it goes; who needs one again gets a fresh one, or none."""
    if state.settings.ends_when_idle:
        # Accepted invocations may wait for another attempt, which is not known here.
        return [RequestShutdown()]
    state.fresh = True
    return shutdown.begin(state, now, ShutdownReason.SPINDOWN, Phase.RESET)


def _time_up(state: State) -> TimeUp:
    """Who is still waited for. An init waits for the registrations first, and for the runtime only then."""
    extensions = state.extensions.values()
    unregistered = tuple(extension.name for extension in extensions if not extension.registered)
    silent = tuple(extension.name for extension in extensions if extension.registered and extension.busy)
    return TimeUp(unregistered, silent, state.runtime.launched and state.runtime.state is not RuntimeState.READY)


def _end_error_grace(state: State, name: str) -> Effects:
    """An extension that reported an error is still there; an internal one lives and dies with the runtime."""
    if state.extensions[name].external:
        return [KillExtension(name)]
    return shutdown.kill_runtime(state)


def request_shutdown(state: State, now: float, reason: ShutdownReason) -> Effects:
    """Somebody wants the end: stop now; a reset under way becomes the end; a shutdown under way hurries."""
    effects: Effects = [AnswerCaller(waiting.invocation, Unavailable(SHUT_DOWN)) for waiting in state.queue]
    state.queue.clear()
    if state.phase is Phase.SHUTDOWN:
        effects += shutdown.kill_all(state, now)
    elif state.phase is Phase.RESET:
        state.phase = Phase.SHUTDOWN
    elif state.phase is not Phase.ENDED:
        failure = Failure(Ending(Status.FAILURE, Fault.SANDBOX_FAILURE), SHUT_DOWN)
        if state.restore_started is not None:
            effects += restore.report(state, now, failure.ending)
        effects += _cut_invocation_off(state, now, failure)
        effects += shutdown.begin(state, now, reason, Phase.SHUTDOWN)
    return effects


def _fail(state: State, now: float, failure: Failure) -> Effects:
    """What fails depends on the phase; a failure while everything is being stopped is none."""
    if state.stop is not None or state.phase in (Phase.COLD, Phase.ENDED):
        return []
    timed_out = failure.ending.status is Status.TIMEOUT
    reason = ShutdownReason.TIMEOUT if timed_out and state.invoke is not None else ShutdownReason.FAILURE
    effects: Effects = []
    if state.init is not None:
        if not state.init.runtime_done:
            effects.append(InitRuntimeDone(state.init.phase, failure.ending))
        effects += init.report(state, now, failure.ending)
    if state.restore_started is not None:
        effects += restore.fail(state, now, failure)
    effects += _cut_invocation_off(state, now, failure)
    return effects + shutdown.begin(state, now, reason, Phase.RESET)


def _cut_invocation_off(state: State, now: float, failure: Failure) -> Effects:
    """The invocation under way, if there is one, has failed; it is reported and answered when everything is stopped.

    The report will say exactly the timeout, however late it was noticed (recorded on AWS).
    """
    current = state.invoke
    if current is None:
        return []
    current.failure = failure
    current.init_error = state.runtime.init_error
    current.duration = min(now, current.deadline) - current.started
    effects: Effects = []
    if current.is_read_along and not current.answered:
        effects.append(CutAnswer(current.invocation))
    if current.delivered is None:
        effects.append(InvocationStarted(current.invocation, current.waited))
    if current.runtime_done is None:
        effects.append(invoke.end_runtime(current, now, failure.ending))
    return effects
