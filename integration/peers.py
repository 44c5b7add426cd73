"""A test that is the runtime, or an extension, itself: it calls the port, and the process that stands for it waits.

For what matters on the wire. What matters about processes is played by the programs in tests/actors.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Final

from integration.environments import Environment
from integration.http_calls import Answer, read_answer, request_bytes

RUNTIME_API: Final = "/2018-06-01/runtime"
EXTENSIONS_API: Final = "/2020-01-01/extension"

NEXT: Final = f"{RUNTIME_API}/invocation/next"
INIT_ERROR: Final = f"{RUNTIME_API}/init/error"
EXTENSION_NEXT: Final = f"{EXTENSIONS_API}/event/next"

IDLE: Final = b"#!/bin/sh\nexec sleep infinity\n"
"""The file of an extension that is played by the test."""


def response_path(request_id: str) -> str:
    """Where the answer to an invocation goes."""
    return f"{RUNTIME_API}/invocation/{request_id}/response"


def error_path(request_id: str) -> str:
    """Where the error of an invocation goes."""
    return f"{RUNTIME_API}/invocation/{request_id}/error"


def refusal(answer: Answer) -> tuple[int, str]:
    """The status and the error type of a refused call."""
    body = json.loads(answer.body)
    return answer.status, body["errorType"]


class RuntimePlayer:
    """Calls the Runtime API of an environment whose runtime only waits: `runtime=["pause"]`."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def next(self) -> Answer:
        """Wait for an invocation."""
        return self._environment.peers.request("GET", NEXT)

    def start_next(self) -> Future[Answer]:
        """Wait for an invocation, in a thread."""
        return self._environment.start_poll(NEXT)

    def respond(
        self, invocation: Answer | str, body: bytes = b"{}", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Answer an invocation that `next` gave, or the one with a request id."""
        return self._environment.peers.request("POST", response_path(request_id_of(invocation)), headers, body)

    def fail(self, invocation: Answer | str, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Answer:
        """Report that the function failed."""
        return self._environment.peers.request("POST", error_path(request_id_of(invocation)), headers, body)


class StreamedResponse:
    """A response of the runtime that is sent piece by piece.

    Args:
        environment: Where the runtime is.
        invocation: What `next` gave.
        headers: Beside those of a streamed response.
    """

    def __init__(self, environment: Environment, invocation: Answer, headers: Mapping[str, str] | None = None) -> None:
        streaming = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}
        self.connection = environment.peers.connect()
        path = response_path(request_id_of(invocation))
        self.connection.sendall(request_bytes("POST", path, {**streaming, **(headers or {})}))

    def send(self, piece: bytes) -> None:
        """Send one chunk."""
        self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self, trailers: Mapping[str, str] | None = None) -> Answer:
        """Send the last chunk and the trailers; what the runtime is answered."""
        lines = [f"{name}: {value}\r\n" for name, value in (trailers or {}).items()]
        self.connection.sendall(f"0\r\n{''.join(lines)}\r\n".encode())
        with self.connection:
            return read_answer(self.connection)


class ExtensionPlayer:
    """Calls the Extensions API as the extension *name*, whose file is IDLE, or as an internal one."""

    def __init__(self, environment: Environment, name: str) -> None:
        self._environment = environment
        self.name = name
        self.identifier = ""

    def register(self, events: Sequence[str] = (), *, body: bytes | None = None, features: str = "") -> Answer:
        """Register, with *body* instead of a list of events if there is one."""
        headers = {"Lambda-Extension-Name": self.name} | (
            {"Lambda-Extension-Accept-Feature": features} if features else {}
        )
        body = json.dumps({"events": events}).encode() if body is None else body
        answer = self._environment.peers.request("POST", f"{EXTENSIONS_API}/register", headers, body)
        self.identifier = answer.headers.get("lambda-extension-identifier", "")
        return answer

    def next(self) -> Answer:
        """Wait for an event."""
        return self._environment.peers.request("GET", EXTENSION_NEXT, self._identification())

    def start_next(self) -> Future[Answer]:
        """Wait for an event, in a thread."""
        return self._environment.start_poll(EXTENSION_NEXT, self._identification())

    def report(self, path: str, error_type: str = "Extension.Test") -> Answer:
        """Report an error to *path*, `init/error` or `exit/error`; an empty type is left out."""
        headers = self._identification() | ({"Lambda-Extension-Function-Error-Type": error_type} if error_type else {})
        return self._environment.peers.request("POST", f"{EXTENSIONS_API}/{path}", headers)

    def _identification(self) -> dict[str, str]:
        return {"Lambda-Extension-Identifier": self.identifier}


def request_id_of(invocation: Answer | str) -> str:
    """The request id of what `next` gave."""
    return invocation if isinstance(invocation, str) else invocation.headers["lambda-runtime-aws-request-id"]
