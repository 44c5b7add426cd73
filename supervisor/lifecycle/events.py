"""Everything that can happen to an execution environment, in the past tense. Values only."""

from typing import Final

from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import Invocation, Payload, StreamError
from supervisor.lifecycle.states import ShutdownReason
from supervisor.values import frozen


@frozen()
class EnvironmentStarted:
    """The environment exists and Init may begin."""


@frozen()
class InvocationArrived:
    """A caller asked for an invocation."""

    invocation: Invocation


@frozen()
class RuntimePolled:
    """The runtime asked for the next invocation."""


RUNTIME_POLLED: Final = RuntimePolled()
"""One is as good as another."""


@frozen()
class RuntimePollDropped:
    """A runtime that waited for the next invocation closed its connection."""


@frozen()
class ResponseStarted:
    """The runtime began to send a response; *streaming* when its caller may read along.

    *invocation_id* is what it echoes of the attempt, empty when it does not.
    """

    request_id: str
    invocation_id: str = ""
    streaming: bool = False
    content_type: str = ""


@frozen()
class ResponseModeRefused:
    """The runtime began to send a response in a mode that does not exist."""

    request_id: str
    invocation_id: str = ""


@frozen()
class ResponseReceived:
    """The response that was started has arrived whole: *streamed_bytes* of it went by, the rest is in *payload*.

    *stream_error* is what its trailers say. One that came in one piece is *started* by the same event.
    """

    payload: Payload
    content_type: str = ""
    stream_error: StreamError | None = None
    streamed_bytes: int = 0
    started: ResponseStarted | None = None


@frozen()
class ErrorStarted:
    """The runtime began to report that the function failed."""

    request_id: str
    invocation_id: str = ""


@frozen()
class ErrorReceived:
    """The function's error that was started has arrived whole."""

    payload: Payload
    content_type: str = ""


@frozen()
class UploadOversized:
    """The response or error that was started is larger than the limit."""


@frozen()
class UploadTruncated:
    """The response or error that was started broke off."""


@frozen()
class RuntimeInitErrorReported:
    """The runtime could not initialise the function."""

    payload: Payload
    content_type: str = ""
    error_type: str = ""


@frozen()
class RestorePolled:
    """The runtime is ready for a snapshot and asked to be told when it has been restored (SnapStart)."""


@frozen()
class RestoreErrorReported:
    """What the runtime had to do after the restore failed; *error_type* is what it calls that."""

    error_type: str = ""


@frozen()
class ExtensionRegistered:
    """An extension asked to be registered; *extension_id* is the identifier it will get."""

    extension_id: str
    name: str
    events: tuple[str, ...] = ()


@frozen()
class ExtensionPolled:
    """An extension asked for its next event."""

    extension_id: str


@frozen()
class ExtensionPollDropped:
    """An extension that waited for its next event closed its connection."""

    extension_id: str


@frozen()
class ExtensionInitErrorReported:
    """An extension could not initialise."""

    extension_id: str
    error_type: str


@frozen()
class ExtensionExitErrorReported:
    """An extension is about to exit because of an error."""

    extension_id: str
    error_type: str


@frozen()
class RuntimeLaunchFailed:
    """The runtime's process could not be started: *fault* is the wire name, *message* what the system said."""

    fault: str
    message: str


@frozen()
class RuntimeExited:
    """The runtime's process ended."""

    status: ExitStatus


@frozen()
class ExtensionLaunchFailed:
    """An extension's process could not be started. *error_type* is `PermissionDenied` or `UnknownError`."""

    name: str
    error_type: str
    message: str


@frozen()
class ExtensionExited:
    """The process of an external extension ended."""

    name: str
    status: ExitStatus


@frozen()
class TimePassed:
    """The moment that `Lifecycle.deadline` named has come."""


@frozen()
class ShutdownRequested:
    """Somebody wants the environment to end; asked again, it hurries."""

    reason: ShutdownReason = ShutdownReason.SPINDOWN


Event = (
    EnvironmentStarted
    | InvocationArrived
    | RuntimePolled
    | RuntimePollDropped
    | ResponseStarted
    | ResponseModeRefused
    | ResponseReceived
    | ErrorStarted
    | ErrorReceived
    | UploadOversized
    | UploadTruncated
    | RuntimeInitErrorReported
    | RestorePolled
    | RestoreErrorReported
    | ExtensionRegistered
    | ExtensionPolled
    | ExtensionPollDropped
    | ExtensionInitErrorReported
    | ExtensionExitErrorReported
    | RuntimeLaunchFailed
    | RuntimeExited
    | ExtensionLaunchFailed
    | ExtensionExited
    | TimePassed
    | ShutdownRequested
)
