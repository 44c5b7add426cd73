"""The Init phase: extension init, runtime init, function init. What happens when one of them fails is in `endings`.

    launch every extension ──all registered──▶ launch the runtime ──it says next──▶ registration closes
    ──every extension has said next──▶ Init is over

(AWS: Lambda execution environment, "Init phase"; RIE 1.170 `doInitExtensions`, `doRuntimeDomainInit`.)
"""

from collections.abc import Callable

from supervisor.lifecycle import invoke, ready, restore
from supervisor.lifecycle.effects import LaunchExtension, LaunchRuntime
from supervisor.lifecycle.limits import MAX_EXTENSIONS
from supervisor.lifecycle.milestones import (
    SUCCEEDED,
    Ending,
    ExtensionReported,
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
)
from supervisor.lifecycle.model import Effects, Extension, Init, State, Timer
from supervisor.lifecycle.states import ExtensionState, Phase, RuntimeState

_RUNTIME_DONE = (RuntimeState.READY, RuntimeState.RESTORE_READY)
_GATE_OPENERS = (ExtensionState.REGISTERED, ExtensionState.READY)


def begin(state: State, now: float, phase: InitPhase) -> Effects:
    """Start an init: on its own under the init limit, inside an invocation under the function's timeout."""
    settings = state.settings
    state.phase = Phase.INIT
    state.fresh = False
    state.init = Init(phase, now)
    state.extensions = {name: Extension(name, external=True) for name in settings.extensions}
    state.timers.pop(Timer.IDLE, None)
    limit = settings.init_limit if phase is InitPhase.INIT else settings.timeout
    state.timers[Timer.INIT] = now + limit
    launched = state.externals[:MAX_EXTENSIONS]
    for extension in launched:
        extension.alive = True
    for extension in state.externals[MAX_EXTENSIONS:]:
        extension.refuse_launch("TooManyExtensions", f"Extension limit ({MAX_EXTENSIONS}) reached")
    return [InitStarted(phase), *(LaunchExtension(extension.name) for extension in launched)]


def next_step(state: State) -> Callable[[State, float], Effects] | None:
    """The joint rules: what is to be done because of what all peers have said together."""
    runtime, init = state.runtime, state.init
    assert init is not None
    if not runtime.launched:
        if all(extension.state in _GATE_OPENERS for extension in state.externals):
            return _launch_runtime
    elif not init.runtime_done:
        if runtime.state is RuntimeState.RESTORE_READY and init.phase is InitPhase.INVOKE:
            # Its invocation has begun; there is no freeze between the two that could be a snapshot.
            return restore.tell
        if runtime.state in _RUNTIME_DONE:
            return _runtime_done
    elif all(extension.state is ExtensionState.READY for extension in state.extensions.values()):
        return _succeed
    return None


def _launch_runtime(state: State, now: float) -> Effects:
    state.runtime.launched = state.runtime.alive = True
    return [LaunchRuntime()]


def _runtime_done(state: State, now: float) -> Effects:
    assert state.init is not None
    state.init.runtime_done = True
    return [InitRuntimeDone(state.init.phase, SUCCEEDED)]


def _succeed(state: State, now: float) -> Effects:
    init = state.init
    assert init is not None
    effects = report(state, now, SUCCEEDED)
    del state.timers[Timer.INIT]
    state.init = None
    if init.phase is InitPhase.INVOKE:
        return effects + invoke.deliver(state, now)
    # After a restore the report has the time of that instead (AWS: Monitoring for SnapStart).
    if state.runtime.state is RuntimeState.READY:
        state.init_duration = now - init.started
    ready.begin(state, now)
    return effects


def report(state: State, now: float, ending: Ending) -> Effects:
    """Say what became of every extension and of the init (in this order: recorded on AWS)."""
    init = state.init
    assert init is not None
    return [
        *(ExtensionReported(one.name, one.state, one.events, one.error_type) for one in state.extensions.values()),
        InitReported(init.phase, ending, now - init.started),
    ]
