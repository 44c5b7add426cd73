"""One event, and the end: what `--once` runs, and what it prints.

Where the log goes meanwhile, and how the environment is stopped, is `app`'s matter.
"""

import logging
import os
from collections.abc import Callable
from typing import Final

from supervisor.api import invoke_api
from supervisor.api.http import Request
from supervisor.environment import Environment
from supervisor.errors import ProtocolError, UsageError
from supervisor.function import Function
from supervisor.lifecycle.invocation import FunctionResponse, Invocation, Outcome, Unavailable
from supervisor.system.identifiers import new_trace_id, new_uuid

STANDARD_INPUT: Final = "-"
FILE_PREFIX: Final = "@"

_STDIN: Final = 0
_READ_BYTES: Final = 64 * 1024

_log = logging.getLogger(__name__)


def read_invocation(source: str, function: Function, *, raw_payload: bool) -> Invocation:
    """The invocation with the event that *source* is or names: `-` is standard input, `@PATH` a file.

    Raises:
        UsageError: There is no such file, or what it holds may not be an event.
    """
    request = Request("POST", "/", body=_read(source))
    if len(request.body) > invoke_api.REQUEST_BYTES:
        raise UsageError(f"--once: the event has more than {invoke_api.REQUEST_BYTES} bytes")
    fresh = invoke_api.Identifiers(new_uuid(), new_uuid(), new_trace_id())
    target = invoke_api.Target(invoke_api.RIE_FUNCTION)
    try:
        return invoke_api.parse(request, target, function, fresh, raw_payload=raw_payload)
    except ProtocolError as error:
        raise UsageError(f"--once: {error.message}") from None


def _read(source: str) -> bytes:
    if source == STANDARD_INPUT:
        if not (event := b"".join(iter(lambda: os.read(_STDIN, _READ_BYTES), b""))):
            raise UsageError("--once -: standard input is empty; docker run passes it on with -i")
        return event
    if not source.startswith(FILE_PREFIX):
        return os.fsencode(source)
    path = source.removeprefix(FILE_PREFIX)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"--once: cannot read {path!a}: {error.strerror}") from None


class Once:
    """Runs one invocation.

    Args:
        environment: Where it runs.
        invocation: What is run.
        version: The version of the function.
        show: Prints the answer.

    Attributes:
        succeeded: The function has answered, and not with an error.
    """

    def __init__(
        self, environment: Environment, invocation: Invocation, version: str, show: Callable[[bytes], None]
    ) -> None:
        self._environment = environment
        self._invocation = invocation
        self._version = version
        self._show = show
        self.succeeded = False

    def start(self, then: Callable[[], None]) -> None:
        """Run it, and call *then* when the environment is done with it, the extensions included."""

        def finish(outcome: Outcome) -> None:
            self._finish(outcome)
            self._environment.when_idle(then)

        try:
            self._environment.invoke(self._invocation, finish)
        except ProtocolError as error:
            self._finish(Unavailable(error.message))

    def _finish(self, outcome: Outcome) -> None:
        self.succeeded = isinstance(outcome, FunctionResponse) and outcome.is_whole
        if isinstance(outcome, Unavailable):
            _log.error("The event was not run: %s", outcome.message)
        else:
            answer = bytes(invoke_api.answer(self._invocation, outcome, self._version).body)
            self._show(answer if answer.endswith(b"\n") else answer + b"\n")
