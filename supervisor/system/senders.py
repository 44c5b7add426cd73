"""Owns the last step of a delivery: one batch to one listener inside the environment, by HTTP or by TCP.

When a batch is sent, and what follows from a failure, is not decided here.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import trio

from supervisor.system.time_limits import TimeLimits
from supervisor.telemetry.batch import Batch
from supervisor.telemetry.buffer import Verdict
from supervisor.telemetry.subscription import HttpDestination, TcpDestination

if TYPE_CHECKING:
    import httpx

HOST: Final = "127.0.0.1"
"""What `sandbox` and `sandbox.localdomain` stand for, so that no resolver is needed."""

REQUEST_SECONDS: Final = 5.0
"""How long a subscriber may take for one request, or to accept a connection. Ours: AWS documents none."""

USER_AGENT: Final = "awslambda-worker/1.0"
"""Recorded on AWS."""

_FIRST_CLIENT_ERROR: Final = 400
_FIRST_SERVER_ERROR: Final = 500

_RECEIVE_BYTES: Final = 4096


class NotTakenError(Exception):
    """A batch was not delivered, or nobody knows; the *verdict* on it, and for people the *reason*."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict


class Sender(Protocol):
    """The way to one listener."""

    async def send(self, batch: Batch) -> None:
        """Deliver *batch*.

        Raises:
            NotTakenError: It was not delivered, or nobody knows.
        """

    async def aclose(self) -> None:
        """Give up the connection."""


class HttpSender:
    """Sends a batch as one request. *transport* is awaited when the first one is sent."""

    def __init__(
        self,
        destination: HttpDestination,
        transport: Callable[[], Awaitable["httpx.AsyncHTTPTransport"]],
        limits: TimeLimits,
    ) -> None:
        self._method = destination.method
        self._url = f"http://{HOST}:{destination.port}{destination.target}"
        self._transport = transport
        self._limits = limits

    def __str__(self) -> str:
        """The address."""
        return self._url

    async def send(self, batch: Batch) -> None:
        """Deliver *batch*. Any status below 400 says that it was taken; the rest of the answer is ignored.

        Raises:
            NotTakenError: The status is 400 or higher, or there is none in time.
        """
        transport = await self._transport()
        status = 0
        with self._limits.move_on_after(REQUEST_SECONDS):
            response = await self._ask(transport, batch)
            status = response.status_code
            await _read_to_its_end(response)
        if status >= _FIRST_SERVER_ERROR:
            raise NotTakenError(Verdict.UNREACHABLE, f"the answer was {status}")
        if status >= _FIRST_CLIENT_ERROR:
            raise NotTakenError(Verdict.REFUSED, f"the answer was {status}")
        if not status:
            raise NotTakenError(Verdict.UNREACHABLE, f"there was no answer within {REQUEST_SECONDS:g} s")

    async def _ask(self, transport: "httpx.AsyncHTTPTransport", batch: Batch) -> "httpx.Response":
        import httpx

        headers = {
            "Content-Type": "application/json",
            "Sequence-Id": batch.sequence_id,
            "Connection": "keep-alive",
            "User-Agent": USER_AGENT,
        }
        request = httpx.Request(self._method, self._url, headers=headers, content=batch.as_array())
        try:
            try:
                return await transport.handle_async_request(request)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                # Often just a kept connection that the listener has closed by now: at once, on a new one.
                return await transport.handle_async_request(request)
        except httpx.TransportError as error:
            raise NotTakenError(Verdict.UNREACHABLE, str(error) or type(error).__name__) from None

    async def aclose(self) -> None:
        """The connections belong to the transport."""


async def _read_to_its_end(response: "httpx.Response") -> None:
    """So that the connection can be kept. What the answer is worth is known already."""
    import httpx

    with suppress(httpx.TransportError):
        async for _ in response.aiter_raw():
            pass


class TcpSender:
    """Sends a batch as lines over one connection, which it keeps.

    Nobody confirms lines. A listener that reads slowly holds up its own sender, for as long as it likes; one that is
    gone is noticed before a batch is sent or while it is.
    """

    def __init__(self, destination: TcpDestination, limits: TimeLimits) -> None:
        self._port = destination.port
        self._limits = limits
        self._stream: trio.SocketStream | None = None

    def __str__(self) -> str:
        """The address."""
        return f"tcp://{HOST}:{self._port}"

    async def send(self, batch: Batch) -> None:
        """Deliver *batch*.

        Raises:
            NotTakenError: Nobody listens, or the connection broke.
        """
        try:
            stream = await self._connected()
            await stream.send_all(batch.as_lines())
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            await self.aclose()
            raise NotTakenError(Verdict.UNREACHABLE, str(error) or "the connection broke") from None

    async def aclose(self) -> None:
        """Give up the connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await trio.aclose_forcefully(stream)

    async def _connected(self) -> trio.SocketStream:
        if self._stream is not None and await _is_closed(self._stream):
            await self.aclose()
        if self._stream is None:
            stream = await self._connect()
            if stream.socket.getsockname() == stream.socket.getpeername():
                # Where nobody listens, the kernel may give us the very port as our own, and connect us with ourselves.
                await trio.aclose_forcefully(stream)
                raise ConnectionRefusedError(f"nobody listens on port {self._port}")
            self._stream = stream
        return self._stream

    async def _connect(self) -> trio.SocketStream:
        with self._limits.move_on_after(REQUEST_SECONDS):
            return await trio.open_tcp_stream(HOST, self._port)
        raise trio.TooSlowError


async def _is_closed(stream: trio.SocketStream) -> bool:
    """Whether the listener has closed the connection. What it may say on it is of no interest."""
    try:
        while stream.socket.is_readable():
            if not await stream.receive_some(_RECEIVE_BYTES):
                return True
    except trio.BrokenResourceError:
        return True
    return False
