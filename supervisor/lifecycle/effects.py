"""Everything that the lifecycle can order, in the imperative. The environment performs the orders one after another."""

from dataclasses import dataclass

from supervisor.lifecycle.invocation import Invocation, Outcome
from supervisor.lifecycle.milestones import Milestone
from supervisor.lifecycle.states import ShutdownReason


@dataclass(frozen=True, slots=True)
class LaunchExtension:
    """Start the external extension *name*."""

    name: str


@dataclass(frozen=True, slots=True)
class LaunchRuntime:
    """Start the runtime."""


@dataclass(frozen=True, slots=True)
class SendInvocation:
    """Give *invocation* to one waiting poll of the runtime; *deadline* is on the lifecycle's clock."""

    invocation: Invocation
    deadline: float


@dataclass(frozen=True, slots=True)
class SendInvoke:
    """Give the INVOKE event to the waiting poll of the extension."""

    extension_id: str
    invocation: Invocation
    deadline: float


@dataclass(frozen=True, slots=True)
class SendShutdown:
    """Give the SHUTDOWN event to the waiting poll of the extension."""

    extension_id: str
    reason: ShutdownReason
    deadline: float


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """Let the caller of *invocation* read the response from now on, as it comes; `AnswerCaller` ends that."""

    invocation: Invocation
    content_type: str


@dataclass(frozen=True, slots=True)
class AnswerCaller:
    """Tell the caller of *invocation* how it went. Ordered exactly once for each invocation that arrived."""

    invocation: Invocation
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class FreezeEnvironment:
    """Stop every process where it stands."""


@dataclass(frozen=True, slots=True)
class ThawEnvironment:
    """Let every process run on; when this has been done they run."""


@dataclass(frozen=True, slots=True)
class TerminateRuntime:
    """SIGTERM to the runtime's process group."""


@dataclass(frozen=True, slots=True)
class KillRuntime:
    """SIGKILL to the runtime's process group."""


@dataclass(frozen=True, slots=True)
class KillExtension:
    """SIGKILL to the process group of the external extension *name*."""

    name: str


@dataclass(frozen=True, slots=True)
class DismissExtension:
    """SIGKILL to the extension *name*, which is not told of the end, as soon as it has what it subscribed to."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearEnvironment:
    """Kill whatever process is left, close every connection of the peers, forget their identifiers."""


@dataclass(frozen=True, slots=True)
class EndEnvironment:
    """The environment is over; nothing follows."""


Effect = (
    LaunchExtension
    | LaunchRuntime
    | SendInvocation
    | SendInvoke
    | SendShutdown
    | StartAnswer
    | AnswerCaller
    | FreezeEnvironment
    | ThawEnvironment
    | TerminateRuntime
    | KillRuntime
    | KillExtension
    | DismissExtension
    | ClearEnvironment
    | EndEnvironment
    | Milestone
)
