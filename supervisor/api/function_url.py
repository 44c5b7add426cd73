"""Function URLs, payload format 2.0: the event that an HTTP request becomes, and the response that a result becomes.

The beginning of a streamed response is in `http_prelude` (AWS: Function URLs, "Request and response payloads").
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

from supervisor.api.http import JSON, TEXT, Headers, Request, Response
from supervisor.errors import ProtocolError
from supervisor.lifecycle.invocation import Payload

REQUEST_BYTES: Final = 6 * 1024 * 1024
"""The body of a request (AWS: Lambda quotas, "Invocation payload")."""

FAILED: Final = Response(502, (TEXT,), b"Internal Server Error")
"""The function failed, or its result is no response (AWS: Function URLs, "Troubleshooting")."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TEXT_TYPE: Final = re.compile(r"text/.*|application/(?:json|javascript|xml)|.*\+(?:json|xml)", re.IGNORECASE)
"""What is handed over as text. Ours, after the list for HTTP APIs (AWS: API Gateway, "Binary media types")."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_CONNECTION: Final = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding"})
"""Headers that the server writes itself."""

_CONTROL_CHARACTERS: Final = dict.fromkeys((*range(32), 127), " ")
_STATUSES: Final = range(200, 600)


@dataclass(frozen=True, slots=True)
class Url:
    """A function URL: its identifier, and the region that its name would have on AWS."""

    url_id: str
    region: str

    @property
    def domain_name(self) -> str:
        """The host under which AWS would serve it."""
        return f"{self.url_id}.lambda-url.{self.region}.on.aws"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What there is to know of a request beside itself: *at_ms* is in epoch milliseconds."""

    request_id: str
    trace_id: str
    source_ip: str
    at_ms: int


class MalformedResponseError(ValueError):
    """What the function returned is no response."""


def event(request: Request, url: Url, arrival: Arrival) -> bytes:
    """The event that the function gets."""
    headers = _joined((*request.headers.items(), *request.further_headers))
    cookies = headers.pop("cookie", "")
    fields: dict[str, object] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
    }
    if cookies:
        fields["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    fields["headers"] = {
        **headers,
        "x-amzn-trace-id": arrival.trace_id,
        "x-forwarded-for": arrival.source_ip,
        "x-forwarded-proto": "http",
    }
    if request.query:
        fields["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    fields["requestContext"] = _context(request, url, arrival)
    if request.body:
        fields["body"], fields["isBase64Encoded"] = _text_of(request)
    else:
        fields["isBase64Encoded"] = False
    return json.dumps(fields, separators=(",", ":")).encode()


def _context(request: Request, url: Url, arrival: Arrival) -> dict[str, object]:
    at = datetime.fromtimestamp(arrival.at_ms / 1000, UTC)
    return {
        "accountId": "anonymous",
        "apiId": url.url_id,
        "authentication": None,
        "authorizer": None,
        "domainName": url.domain_name,
        "domainPrefix": url.url_id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": f"HTTP/{request.version}",
            "sourceIp": arrival.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": arrival.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{at:%d}/{_MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000",
        "timeEpoch": arrival.at_ms,
    }


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Every name once; the values of a repeated one with a comma between them."""
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _text_of(request: Request) -> tuple[str, bool]:
    """The body as text, and whether that is base64."""
    content_type = request.headers.get("content-type", "text/plain").partition(";")[0].strip()
    body = bytes(request.body)
    if _TEXT_TYPE.fullmatch(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def response(payload: Payload) -> Response:
    """The response that the result of a function is: said by an object with `statusCode`, else itself the body.

    Raises:
        MalformedResponseError: It is neither.
    """
    try:
        result = json.loads(bytes(payload))
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError(f"the result is not JSON: {error}") from None
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(200, (JSON,), payload)
    head = response_head(result, "application/json")
    return Response(head.status, head.headers, _body_of(result))


def response_head(said: Mapping[str, object], default_type: str) -> Response:
    """The status and the headers that a function says; *default_type* is for a body whose type it does not say.

    Raises:
        MalformedResponseError: They are not of the right form.
    """
    headers = [*_single_headers(said.get("headers")), *_multiple_headers(said.get("multiValueHeaders"))]
    headers = [header for header in headers if header[0].lower() not in _OF_THE_CONNECTION]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", default_type))
    cookies = said.get("cookies")
    headers += [("set-cookie", _value(cookie)) for cookie in (cookies if isinstance(cookies, list) else [])]
    return Response(_status(said.get("statusCode", 200)), tuple(headers))


def _status(said: object) -> int:
    if isinstance(said, str) and said.isdecimal():
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int) or said not in _STATUSES:
        raise MalformedResponseError(f"the statusCode is {said!r}")
    return said


def _single_headers(said: object) -> Headers:
    if said is None:
        return ()
    if not isinstance(said, dict):
        raise MalformedResponseError("headers is no object")
    return tuple((_name(name), _value(value)) for name, value in said.items())


def _multiple_headers(said: object) -> Headers:
    if said is None:
        return ()
    if not isinstance(said, dict) or not all(isinstance(values, list) for values in said.values()):
        raise MalformedResponseError("multiValueHeaders is no object of lists")
    return tuple((_name(name), _value(value)) for name, values in said.items() for value in values)


def _name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise MalformedResponseError(f"{name!r} cannot be the name of a header")
    return name


def _value(value: object) -> str:
    """A header's value: text as UTF-8 bytes in the form of Latin-1 characters, anything else as its JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode("latin-1").translate(_CONTROL_CHARACTERS)


def _body_of(result: Mapping[str, object]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponseError("the body is no string")
    if not result.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body)
    except binascii.Error:
        raise MalformedResponseError("the body is not base64") from None


def refused(error: ProtocolError) -> Response:
    """Answer a request that does not reach the function."""
    return Response(error.http_status, (JSON,), json.dumps({"Message": error.message}).encode())
