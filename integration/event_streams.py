"""A caller who reads a response as it comes. What arrives is decoded by botocore, the way the SDK does it."""

import base64
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from botocore.eventstream import EventStreamBuffer

from integration.environments import Environment

STREAMED_INVOCATIONS: Final = "/2021-11-15/functions/function/response-streaming-invocations"


class Message(NamedTuple):
    """One message; the type is `PayloadChunk` or `InvokeComplete`."""

    event_type: str
    payload: bytes


class EventStream:
    """One invocation whose response is read as it comes. To be closed."""

    def __init__(
        self, environment: Environment, payload: bytes = b"{}", headers: Mapping[str, str] | None = None
    ) -> None:
        self._connection = http.client.HTTPConnection("localhost")
        self._connection.sock = environment.callers.connect()
        self._connection.request("POST", STREAMED_INVOCATIONS, payload, dict(headers or {}))
        self._response: http.client.HTTPResponse | None = None
        self._buffer = EventStreamBuffer()

    def head(self) -> http.client.HTTPResponse:
        """Wait for the head of the answer."""
        if self._response is None:
            self._response = self._connection.getresponse()
        return self._response

    def messages(self) -> Iterator[Message]:
        """Everything that comes, message by message, as soon as it is there."""
        response = self.head()
        while piece := response.read1(1024 * 1024):
            self._buffer.add_data(piece)
            for event in self._buffer:
                yield Message(event.headers[":event-type"], event.payload)

    def next(self) -> Message:
        """The next message."""
        return next(self.messages())

    def everything(self) -> tuple[bytes, dict[str, str]]:
        """All the bytes of the function, and what `InvokeComplete` says."""
        *chunks, complete = self.messages()
        assert {chunk.event_type for chunk in chunks} <= {"PayloadChunk"}
        assert complete.event_type == "InvokeComplete"
        said = json.loads(complete.payload)
        assert isinstance(said, dict)
        return b"".join(chunk.payload for chunk in chunks), said

    def close(self) -> None:
        """Go away."""
        self._connection.close()


def log_of(said: Mapping[str, str]) -> str:
    """The end of the log that `InvokeComplete` brings."""
    return base64.b64decode(said["LogResult"]).decode()
