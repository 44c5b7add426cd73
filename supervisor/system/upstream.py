"""Owns the connections to the platform that is there already, in whose place we answer the runtime.

httpx sends no trailers, so this is the layer below it, httpcore, which is imported when it is first needed: some 50 ms.
What is passed on is not decided here.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple

from supervisor.api.http import Request

if TYPE_CHECKING:
    import httpcore

_LAST_CHUNK: Final = b"0\r\n\r\n"

_trailers: ContextVar[Mapping[str, str] | None] = ContextVar("trailers", default=None)
"""What follows the body that this task is about to end."""

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
"""What concerns one connection only (RFC 9110, 7.6.1). `Trailer` does not: the trailers themselves are passed on."""


class Platform(NamedTuple):
    """What `AWS_LAMBDA_RUNTIME_API` names: HOST:PORT, and with some emulators a path that comes before every other."""

    host: str
    port: int
    prefix: str


class Body(NamedTuple):
    """The body of a request as it arrives, and the trailers that are known when it has ended."""

    pieces: AsyncIterator[bytes]
    trailers: Callable[[], Mapping[str, str]]


class Upstream:
    """Sends requests to the platform over kept connections. No request has a timeout: the runtime's polls have none."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def send(self, request: Request, body: Body | None) -> "httpcore.Response":
        """Send *request*, which has *body*, and wait for the head of the answer. Whoever gets it closes it.

        A request without a body is sent once more if the connection breaks: often the platform has just closed one
        that was kept.

        Raises:
            ConnectionError: The platform cannot be reached, or has closed the connection.
        """
        import httpcore

        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(network_backend=_backend(), max_connections=None)
        try:
            try:
                return await self._pool.handle_async_request(self._render(request, body))
            except (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError):
                if body is not None:
                    raise
                return await self._pool.handle_async_request(self._render(request, None))
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise ConnectionError(str(error) or type(error).__name__) from None

    def _render(self, request: Request, body: Body | None) -> "httpcore.Request":
        import httpcore

        host, port, prefix = self._platform
        headers = [("Host", f"{host}:{port}")]
        sent = (*request.headers.items(), *request.further_headers)
        headers += [(name, value) for name, value in sent if name not in HOP_BY_HOP]
        if body is not None and "content-length" not in request.headers:
            headers.append(("Transfer-Encoding", "chunked"))
        target = f"{prefix}{request.path}{'?' if request.query else ''}{request.query}"
        return httpcore.Request(
            request.method,
            httpcore.URL(scheme="http", host=host, port=port, target=target.encode("latin-1")),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            content=None if body is None else _pieces(body),
        )

    async def aclose(self) -> None:
        """Give up every connection."""
        if self._pool is not None:
            await self._pool.aclose()


async def _pieces(body: Body) -> AsyncIterator[bytes]:
    async for piece in body.pieces:
        yield piece
    _trailers.set(body.trailers())


def _backend() -> "httpcore.AsyncNetworkBackend":
    """Trio's sockets, on which the last chunk of a body is followed by the trailers of that body."""
    import httpcore

    class Stream(httpcore.AsyncNetworkStream):
        def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
            self._stream = stream

        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 -- httpcore's
            return await self._stream.read(max_bytes, timeout)

        async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- httpcore's
            if buffer == _LAST_CHUNK and (trailers := _trailers.get()):
                lines = (f"{name}: {value}\r\n" for name, value in trailers.items())
                buffer = b"0\r\n" + "".join(lines).encode("latin-1") + b"\r\n"
            await self._stream.write(buffer, timeout)

        async def aclose(self) -> None:
            await self._stream.aclose()

        def get_extra_info(self, info: str) -> object:
            return self._stream.get_extra_info(info)

    class Backend(httpcore.TrioBackend):
        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109 -- httpcore's
            local_address: str | None = None,
            socket_options: "Iterable[httpcore.SOCKET_OPTION] | None" = None,
        ) -> httpcore.AsyncNetworkStream:
            return Stream(await super().connect_tcp(host, port, timeout, local_address, socket_options))

    return Backend()
