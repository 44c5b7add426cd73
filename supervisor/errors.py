"""The exception tree and the wire names of faults.

    SupervisorError
    ├── UsageError        the person who starts the supervisor gave a wrong option, variable or command: exit code 2
    ├── LayerError        a layer cannot be used, and nothing of it was: exit code 1
    ├── ProtocolError     a peer or a caller asked for something that is refused: answered, the environment lives on
    │   └── NameTakenError    by lifecycle.extensions, with what a person is told of it
    └── ExperimentError   extensions cannot be compared: exit code 1

A `Fault` is no exception: it is the name under which a failed invocation or a failed init is reported.
"""

import re
from enum import StrEnum
from typing import Final

TOO_MANY_REQUESTS: Final = 429
"""The status of who is throttled (AWS: API reference, Invoke)."""

SERVICE_ERRORS: Final = 500
"""From this status on it is the service's fault."""


class SupervisorError(Exception):
    """Everything that the supervisor raises on purpose."""


class UsageError(SupervisorError):
    """A wrong option, variable or command; its text is the one line that the user reads."""


class LayerError(SupervisorError):
    """A layer that cannot be used, or several together; its text is the one line that the user reads.

    Args:
        layer: The path of the archive, or the folder where it should be extracted.
        reason: What is wrong.
        remedy: What helps.
    """

    def __init__(self, layer: str, reason: str, remedy: str) -> None:
        super().__init__(f"the layer {layer} cannot be used: {reason}; {remedy}")
        self.layer = layer
        self.reason = reason
        self.remedy = remedy


class ProtocolError(SupervisorError):
    """A refused request. Whoever raises it has changed nothing.

    Args:
        http_status: The status that the peer is answered with.
        error_type: The `errorType` of the answer's body.
        message: The `errorMessage` of the answer's body.
    """

    def __init__(self, http_status: int, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}")
        self.http_status = http_status
        self.error_type = error_type
        self.message = message


class ExperimentError(SupervisorError):
    """A comparison of extensions cannot be made; its text is what the user reads."""


class Fault(StrEnum):
    """Why an init or an invocation failed, as Lambda spells it (RIE 1.170 `fatalerror.go`; recorded on AWS)."""

    EXTENSION_CRASH = "Extension.Crash"
    EXTENSION_EXIT_ERROR = "Extension.ExitError"
    EXTENSION_INIT_ERROR = "Extension.InitError"
    EXTENSION_LAUNCH_ERROR = "Extension.LaunchError"
    FUNCTION_RESPONSE_SIZE_TOO_LARGE = "Function.ResponseSizeTooLarge"
    FUNCTION_UNKNOWN = "Function.Unknown"
    RUNTIME_EXIT_ERROR = "Runtime.ExitError"
    RUNTIME_INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
    RUNTIME_INVALID_RESPONSE_MODE_HEADER = "Runtime.InvalidResponseModeHeader"
    RUNTIME_INVALID_WORKING_DIR = "Runtime.InvalidWorkingDir"
    RUNTIME_OUT_OF_MEMORY = "Runtime.OutOfMemory"
    RUNTIME_RESTORE_HOOK_USER_TIMEOUT = "Runtime.RestoreHookUserTimeout"
    RUNTIME_TRUNCATED_RESPONSE = "Runtime.TruncatedResponse"
    RUNTIME_UNKNOWN = "Runtime.Unknown"
    SANDBOX_FAILURE = "Sandbox.Failure"
    SANDBOX_TIMEDOUT = "Sandbox.Timedout"


_OWN_FAULT: Final = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


def fault_of_runtime(error_type: str) -> str:
    """The reported name of an error type that a runtime gave (RIE 1.170 `GetValidRuntimeOrFunctionErrorType`)."""
    if _OWN_FAULT.search(error_type):
        return error_type
    return Fault.FUNCTION_UNKNOWN if error_type.startswith("Function.") else Fault.RUNTIME_UNKNOWN
