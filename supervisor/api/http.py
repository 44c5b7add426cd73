"""HTTP as values: a request that has been read, a response that will be written, and the two forms of an error body."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from supervisor.errors import ProtocolError
from supervisor.lifecycle.invocation import Payload
from supervisor.values import frozen

_BODILESS: Final = frozenset({204, 304})
"""Answers with these end with their head, and say no length (RFC 9110, 8.6, 15.3.5 and 15.4.5)."""

Headers = tuple[tuple[str, str], ...]

_REASONS: Final = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_STATUS_LINES: Final = {status: f"HTTP/1.1 {status} {reason}\r\n" for status, reason in _REASONS.items()}


@dataclass(slots=True)
class Request:
    """One request. Header names are lower case; values are decoded as Latin-1, as HTTP defines them.

    *headers* has the first value of each name, *further_headers* those of names that came before.

    *path* is as sent, without the query; *body* is complete once the request has been handed over as finished;
    *version* is that of HTTP, `1.1` or `1.0`.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Payload = b""
    version: str = "1.1"
    further_headers: Sequence[tuple[str, str]] = ()


@frozen()
class Response:
    """One answer. What frames its body, `Date` and `Connection` are the server's business and not in *headers*.

    *rendered_head* is what `head` gives, where whoever answers has rendered it; then *headers* may be empty.
    """

    status: int
    headers: Headers = ()
    body: Payload = b""
    rendered_head: bytes = b""

    @property
    def is_bodiless(self) -> bool:
        """Whether its status rules a body out."""
        return self.status in _BODILESS

    def head(self, framing: str | None = None) -> bytes:
        """The status line and the headers as they go over the wire, up to what the server adds.

        *framing* is the line for a body whose length is not known yet; without one the length is told.
        """
        if self.rendered_head and framing is None:
            return self.rendered_head
        text = _STATUS_LINES.get(self.status) or f"HTTP/1.1 {self.status} \r\n"
        for name, value in self.headers:
            text = f"{text}{name}: {value}\r\n"
        if framing is not None:
            text += framing
        elif self.status not in _BODILESS:
            text = f"{text}Content-Length: {len(self.body)}\r\n"
        return text.encode("latin-1", "replace")


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
"""Made once: `json.dumps` would make one for each value."""


_ESCAPES: Final = [(character, f"\\u{ord(character):04x}") for character in "<>&\u2028\u2029"]


def render_json(value: object) -> bytes:
    """Render *value* as the platform does: compact, one final newline, escaped as Go does."""
    return render_json_text(_ENCODER.encode(value))


def render_json_text(text: str) -> bytes:
    """Render *text*, which is JSON already, in the same way."""
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    return (text + "\n").encode("utf-8", "surrogatepass")


JSON: Final = ("Content-Type", "application/json")
TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")

GOOD: Final = _STATUS_LINES[200]
"""The status line of a good answer, for those who render a head themselves."""

JSON_HEAD: Final = f"{GOOD}{JSON[0]}: {JSON[1]}\r\n"
"""What the rendered head of a good answer in JSON begins with."""

_ACCEPTED: Final = Response(202, (JSON,), render_json({"status": "OK"}))
ACCEPTED: Final = replace(_ACCEPTED, rendered_head=_ACCEPTED.head())
NOT_FOUND: Final = Response(404, (TEXT,), b"404 page not found\n")


def method_not_allowed(*allowed: str) -> Response:
    """Answer a known path with a wrong method (RIE 1.170: 405, no body, an `Allow` header)."""
    return Response(405, (("Allow", ", ".join(allowed)),))


def refused(error: ProtocolError) -> Response:
    """Answer a refused call of the Runtime API or the Extensions API."""
    body = render_json({"errorMessage": error.message, "errorType": error.error_type})
    return Response(error.http_status, (JSON,), body)


def parse_json(body: Payload) -> object:
    """The value of *body*, None when it is not JSON or nested too deeply (or is `null`, which carries no more)."""
    try:
        return cast("object", json.loads(bytes(body)))
    except (ValueError, RecursionError):
        return None
