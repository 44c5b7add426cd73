"""HTTP from outside, one connection for one request, with nothing between the test and the bytes but http.client."""

import http.client
import json
import socket
from collections.abc import Mapping
from typing import BinaryIO, Final, NamedTuple

from integration.namespaces import Namespaces

PATIENCE: Final = 30
"""Seconds after which a request that is not answered has failed."""


class Answer(NamedTuple):
    """An HTTP response; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        """The body's value."""
        return json.loads(self.body)

    def failure(self) -> tuple[str, str]:
        """The error type and the text, without the request id in front, of an invocation that failed."""
        assert (self.status, self.headers.get("x-amz-function-error")) == (200, "Unhandled"), self
        body = json.loads(self.body)
        return body["errorType"], body["errorMessage"].removeprefix(
            f"RequestId: {self.headers['x-amzn-requestid']} Error: "
        )


class Port:
    """A port of the program under test, inside its namespaces."""

    def __init__(self, namespaces: Namespaces, number: int) -> None:
        self._namespaces = namespaces
        self._number = number

    def connect(self) -> socket.socket:
        """A connection for raw bytes."""
        return self._namespaces.run(socket.create_connection, ("127.0.0.1", self._number), timeout=PATIENCE)

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Send one request and read its answer."""
        return exchange(self.connect(), method, path, headers, body)


def exchange(
    connected: socket.socket, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Send one request over a new connection, read its answer, and close it."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = connected
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, received, response.read())
    finally:
        connection.close()


def request_bytes(method: str, path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The head of a request, with the headers that are given and no other but `Host`."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def read_answer(connection: socket.socket) -> Answer:
    """One response from a connection on which no other is on its way."""
    with connection.makefile("rb") as stream:
        return next_answer(stream)


def next_answer(stream: BinaryIO) -> Answer:
    """The next response from the stream of a connection."""
    status_line = stream.readline()
    assert status_line, "the connection was closed without an answer"
    received = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        received[name.lower()] = value.strip()
    body = stream.read(int(received.get("content-length", "0")))
    return Answer(int(status_line.split()[1]), received, body)
