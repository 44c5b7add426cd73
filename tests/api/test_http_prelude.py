import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.api.function_url import MalformedResponseError
from supervisor.api.http import Response
from supervisor.api.http_prelude import PRELUDE_BYTES, Prelude

SAID = {"statusCode": 201, "headers": {"Content-Type": "text/html"}, "cookies": ["a=1", "b=2"]}
HEAD = Response(201, (("Content-Type", "text/html"), ("set-cookie", "a=1"), ("set-cookie", "b=2")))
PRELUDE = json.dumps(SAID).encode() + bytes(8)


def read(*pieces: bytes) -> tuple[Response | None, bytes]:
    """The head, and all of the body, that *pieces* bring."""
    prelude, head, body = Prelude(), None, b""
    for piece in pieces:
        if head is None:
            head = prelude.feed(piece)
            body = prelude.rest
        else:
            body += piece
    return head, body


@pytest.mark.rule("invoke-api/prelude-split")
@given(st.binary(max_size=40), st.lists(st.integers(0, len(PRELUDE) + 40), max_size=8))
def test_a_prelude_may_be_cut_anywhere(body: bytes, places: list[int]) -> None:
    stream = PRELUDE + body
    edges = sorted({0, len(stream), *(min(place, len(stream)) for place in places)})
    pieces = [stream[start:end] for start, end in pairwise(edges)]

    assert read(*pieces) == (HEAD, body)


@pytest.mark.rule("invoke-api/prelude-end-split")
@pytest.mark.parametrize("place", range(1, 9))
def test_the_nul_bytes_may_be_cut_anywhere(place: int) -> None:
    assert read(PRELUDE[:-place], PRELUDE[-place:] + b"\0body") == (HEAD, b"\0body")


def test_a_prelude_in_single_bytes_is_a_prelude() -> None:
    assert read(*(bytes([byte]) for byte in PRELUDE + b"body")) == (HEAD, b"body")


def test_a_prelude_that_says_nothing_has_its_defaults() -> None:
    assert read(b"{}" + bytes(8)) == (Response(200, (("Content-Type", "application/octet-stream"),)), b"")


def test_an_unfinished_prelude_has_no_head() -> None:
    assert read(PRELUDE[:-1]) == (None, b"")


@pytest.mark.parametrize(
    "stream",
    [
        bytes(8),
        b"no json" + bytes(8),
        b"[]" + bytes(8),
        b'{"statusCode": "odd"}' + bytes(8),
        b" " * (PRELUDE_BYTES + 1),
    ],
)
def test_what_is_no_prelude_is_told_as_such(stream: bytes) -> None:
    with pytest.raises(MalformedResponseError):
        read(stream)
