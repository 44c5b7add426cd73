"""HTTP as values: what goes over the wire, byte for byte."""

import json

import pytest

from supervisor.api.http import (
    ACCEPTED,
    JSON,
    NOT_FOUND,
    Request,
    Response,
    method_not_allowed,
    parse_json,
    refused,
    render_json,
)
from supervisor.errors import ProtocolError


def test_a_head_has_the_status_the_headers_and_the_length_of_the_body_and_is_open_for_more() -> None:
    response = Response(200, (JSON, ("Lambda-Runtime-Deadline-Ms", "1700000000000")), b"[1]")

    assert response.head() == (
        b"HTTP/1.1 200 OK\r\n"
        b"Content-Type: application/json\r\n"
        b"Lambda-Runtime-Deadline-Ms: 1700000000000\r\n"
        b"Content-Length: 3\r\n"
    )


@pytest.mark.parametrize(("status", "line"), [(204, b"204 No Content"), (304, b"304 ")])
def test_a_response_that_may_have_no_body_has_no_length(status: int, line: bytes) -> None:
    assert Response(status).head() == b"HTTP/1.1 %b\r\n" % line


def test_the_head_of_a_body_without_a_known_length_says_how_it_ends() -> None:
    assert Response(200, (JSON,)).head("Transfer-Encoding: chunked\r\n") == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    )
    assert Response(200).head("") == b"HTTP/1.1 200 OK\r\n"


def test_a_status_that_has_no_reason_here_is_sent_without_one() -> None:
    assert Response(299).head().startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize("body", [b"12345", bytearray(b"12345"), memoryview(b"12345")])
def test_every_form_of_a_body_has_its_length(body: bytes | bytearray | memoryview) -> None:
    assert b"Content-Length: 5\r\n" in Response(200, body=body).head()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, b"OK"),
        (202, b"Accepted"),
        (204, b"No Content"),
        (400, b"Bad Request"),
        (402, b"Payment Required"),
        (403, b"Forbidden"),
        (404, b"Not Found"),
        (405, b"Method Not Allowed"),
        (408, b"Request Timeout"),
        (409, b"Conflict"),
        (410, b"Gone"),
        (413, b"Request Entity Too Large"),
        (415, b"Unsupported Media Type"),
        (429, b"Too Many Requests"),
        (431, b"Request Header Fields Too Large"),
        (500, b"Internal Server Error"),
        (501, b"Not Implemented"),
        (502, b"Bad Gateway"),
        (503, b"Service Unavailable"),
        (504, b"Gateway Timeout"),
    ],
)
def test_every_status_of_the_reference_has_its_reason(status: int, reason: bytes) -> None:
    assert Response(status).head().startswith(b"HTTP/1.1 %d %s\r\n" % (status, reason))


def test_a_header_is_sent_as_latin_1_and_what_does_not_fit_as_a_question_mark() -> None:
    assert b"X-Name: M\xfcller ?\r\n" in Response(200, (("X-Name", "Müller \u20ac"),)).head()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"errorType": "E", "n": [1, None, True]}, '{"errorType":"E","n":[1,null,true]}\n'),
        ("<a href='&'>", "\"\\u003ca href='\\u0026'\\u003e\"\n"),
        ("Grüße", '"Grüße"\n'),
        ('tab\t and "quote"', '"tab\\t and \\"quote\\""\n'),
        ({}, "{}\n"),
    ],
)
def test_json_is_compact_and_escapes_what_html_would_read(value: object, text: str) -> None:
    assert render_json(value) == text.encode()
    assert json.loads(render_json(value)) == value


def test_a_lone_surrogate_can_be_rendered() -> None:
    assert render_json("\ud800") == b'"\xed\xa0\x80"\n'


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":[1]}', {"a": [1]}),
        (memoryview(b"1"), 1),
        (b"null", None),
        (b"", None),
        (b"{", None),
        (b"\xff", None),
        pytest.param(b"[" * 100_000, None, id="deeply nested"),
    ],
)
def test_a_body_is_parsed_or_is_no_json(body: bytes, value: object) -> None:
    assert parse_json(body) == value


def test_the_answers_that_never_change() -> None:
    accepted = Response(202, (("Content-Type", "application/json"),), b'{"status":"OK"}\n')
    assert (accepted.head(), accepted.body) == (ACCEPTED.head(), ACCEPTED.body)
    assert Response(404, (("Content-Type", "text/plain; charset=utf-8"),), b"404 page not found\n") == NOT_FOUND


def test_a_wrong_method_is_told_the_right_ones() -> None:
    assert method_not_allowed("GET", "HEAD") == Response(405, (("Allow", "GET, HEAD"),))


def test_a_refusal_has_its_message_before_its_type() -> None:
    assert refused(ProtocolError(400, "InvalidRequestID", "Invalid request ID")) == Response(
        400,
        (("Content-Type", "application/json"),),
        b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}\n',
    )


def test_a_request_without_more_has_no_query_no_headers_and_no_body() -> None:
    assert Request("GET", "/") == Request("GET", "/", "", {}, b"")
