"""Facts about an environment's life that are worth reporting: log lines, telemetry and metrics are made of them.

Moments are on the lifecycle's clock, durations in seconds. Nothing here knows a wire name of a record.
"""

from enum import StrEnum
from typing import Final

from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.states import ShutdownReason
from supervisor.values import frozen


class InitPhase(StrEnum):
    """Where an init ran: on its own, or inside an invocation after a reset or a failed init."""

    INIT = "init"
    INVOKE = "invoke"


class Status(StrEnum):
    """How a phase ended (AWS: Telemetry API schema reference, "Status")."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"


@frozen()
class Ending:
    """How a phase ended; *error_type* is empty unless the status is an error or a failure."""

    status: Status = Status.SUCCESS
    error_type: str = ""


SUCCEEDED: Final = Ending()
"""How a phase ends mostly."""


@frozen()
class Span:
    """A named part of a phase (AWS: Telemetry API schema reference, "Span")."""

    name: str
    start: float
    duration: float


@frozen()
class InitStarted:
    """An init began."""

    phase: InitPhase


@frozen()
class InitRuntimeDone:
    """The runtime's part of an init is over."""

    phase: InitPhase
    ending: Ending


@frozen()
class ExtensionReported:
    """What became of one extension in an init that is over."""

    name: str
    state: str
    events: tuple[str, ...]
    error_type: str = ""


@frozen()
class InitReported:
    """An init is over, for the runtime and for every extension. The window for subscriptions closes on success."""

    phase: InitPhase
    ending: Ending
    duration: float


@frozen()
class RestoreStarted:
    """A snapshot is about to be restored (SnapStart)."""


@frozen()
class RestoreRuntimeDone:
    """The runtime's part of a restore is over."""

    ending: Ending


@frozen()
class RestoreReported:
    """A restore is over."""

    ending: Ending
    duration: float


@frozen()
class InvocationStarted:
    """An invocation is about to be handed to the runtime and to the extensions; *waited* is its time in the line."""

    invocation: Invocation
    waited: float = 0.0


@frozen()
class RuntimeDone:
    """The runtime's part of an invocation is over.

    *moments* are when it was delivered, when the response began and ended, and when the runtime said next or was cut
    off; None when it never responded.
    """

    invocation: Invocation
    ending: Ending
    duration: float
    produced_bytes: int = 0
    moments: tuple[float, float, float, float] | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        """The runtime's time, divided (AWS: Telemetry API, `platform.runtimeDone`)."""
        if self.moments is None:
            return ()
        delivered, began, ended, done = self.moments
        return (
            Span("responseLatency", delivered, began - delivered),
            Span("responseDuration", began, ended - began),
            Span("runtimeOverhead", ended, done - ended),
        )


@frozen()
class InvocationReported:
    """An invocation is over, for the runtime and for every extension.

    *init_duration* belongs to the first invocation after an init that ran on its own, *restore_duration* to that after
    a restore; else they are None. *overhead* is from when to when only extensions were waited for; None when the
    runtime never said next.
    """

    invocation: Invocation
    ending: Ending
    duration: float
    init_duration: float | None = None
    overhead: tuple[float, float] | None = None
    restore_duration: float | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        """The time after the runtime (AWS: Telemetry API, `platform.report`)."""
        if self.overhead is None:
            return ()
        since, until = self.overhead
        return (Span("extensionOverhead", since, until - since),)


@frozen()
class ShutdownStarted:
    """The processes are being stopped, for good or for a reset."""

    reason: ShutdownReason


@frozen()
class ShutdownEnded:
    """The processes have been stopped; *killed* names the extensions that had to be killed at the deadline."""

    reason: ShutdownReason
    duration: float
    killed: tuple[str, ...] = ()


Milestone = (
    InitStarted
    | InitRuntimeDone
    | ExtensionReported
    | InitReported
    | RestoreStarted
    | RestoreRuntimeDone
    | RestoreReported
    | InvocationStarted
    | RuntimeDone
    | InvocationReported
    | ShutdownStarted
    | ShutdownEnded
)
