from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.api.http import Request
from supervisor.system.http_exchange import WayBack
from supervisor.system.http_heads import Heads
from supervisor.system.http_reader import RequestReader

POST = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
REQUEST = Request("POST", "/a", "b=c", {"host": "x", "content-length": "3"}, b"one")

MESSAGES = (
    POST + b"one",
    POST + b"\r\n\r",
    b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
    b"POST /b/1?%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour",
    b"POST http://x/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none",
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 5000 + b"\r\n\r\n",
)


def requests(reads: list[bytes]) -> list[Request]:
    """What comes out of one reader that is given *reads*, one after the other."""
    reader = RequestReader(cast("WayBack", None))  # nothing is answered
    found = []
    for read in reads:
        reader.feed(read)
        while reader.arrived and reader.arrived[0].finished:
            found.append(reader.arrived.popleft().request)
    return found


def known(data: bytes, request: Request) -> Heads:
    heads = Heads()
    assert heads.remember(data, request, keep_alive=True)
    return heads


def test_the_same_head_means_the_same_with_another_body() -> None:
    found = known(POST + b"one", REQUEST).request(POST + b"two")

    assert found == (Request("POST", "/a", "b=c", REQUEST.headers, b"two"), True)


def test_a_head_without_a_body_is_read_once() -> None:
    head = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    heads = known(head, Request("GET", "/a", headers={"host": "x"}))
    first, second = heads.request(head), heads.request(head)

    assert first is not None
    assert second is not None
    assert first[0] is second[0]


def test_the_same_lines_mean_the_same_with_another_target_and_another_length() -> None:
    found = known(POST + b"one", REQUEST).request(
        b"POST /id/1%2F?d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour"
    )

    assert found == (Request("POST", "/id/1%2F", "d", {"host": "x", "content-length": "4"}, b"four"), True)


@pytest.mark.parametrize(
    "data",
    [
        b"POST http://x/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none",
        b"POST /#a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none",
        b"POST /a b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none",
        b"POST /a HTTP/1.0\r\nHost: x\r\nContent-Length: 3\r\n\r\none",
        b"HEAD /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\none",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\none",
        b"POST /a HTTP/1.1\r\nHost: y\r\nContent-Length: 3\r\n\r\none",
        b"POST /a HTTP/1.1\r\nHost: x\r\n\r\none",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\none",
    ],
)
def test_what_has_another_form_or_other_lines_is_left_to_the_parser(data: bytes) -> None:
    assert known(POST + b"one", REQUEST).request(data) is None


def test_less_or_more_than_one_request_is_left_to_the_parser() -> None:
    heads = known(POST + b"one", REQUEST)

    assert heads.request(POST + b"tw") is None
    assert heads.request(POST + b"twoGET") is None
    assert heads.request(POST[:-2]) is None


def test_a_request_with_something_behind_it_is_not_learnt() -> None:
    heads = Heads()

    assert not heads.remember(POST + b"oneGET", REQUEST, keep_alive=True)
    assert heads.request(POST + b"one") is None


def test_only_a_few_heads_are_kept() -> None:
    heads = Heads()
    data = [b"GET / HTTP/1.1\r\nX: %d\r\n\r\n" % number for number in range(100)]
    for number, read in enumerate(data):
        heads.remember(read, Request("GET", "/", headers={"x": str(number)}), keep_alive=True)

    assert len([read for read in data if heads.request(read)]) == 4


@given(st.lists(st.sampled_from(MESSAGES), max_size=12), st.data())
def test_what_is_read_does_not_depend_on_what_came_before(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(messages)
    ends = [sum(map(len, messages[: count + 1])) for count in range(len(messages))]
    cuts = sorted({0, *ends, *data.draw(st.lists(st.integers(0, len(stream)), max_size=3))})
    reads = [stream[begin:end] for begin, end in pairwise(cuts)]

    apart = [request for message in messages for request in requests([message])]

    assert requests(reads) == apart
