"""What is counted of each phase: inits, invocations, and the stops that end in a reset or in the end.

Each class says which events, effects and milestones it counts. Times are in seconds, on the lifecycle's clock.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from supervisor.errors import Fault
from supervisor.lifecycle.effects import (
    AnswerCaller,
    FreezeEnvironment,
    KillRuntime,
    LaunchRuntime,
    ThawEnvironment,
)
from supervisor.lifecycle.events import RuntimeExited
from supervisor.lifecycle.invocation import FunctionError, FunctionResponse, PlatformError, Unavailable
from supervisor.lifecycle.milestones import (
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
    Status,
)
from supervisor.lifecycle.states import ShutdownReason
from supervisor.telemetry.distributions import Histogram, Total
from supervisor.telemetry.exits_count import ExitsCount
from supervisor.telemetry.log_lines import billed_ms

Counts = Mapping[type, Callable[[Any, float], None]]
"""By the type of what happened: who counts it, with the moment at which it did."""

PLATFORM_ERROR: Final = "platform_error"
TIMED_OUT: Final = "timeout"
OUTCOMES: Final = {
    FunctionResponse: "success",
    FunctionError: "function_error",
    Unavailable: "unavailable",
}

OTHER_FAULT: Final = "other"
"""A runtime may name its own faults as it likes; of names there must be a known number."""

EXTENSION_INIT: Final = "extension_init"
RUNTIME_INIT: Final = "runtime_init"
EXTENSIONS_READY: Final = "extensions_ready"
INIT_PARTS: Final = (EXTENSION_INIT, RUNTIME_INIT, EXTENSIONS_READY)
"""Until the runtime is launched; until it says next, runtime and function init in one; until every extension has."""


class FaultCounts:
    """Failures by the name of the fault; every name that is not the platform's own is counted as one."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys((*Fault, OTHER_FAULT), 0)

    def add(self, fault: str) -> None:
        """Count one more."""
        self.counts[fault if fault in self.counts else OTHER_FAULT] += 1


class InitMeasures:
    """Inits.

    Attributes:
        durations: By where the init ran and by how it ended.
        parts: How long each part took, of those that came to their end.
        faults: Why inits failed.
        timeouts: By where the init ran.
        last: How the last init ended; None before that.
    """

    def __init__(self) -> None:
        self.durations = {phase: {status: Total() for status in Status} for phase in InitPhase}
        self.parts = {part: Histogram() for part in INIT_PARTS}
        self.faults = FaultCounts()
        self.last: Status | None = None
        self._part_began = 0.0
        self.counted: Counts = {
            InitStarted: lambda _, now: self._begin_part(now),
            LaunchRuntime: lambda _, now: self._end_part(EXTENSION_INIT, now),
            InitRuntimeDone: self._runtime_done,
            InitReported: self._reported,
        }

    def _begin_part(self, now: float) -> None:
        self._part_began = now

    def _end_part(self, part: str, now: float) -> None:
        self.parts[part].add(now - self._part_began)
        self._part_began = now

    def _runtime_done(self, done: InitRuntimeDone, now: float) -> None:
        if done.ending.status is Status.SUCCESS:
            self._end_part(RUNTIME_INIT, now)

    def _reported(self, report: InitReported, now: float) -> None:
        status = self.last = report.ending.status
        self.durations[report.phase][status].add(report.duration)
        if status is Status.SUCCESS:
            self._end_part(EXTENSIONS_READY, now)
        elif report.ending.error_type:
            self.faults.add(report.ending.error_type)


class InvocationMeasures:
    """Invocations.

    Attributes:
        outcomes: What the callers were told.
        faults: Why invocations failed.
        durations: As REPORT says.
        billed_ms: In all.
        response_latencies: From the delivery to the first byte of the response.
        response_bytes: Of all responses.
        extension_overheads: From the end of the runtime's part to the end of the invocation.
        waits: In the line.
        timeouts: How many took too long.
    """

    def __init__(self) -> None:
        self.outcomes = dict.fromkeys((*OUTCOMES.values(), PLATFORM_ERROR, TIMED_OUT), 0)
        self.faults = FaultCounts()
        self.durations = Histogram()
        self.billed_ms = 0
        self.response_latencies = Histogram()
        self.response_bytes = 0
        self.extension_overheads = Histogram()
        self.waits = Histogram()
        self.timeouts = 0
        self.counted: Counts = {
            InvocationStarted: lambda started, _: self.waits.add(started.waited),
            RuntimeDone: self._runtime_done,
            AnswerCaller: self._answered,
            InvocationReported: self._reported,
        }

    def _runtime_done(self, done: RuntimeDone, _now: float) -> None:
        if done.moments is not None:
            delivered, response_began, _, _ = done.moments
            self.response_latencies.add(response_began - delivered)
            self.response_bytes += done.produced_bytes

    def _answered(self, answer: AnswerCaller, _now: float) -> None:
        outcome = answer.outcome
        if not isinstance(outcome, PlatformError):
            failed_late = isinstance(outcome, FunctionResponse) and outcome.stream_error
            self.outcomes[OUTCOMES[FunctionError if failed_late else type(outcome)]] += 1
            return
        self.outcomes[TIMED_OUT if outcome.error_type == Fault.SANDBOX_TIMEDOUT else PLATFORM_ERROR] += 1
        self.faults.add(outcome.error_type)

    def _reported(self, report: InvocationReported, _now: float) -> None:
        self.durations.add(report.duration)
        self.billed_ms += billed_ms(report.duration, report.init_duration)
        if report.overhead is not None:
            since, until = report.overhead
            self.extension_overheads.add(until - since)
        if report.ending.status is Status.TIMEOUT:
            self.timeouts += 1


class FreezeMeasures:
    """Freezes, from one to the next thaw.

    Attributes:
        count: How many began.
        seconds: How long those lasted in all that are over.
    """

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._since = 0.0
        self.counted: Counts = {FreezeEnvironment: self._begin, ThawEnvironment: self._end}

    def _begin(self, _: FreezeEnvironment, now: float) -> None:
        self.count += 1
        self._since = now

    def _end(self, _: ThawEnvironment, now: float) -> None:
        self.seconds += now - self._since


class StopMeasures:
    """Shutdowns and resets, and the end of the runtime.

    Attributes:
        durations: By reason.
        resets: By reason; a shutdown that nothing but the wish for it has caused is none.
        runtime_kills: SIGKILLs to the runtime.
        runtime_exits: How it ended.
    """

    def __init__(self) -> None:
        self.durations = {reason: Histogram() for reason in ShutdownReason}
        self.resets = dict.fromkeys((ShutdownReason.TIMEOUT, ShutdownReason.FAILURE), 0)
        self.runtime_kills = 0
        self.runtime_exits = ExitsCount()
        self.counted: Counts = {
            ShutdownStarted: self._started,
            ShutdownEnded: lambda ended, _: self.durations[ended.reason].add(ended.duration),
            KillRuntime: lambda _, __: self._runtime_killed(),
            RuntimeExited: lambda exited, _: self.runtime_exits.add(exited.status),
        }

    def _started(self, stop: ShutdownStarted, _now: float) -> None:
        if stop.reason in self.resets:
            self.resets[stop.reason] += 1

    def _runtime_killed(self) -> None:
        self.runtime_kills += 1
