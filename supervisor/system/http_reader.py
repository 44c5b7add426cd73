"""Owns the parsing of requests: bytes go in, in any portions, exchanges come out, in order.

When an exchange is served is the connection's business. The parser is llhttp, Node's, by way of httptools.
"""

from collections import deque
from typing import Final

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from supervisor.api.http import TEXT, Request, Response
from supervisor.system.http_exchange import Exchange, WayBack
from supervisor.system.http_heads import Heads

HEAD_BYTES: Final = 1536 * 1024
"""How large a head may be, counted in steps of a read. Runtimes send an X-Ray cause of up to 1 MiB in one header
(aws-lambda-go `xrayErrorCauseMaxSize`), and everything else has to fit beside it."""

_HEAD_TOO_LARGE: Final = Response(431, (TEXT,), b"request header larger than %d bytes\n" % HEAD_BYTES)


class RequestReader:
    """Reads the requests of one connection.

    Attributes:
        arrived: Exchanges whose head is in, for the connection to take. Only the last one can be unfinished.
        refusal: What the peer is to be told after those, because no request follows. Nothing more can be read then.
    """

    __slots__ = (
        "_at_start",
        "_between_bytes",
        "_further_headers",
        "_headers",
        "_heads",
        "_latest",
        "_parser",
        "_target",
        "_way_back",
        "arrived",
        "refusal",
    )

    def __init__(self, way_back: WayBack) -> None:
        self._way_back = way_back
        self.arrived: deque[Exchange] = deque()
        self.refusal: Response | None = None
        self._latest: Exchange | None = None
        self._heads = Heads()
        self._at_start: bool
        self._target: bytes
        self._headers: dict[str, str]
        self._further_headers: list[tuple[str, str]]
        self._restart()

    def feed(self, data: bytes) -> None:
        """Read on."""
        at_start = self._at_start
        if at_start and (known := self._heads.request(data)) is not None:
            request, keep_alive = known
            exchange = Exchange(self._way_back, request, keep_alive=keep_alive)
            exchange.finished = True
            self.arrived.append(exchange)
            return
        self._parse(data)
        self._at_start = at_start and self._is_whole(data)

    def _is_whole(self, data: bytes) -> bool:
        """Whether *data*, which is parsed, was one request, no less and no more. Then its head is remembered."""
        if len(self.arrived) != 1 or not self.arrived[0].finished:
            return False
        exchange = self.arrived[0]
        return self._heads.remember(data, exchange.request, keep_alive=exchange.keep_alive)

    def _parse(self, data: bytes) -> None:
        self._between_bytes += len(data)
        while data:
            try:
                self._parser.feed_data(data)
                break
            except HttpParserUpgrade as upgrade:
                data = self._without_upgrade() + data[upgrade.args[0] :]
            except HttpParserCallbackError:
                raise
            except HttpParserError as error:
                self._refuse(Response(400, (TEXT,), f"malformed HTTP request: {error}\n".encode()))
                break
        if self._between_bytes > HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)

    def awaits_continue(self) -> bool:
        """Whether the latest body is sent only after a `100 Continue` (RFC 9110, 10.1.1; never to HTTP/1.0)."""
        assert self._latest is not None
        request = self._latest.request
        expectation = request.headers.get("expect", "").lower()
        return expectation == "100-continue" and not request.body and request.version != "1.0"

    def hand_over_body(self) -> int | None:
        """Leave the rest of an announced body to the caller, and expect a request after it.

        Returns:
            How many bytes that are; None for a body in chunks, which goes on being read here.
        """
        assert self._latest is not None
        request = self._latest.request
        announced = request.headers.get("content-length")
        if announced is None:
            return None
        self._latest = None
        self._restart()
        return int(announced) - len(request.body)

    def close(self) -> None:
        """Let go of everything. Nothing can be read any more."""
        self.arrived.clear()
        self.refusal = None
        self._latest = None
        # Without the cycles that these two are part of, a closed connection is freed at once.
        del self._parser, self._way_back

    # What llhttp finds. No service is called from here, because llhttp would run on whatever the service decides.

    def on_url(self, target: bytes) -> None:
        """A piece of the request's target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer. The first of a name counts (RIE 1.170: Go's `Header.Get`)."""
        key, text = name.lower().decode("latin-1"), value.rstrip().decode("latin-1")
        if key in self._headers:
            self._further_headers.append((key, text))
        else:
            self._headers[key] = text

    def on_headers_complete(self) -> None:
        """The head is in."""
        target = self._target.decode("latin-1")
        if not target.startswith("/"):
            target = _origin_form(target)
        path, _, query = target.partition("?")
        parser = self._parser
        method, version = parser.get_method().decode("latin-1"), parser.get_http_version()
        request = Request(method, path, query, self._headers, version=version)
        if self._further_headers:
            request.further_headers, self._further_headers = self._further_headers, []
        self._latest = Exchange(self._way_back, request, keep_alive=parser.should_keep_alive())
        self.arrived.append(self._latest)
        self._target = b""
        self._headers = {}
        self._between_bytes = 0

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        assert self._latest is not None
        request = self._latest.request
        self._between_bytes = 0
        if self._latest.answered or self._latest.oversized:
            return
        if not request.body:
            request.body = piece
        elif isinstance(request.body, bytearray):
            request.body += piece
        else:
            request.body = bytearray(request.body) + piece

    def on_message_complete(self) -> None:
        """The request is over."""
        assert self._latest is not None
        self._latest.finished = True
        if self._headers:
            self._latest.trailers = self._headers
            self._headers, self._further_headers = {}, []
        # A body of megabytes is not to be held until another request comes.
        self._latest = None

    def _restart(self) -> None:
        """Expect the first byte of a request, whatever was expected before."""
        self._parser = HttpRequestParser(self)
        self._target = b""
        self._headers = {}
        self._further_headers = []
        self._between_bytes = 0
        self._at_start = True

    def _refuse(self, response: Response) -> None:
        if self._latest is not None and self.arrived:
            self.arrived.pop()
        self.refusal = response

    def _without_upgrade(self) -> bytes:
        """The latest head again, without what llhttp takes for the end of HTTP, and so for the lack of a body.

        A server may ignore an `Upgrade` (RFC 9110, 7.8). `CONNECT` ends HTTP by its name; it is the last request then.
        """
        exchange = self.arrived[-1]
        request = exchange.request
        if request.method == "CONNECT":
            exchange.keep_alive = False
            return b""
        target = f"{request.path}?{request.query}" if request.query else request.path
        lines = [f"{request.method} {target} HTTP/{request.version}"]
        headers = (*request.headers.items(), *request.further_headers)
        lines += [f"{name}: {value}" for name, value in headers if name != "upgrade"]
        self.arrived.pop()
        self._restart()
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def _origin_form(target: str) -> str:
    """The path and query of a target in another form (RFC 9112, 3.2.2: a server must accept the absolute one)."""
    _, absolute, rest = target.partition("://")
    return "/" + rest.partition("/")[2] if absolute else target
