"""The Ready phase: nobody has anything to do, so everything is frozen until the next invocation or the end.

"Lambda freezes the execution environment when the runtime and each extension have completed and there are no pending
events." (AWS: Lambda execution environment, "Lambda execution environment lifecycle")
"""

from supervisor.lifecycle.effects import FreezeEnvironment, ThawEnvironment
from supervisor.lifecycle.limits import FREEZE_AFTER_SECONDS
from supervisor.lifecycle.model import Effects, State, Timer
from supervisor.lifecycle.states import Phase


def begin(state: State, now: float) -> None:
    """Everyone has said next. When an invocation waits, this phase is over before anything comes of it."""
    state.phase = Phase.READY
    settings = state.settings
    if settings.freeze:
        state.timers[Timer.FREEZE] = now + FREEZE_AFTER_SECONDS
    if settings.idle_timeout is not None:
        state.timers[Timer.IDLE] = now + settings.idle_timeout


def await_the_end(state: State, now: float) -> None:
    """Nothing runs, and who invokes begins an init; where the idle timeout is the end, that comes here too."""
    if state.settings.ends_when_idle and state.settings.idle_timeout is not None:
        state.timers[Timer.IDLE] = now + state.settings.idle_timeout


def freeze(state: State, now: float) -> Effects:
    """Stop every process, and with them the times that extensions have for something."""
    state.frozen = True
    for timer in list(state.timers):
        if isinstance(timer, str):
            state.held[timer] = state.timers.pop(timer) - now
    return [FreezeEnvironment()]


def end(state: State, now: float) -> Effects:
    """There is something to do: let every process run, if it does not."""
    state.timers.pop(Timer.FREEZE, None)
    state.timers.pop(Timer.IDLE, None)
    if not state.frozen:
        return []
    state.frozen = False
    state.timers.update({name: now + seconds for name, seconds in state.held.items()})
    state.held.clear()
    return [ThawEnvironment()]
