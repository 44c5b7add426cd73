"""Owns the memory of heads: clients send the same head over and over, and the same bytes mean the same.

What they mean the parser found out when they came for the first time. Nothing is parsed here: of a head that differs
in its target, as with an identifier in it, or in the length of its body, those two are found by their form. What has
another form is left to the parser.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from supervisor.api.http import Request

_REMEMBERED: Final = 4
"""So many heads of a connection. Ours: a client that waits for events sends two."""

_LONGEST_BYTES: Final = 2048
"""A longer head is not remembered. Ours."""

_HEAD_END: Final = b"\r\n\r\n"
_HEAD_END_BYTES: Final = len(_HEAD_END)

_FIRST_LINE: Final = re.compile(rb"(GET|POST) (/[\w\-.:%/]*)(?:\?([\w\-.:%/=&+]*))? HTTP/1\.1\r\n")
_LENGTH: Final = re.compile(rb"(?<=\r\n)content-length: (\d{1,7})\r\n", re.IGNORECASE)


Known = tuple[Request, bool]
"""A request, and whether its connection lives on after it."""


class _Whole(NamedTuple):
    """What a head means; *length* is that of the head and of the body that it announces, in bytes."""

    known: Known
    length: int


class _Lines(NamedTuple):
    """What the lines after the first one mean, but for the length that they announce."""

    headers: Mapping[str, str]
    further_headers: Sequence[tuple[str, str]]
    keep_alive: bool


class Heads:
    """The heads that came on one connection."""

    __slots__ = ("_lines", "_wholes")

    def __init__(self) -> None:
        self._wholes: dict[bytes, _Whole] = {}
        self._lines: dict[bytes, _Lines] = {}

    def request(self, data: bytes) -> Known | None:
        """The request that *data* is, if it is one whole request and its head is known.

        Those without a body are one and the same, as often as they come.
        """
        # Without an end in sight the beginning is one of which nothing is known.
        end = data.find(_HEAD_END, 0, _LONGEST_BYTES) + _HEAD_END_BYTES
        whole = self._wholes.get(data[:end])
        if whole is None:
            return self._request_by_lines(data, end) if self._lines else None
        known, length = whole
        if length != len(data):
            return None
        if length == end:
            return known
        one, keep_alive = known
        body, further = data[end:], one.further_headers
        return Request(one.method, one.path, one.query, one.headers, body, one.version, further), keep_alive

    def remember(self, data: bytes, request: Request, *, keep_alive: bool) -> bool:
        """Learn that *request*, which is all in, came at the beginning of *data*; whether nothing came behind it."""
        end = data.find(_HEAD_END, 0, _LONGEST_BYTES) + _HEAD_END_BYTES
        if end + len(request.body) != len(data):
            return False
        if len(self._wholes) < _REMEMBERED:
            self._wholes[data[:end]] = _Whole((replace(request, body=b""), keep_alive), len(data))
        if len(self._lines) < _REMEMBERED and (first := _FIRST_LINE.match(data)):
            lines, _ = _without_length(data[first.end() - 2 : end])
            self._lines[lines] = _Lines(request.headers, request.further_headers, keep_alive)
        return True

    def _request_by_lines(self, data: bytes, end: int) -> Known | None:
        first = _FIRST_LINE.match(data)
        if first is None:
            return None
        lines, length = _without_length(data[first.end() - 2 : end])
        meaning = self._lines.get(lines)
        if meaning is None or int(length or 0) != len(data) - end:
            return None
        method, path, query = first.groups(b"")
        headers, further, keep_alive = meaning
        if length:
            headers = {**headers, "content-length": length.decode()}
        request = Request(method.decode(), path.decode(), query.decode(), headers, data[end:], "1.1", further)
        return request, keep_alive


def _without_length(lines: bytes) -> tuple[bytes, bytes]:
    """*lines* without the number of a `Content-Length`, and that number; nothing where there is none."""
    length = _LENGTH.search(lines)
    if length is None:
        return lines, b""
    begin, end = length.span(1)
    return lines[:begin] + lines[end:], length[1]
