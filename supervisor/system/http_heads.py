"""Owns the memory of heads: clients send the same head over and over, and the same bytes mean the same.

What they mean the parser found out when they came for the first time. Nothing is parsed here.
"""

from dataclasses import replace
from typing import Final, NamedTuple

from supervisor.api.http import Request

_REMEMBERED: Final = 4
"""So many heads of a connection. Ours: a client that waits for events sends two; one with an id never comes again."""

_LONGEST_BYTES: Final = 2048
"""A longer head is not remembered. Ours."""

_HEAD_END: Final = b"\r\n\r\n"


class _Meaning(NamedTuple):
    """What a head means; *length* is that of the head and of the body that it announces, in bytes."""

    request: Request
    keep_alive: bool
    length: int


class Heads:
    """The heads that came on one connection."""

    __slots__ = ("_meanings",)

    def __init__(self) -> None:
        self._meanings: dict[bytes, _Meaning] = {}

    def request(self, data: bytes) -> tuple[Request, bool] | None:
        """The request that *data* is, and whether the connection lives on, if it is one whole request and known."""
        # Without an end in sight the beginning is one of which nothing is known.
        end = data.find(_HEAD_END, 0, _LONGEST_BYTES) + len(_HEAD_END)
        meaning = self._meanings.get(data[:end])
        if meaning is None or meaning.length != len(data):
            return None
        known = meaning.request
        body, further = data[end:], known.further_headers
        request = Request(known.method, known.path, known.query, known.headers, body, known.version, further)
        return request, meaning.keep_alive

    def remember(self, data: bytes, request: Request, *, keep_alive: bool) -> bool:
        """Learn that *request*, which is all in, came at the beginning of *data*; whether nothing came behind it."""
        end = data.find(_HEAD_END, 0, _LONGEST_BYTES) + len(_HEAD_END)
        if end + len(request.body) != len(data):
            return False
        if len(self._meanings) < _REMEMBERED:
            known = replace(request, body=b"")
            self._meanings[data[:end]] = _Meaning(known, keep_alive, len(data))
        return True
