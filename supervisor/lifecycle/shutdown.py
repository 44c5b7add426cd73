"""The Shutdown phase, and the reset, which is the same with a new init to follow.

1. No extension is registered: everything is killed at once.
2. Otherwise the runtime gets SIGTERM and its share of the time, then SIGKILL.
3. Only then the SHUTDOWN event goes to the external extensions that registered for it; the others are killed.
4. Those still there at the deadline are killed; the kernel gets a little time to report the exits.

(AWS: Lambda execution environment and Extensions API, "Shutdown phase"; order: RIE 1.170 `rapid/shutdown.go`.)
"""

from collections.abc import Callable

from supervisor.lifecycle import invoke, ready
from supervisor.lifecycle.effects import (
    ClearEnvironment,
    DismissExtension,
    EndEnvironment,
    KillExtension,
    KillRuntime,
    SendShutdown,
    TerminateRuntime,
)
from supervisor.lifecycle.limits import (
    KERNEL_SECONDS,
    RUNTIME_SHARE_INTERNAL_SECONDS,
    RUNTIME_SHARE_SECONDS,
    SHUTDOWN_EXTERNAL_SECONDS,
    SHUTDOWN_INTERNAL_SECONDS,
)
from supervisor.lifecycle.milestones import ShutdownEnded, ShutdownStarted
from supervisor.lifecycle.model import Effects, State, Stop, StopStage, Timer
from supervisor.lifecycle.states import Phase, ShutdownReason

SHUTDOWN = "SHUTDOWN"
"""The event that an extension registers for to be told of the end (AWS: Extensions API, "Register")."""

TIERS = {
    # (an external one is registered, an internal one is registered): (all of the time, the runtime's share of it)
    (False, False): (0.0, 0.0),
    (False, True): (SHUTDOWN_INTERNAL_SECONDS, SHUTDOWN_INTERNAL_SECONDS),
    (True, False): (SHUTDOWN_EXTERNAL_SECONDS, RUNTIME_SHARE_SECONDS),
    (True, True): (SHUTDOWN_EXTERNAL_SECONDS, RUNTIME_SHARE_INTERNAL_SECONDS),
}


def begin(state: State, now: float, reason: ShutdownReason, phase: Phase) -> Effects:
    """Stop every process: for good when *phase* is Shutdown, for a new init when it is Reset."""
    registered = [extension for extension in state.extensions.values() if extension.registered]
    total, share = TIERS[
        any(extension.external for extension in registered),
        any(not extension.external for extension in registered),
    ]
    effects = ready.end(state, now)
    state.phase = phase
    state.stop = Stop(reason, now, now + total)
    state.timers = {Timer.SHUTDOWN: now + total}
    if share < total:
        state.timers[Timer.RUNTIME_SHARE] = now + share
    effects.append(ShutdownStarted(reason))
    if not registered:
        effects += kill_all(state, now)
    elif state.runtime.alive:
        effects.append(TerminateRuntime())
    return effects


def next_step(state: State) -> Callable[[State, float], Effects] | None:
    """The joint rules: what is to be done because of who is gone."""
    stop = state.stop
    assert stop is not None
    if state.runtime.alive:
        return None
    if stop.stage is StopStage.RUNTIME:
        return _tell_extensions
    if not any(extension.alive for extension in state.externals):
        return finish
    return None


def _tell_extensions(state: State, now: float) -> Effects:
    stop = state.stop
    assert stop is not None
    stop.stage = StopStage.EXTENSIONS
    effects: Effects = []
    for extension in state.externals:
        if SHUTDOWN in extension.events and extension.alive:
            effects += extension.hand_over(SendShutdown(extension.extension_id, stop.reason, stop.deadline))
        elif extension.alive:
            effects.append(DismissExtension(extension.name))
    return effects


def kill_runtime(state: State) -> Effects:
    """The runtime has had its time."""
    return [KillRuntime()] if state.runtime.alive else []


def kill_all(state: State, now: float) -> Effects:
    """The time is over, or somebody is in a hurry: kill whoever is left, once."""
    stop = state.stop
    assert stop is not None
    if stop.stage is StopStage.KERNEL:
        return []
    stop.stage = StopStage.KERNEL
    state.timers = {Timer.KERNEL: now + KERNEL_SECONDS}
    living = [extension for extension in state.externals if extension.alive]
    stop.killed += [extension.name for extension in living if extension.registered]
    return [*kill_runtime(state), *(KillExtension(extension.name) for extension in living)]


def finish(state: State, now: float) -> Effects:
    """Nobody is left, or the kernel never told us: report, and be cold again or ended."""
    stop = state.stop
    assert stop is not None
    state.stop = None
    ended = state.phase is Phase.SHUTDOWN
    state.clear_peers()
    state.phase = Phase.ENDED if ended else Phase.COLD
    effects: Effects = [ClearEnvironment(), ShutdownEnded(stop.reason, now - stop.started, tuple(stop.killed))]
    if state.invoke is not None:
        effects += invoke.conclude(state, now)
    state.init_duration = state.restore_duration = None
    if ended:
        effects.append(EndEnvironment())
    else:
        ready.await_the_end(state, now)
    return effects
