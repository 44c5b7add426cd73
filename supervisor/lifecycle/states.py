"""The states of the environment, of the runtime and of the extensions, and the tables of every legal move.

Two rules, kept in this file alone:

1. A call is legal when the caller's state has a row for it here; whatever a table omits is refused with 403 and
   changes nothing.
2. A table says where a *call* leads. What the platform does of its own accord (handing out an event, seeing an exit)
   and what depends on several peers at once ("Init ends when everyone has said next") is in `init`, `invoke` and
   `shutdown`.

The names of the states are what peers read in error messages (RIE 1.170 `core/states.go`,
`core/externalagent_states.go`, `core/internalagent_states.go`; the texts were recorded on AWS).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from supervisor.errors import ProtocolError

FORBIDDEN: Final = 403


class Phase(StrEnum):
    """Where the environment is.

    Cold: nothing runs, the next invocation begins with an init. Ready: idle, all have said next. Restore: the first
    invocation waits for the hooks that follow a snapshot (SnapStart).
    """

    COLD = "Cold"
    INIT = "Init"
    READY = "Ready"
    RESTORE = "Restore"
    INVOKE = "Invoke"
    RESET = "Reset"
    SHUTDOWN = "Shutdown"
    ENDED = "Ended"


class ShutdownReason(StrEnum):
    """Why the processes are stopped (AWS: Extensions API, "Shutdown phase"; lower case was recorded on AWS)."""

    SPINDOWN = "spindown"
    TIMEOUT = "timeout"
    FAILURE = "failure"


class RuntimeCall(StrEnum):
    """What a runtime may ask."""

    NEXT = "Ready"
    RESPONSE = "InvocationResponse"
    ERROR = "InvocationErrorResponse"
    INIT_ERROR = "InitError"
    RESTORE_NEXT = "RestoreReady"
    RESTORE_ERROR = "RuntimeRestoreErrorState"

    @property
    def target(self) -> str:
        """The state that a refusal names (RIE 1.170: restore/next has that of next)."""
        return RuntimeCall.NEXT.value if self is RuntimeCall.RESTORE_NEXT else self.value


class RuntimeState(StrEnum):
    STARTED = "Started"
    RESTORE_READY = "RestoreReady"
    RESTORING = "Restoring"
    READY = "Ready"
    RUNNING = "Running"
    INVOCATION_RESPONSE = "InvocationResponse"
    INVOCATION_ERROR_RESPONSE = "InvocationErrorResponse"
    RESPONSE_SENT = "RuntimeResponseSentState"
    INIT_ERROR = "InitError"
    RESTORE_ERROR = "RuntimeRestoreErrorState"


RUNTIME: Final[Mapping[RuntimeState, Mapping[RuntimeCall, RuntimeState]]] = {
    RuntimeState.STARTED: {
        RuntimeCall.NEXT: RuntimeState.READY,
        RuntimeCall.INIT_ERROR: RuntimeState.INIT_ERROR,
        RuntimeCall.RESTORE_NEXT: RuntimeState.RESTORE_READY,
    },
    RuntimeState.RESTORE_READY: {},
    RuntimeState.RESTORING: {
        RuntimeCall.NEXT: RuntimeState.READY,
        RuntimeCall.INIT_ERROR: RuntimeState.RESTORE_ERROR,
        RuntimeCall.RESTORE_ERROR: RuntimeState.RESTORE_ERROR,
    },
    RuntimeState.READY: {
        RuntimeCall.NEXT: RuntimeState.READY,
    },
    RuntimeState.RUNNING: {
        # The same invocation is handed out again.
        RuntimeCall.NEXT: RuntimeState.RUNNING,
        RuntimeCall.RESPONSE: RuntimeState.INVOCATION_RESPONSE,
        RuntimeCall.ERROR: RuntimeState.INVOCATION_ERROR_RESPONSE,
    },
    RuntimeState.INVOCATION_RESPONSE: {},
    RuntimeState.INVOCATION_ERROR_RESPONSE: {},
    RuntimeState.RESPONSE_SENT: {
        RuntimeCall.NEXT: RuntimeState.READY,
    },
    RuntimeState.INIT_ERROR: {},
    RuntimeState.RESTORE_ERROR: {},
}


class ExtensionCall(StrEnum):
    """What an extension may ask; the value is the target that a refusal names."""

    REGISTER = "Registered"
    NEXT = "Ready"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "Exited"
    """So RIE 1.170 names it; the state is `ExitError`."""


class ExtensionState(StrEnum):
    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    LAUNCH_ERROR = "LaunchError"
    EXITED = "Exited"
    SHUTDOWN_FAILED = "ShutdownFailed"


EXTENSION: Final[Mapping[ExtensionState, Mapping[ExtensionCall, ExtensionState]]] = {
    ExtensionState.STARTED: {
        ExtensionCall.REGISTER: ExtensionState.REGISTERED,
    },
    ExtensionState.REGISTERED: {
        ExtensionCall.NEXT: ExtensionState.READY,
        ExtensionCall.INIT_ERROR: ExtensionState.INIT_ERROR,
        ExtensionCall.EXIT_ERROR: ExtensionState.EXIT_ERROR,
    },
    ExtensionState.READY: {
        ExtensionCall.EXIT_ERROR: ExtensionState.EXIT_ERROR,
    },
    ExtensionState.RUNNING: {
        ExtensionCall.NEXT: ExtensionState.READY,
        ExtensionCall.EXIT_ERROR: ExtensionState.EXIT_ERROR,
    },
    ExtensionState.INIT_ERROR: {
        ExtensionCall.INIT_ERROR: ExtensionState.INIT_ERROR,
    },
    ExtensionState.EXIT_ERROR: {
        ExtensionCall.EXIT_ERROR: ExtensionState.EXIT_ERROR,
    },
    ExtensionState.LAUNCH_ERROR: {},
    ExtensionState.EXITED: {},
    ExtensionState.SHUTDOWN_FAILED: {},
}


def runtime_after(state: RuntimeState, call: RuntimeCall) -> RuntimeState:
    """The state in which *call* leaves a runtime.

    Raises:
        ProtocolError: The call is not legal in *state*.
    """
    after = RUNTIME[state].get(call)
    if after is None:
        raise refuse_runtime(state, call)
    return after


def refuse_runtime(state: RuntimeState, call: RuntimeCall) -> ProtocolError:
    """The refusal of a *call* that is not legal in *state*."""
    return ProtocolError(
        FORBIDDEN,
        "InvalidStateTransition",
        f"State transition from {state} to {call.target} failed for runtime. Error: State transition is not allowed",
    )


def extension_after(state: ExtensionState, call: ExtensionCall, subject: str) -> ExtensionState:
    """The state in which *call* leaves an extension; *subject* is how a refusal names it, by identifier or by name.

    Raises:
        ProtocolError: The call is not legal in *state*.
    """
    after = EXTENSION[state].get(call)
    if after is None:
        raise ProtocolError(
            FORBIDDEN,
            "Extension.InvalidExtensionState",
            f"State transition from {state} to {call} failed for extension {subject}. "
            "Error: State transition is not allowed",
        )
    return after
