"""One invocation as it travels: what the caller sent, and what the caller gets."""

from supervisor.errors import SERVICE_ERRORS, TOO_MANY_REQUESTS
from supervisor.values import frozen

Payload = bytes | bytearray | memoryview
"""The user's bytes. Nobody here decodes them."""


@frozen(eq=False)
class Invocation:
    """One request to run the function.

    Args:
        request_id: The identity that caller, function, extensions and log lines share.
        payload: The event for the function.
        invoked_function_arn: The ARN as the caller named it, with version or alias.
        invocation_id: The identity of this attempt; a retry keeps the request id and gets a new one.
        trace_id: The X-Ray trace header.
        client_context: The decoded client context, empty when there is none.
        cognito_identity: The caller's Cognito identity as JSON, empty when there is none.
        tenant_id: The tenant of a multi-tenant function, empty when there is none.
        wants_log_tail: The caller asked for the end of the log, so its answer waits for the end of the invocation.
        wants_stream: The caller reads the response as it comes, if the function streams it.
    """

    request_id: str
    payload: Payload = b""
    invoked_function_arn: str = ""
    invocation_id: str = ""
    trace_id: str = ""
    client_context: str = ""
    cognito_identity: str = ""
    tenant_id: str = ""
    wants_log_tail: bool = False
    wants_stream: bool = False


@frozen()
class StreamError:
    """What a function reports at the end of a streamed response: *error_type*, and *details*, mostly JSON."""

    error_type: str
    details: str = ""


@frozen()
class FunctionResponse:
    """The function's own answer, or what is left of it for a caller that has read along."""

    payload: Payload
    content_type: str = ""
    stream_error: StreamError | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the function did not break off in the middle, with an error in its place."""
        return self.stream_error is None


@frozen()
class FunctionError:
    """The error that the runtime reported, in the runtime's own words."""

    payload: Payload
    content_type: str = ""


@frozen()
class PlatformError:
    """The environment failed under the function: *error_type* and *message* are what the caller reads."""

    error_type: str
    message: str


@frozen()
class Unavailable:
    """The invocation never began; *message* says why, *http_status* and *error_type* what the caller makes of it."""

    message: str
    http_status: int = 500
    error_type: str = "ServiceException"

    @property
    def is_setback(self) -> bool:
        """Whether the function is not to blame (AWS: Asynchronous invocation, "Error handling")."""
        return self.http_status == TOO_MANY_REQUESTS or self.http_status >= SERVICE_ERRORS


Outcome = FunctionResponse | FunctionError | PlatformError | Unavailable
