"""Everything that the lifecycle can order, in the imperative. The environment performs the orders one after another."""

from supervisor.lifecycle.diagnoses import Diagnosis
from supervisor.lifecycle.invocation import Invocation, Outcome
from supervisor.lifecycle.milestones import Milestone
from supervisor.lifecycle.states import ShutdownReason
from supervisor.values import frozen


@frozen()
class LaunchExtension:
    """Start the external extension *name*."""

    name: str


@frozen()
class LaunchRuntime:
    """Start the runtime."""


@frozen()
class SendInvocation:
    """Give *invocation* to one waiting poll of the runtime; *deadline* is on the lifecycle's clock."""

    invocation: Invocation
    deadline: float


@frozen()
class SendInvoke:
    """Give the INVOKE event to the waiting poll of the extension."""

    extension_id: str
    invocation: Invocation
    deadline: float


@frozen()
class SendShutdown:
    """Give the SHUTDOWN event to the waiting poll of the extension."""

    extension_id: str
    reason: ShutdownReason
    deadline: float


@frozen()
class StartAnswer:
    """Let the caller of *invocation* read the response from now on, as it comes; `AnswerCaller` ends that."""

    invocation: Invocation
    content_type: str


@frozen()
class CutAnswer:
    """Let nothing more of the response reach the caller of *invocation*, who has read along so far."""

    invocation: Invocation


@frozen()
class SendRestore:
    """Tell the waiting poll of the runtime that the snapshot has been restored."""


@frozen()
class AnswerCaller:
    """Tell the caller of *invocation* how it went. Ordered exactly once for each invocation that arrived."""

    invocation: Invocation
    outcome: Outcome


@frozen()
class FreezeEnvironment:
    """Stop every process where it stands."""


@frozen()
class ThawEnvironment:
    """Let every process run on; when this has been done they run."""


@frozen()
class TerminateRuntime:
    """SIGTERM to the runtime's process group."""


@frozen()
class KillRuntime:
    """SIGKILL to the runtime's process group."""


@frozen()
class KillExtension:
    """SIGKILL to the process group of the external extension *name*."""

    name: str


@frozen()
class DismissExtension:
    """SIGKILL to the extension *name*, which is not told of the end, as soon as it has what it subscribed to."""

    name: str


@frozen()
class ClearEnvironment:
    """Kill whatever process is left, close every connection of the peers, forget their identifiers."""


@frozen()
class RequestShutdown:
    """Nobody needs the environment any more: let `ShutdownRequested` come as soon as nothing is left to run in it."""


@frozen()
class EndEnvironment:
    """The environment is over; nothing follows."""


Effect = (
    LaunchExtension
    | LaunchRuntime
    | SendInvocation
    | SendInvoke
    | SendShutdown
    | SendRestore
    | StartAnswer
    | CutAnswer
    | AnswerCaller
    | FreezeEnvironment
    | ThawEnvironment
    | TerminateRuntime
    | KillRuntime
    | KillExtension
    | DismissExtension
    | ClearEnvironment
    | RequestShutdown
    | EndEnvironment
    | Milestone
    | Diagnosis
)
