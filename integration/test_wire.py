"""Bytes that are no requests, requests in odd forms and in great number: everybody gets an answer of their own."""

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from integration.environments import INVOCATIONS, Environment, Setup, running
from integration.http_calls import Port, next_answer, read_answer, request_bytes

PING = "/2018-06-01/ping"


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment whose function answers with what it got."""
    with running(tmp_path_factory.mktemp("environment"), Setup(["loop"])) as environment:
        yield environment


@pytest.fixture(params=["callers", "peers"])
def port(echo: Environment, request: pytest.FixtureRequest) -> Port:
    return echo.callers if request.param == "callers" else echo.peers


def check_served(echo: Environment) -> None:
    """Both ports still do their work."""
    assert echo.peers.request("GET", PING).body == b"pong"
    assert echo.invoke(b'"served"').body == b'"served"'


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\0\xff\xfe garbage\r\n\r\n", id="binary"),
        pytest.param(b"GET\r\n\r\n", id="no path"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="no such version"),
        pytest.param(b"NONSENSE / HTTP/1.1\r\n\r\n", id="no such method"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", id="no header"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", id="no length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", id="no chunk"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
    ],
)
def test_what_is_no_request_is_refused_and_the_next_one_served(echo: Environment, port: Port, garbage: bytes) -> None:
    with port.connect() as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(ConnectionError):
            while chunk := connection.recv(1 << 16):
                received += chunk

    assert not received or re.match(rb"HTTP/1\.1 4\d\d ", received)
    check_served(echo)


def test_headers_without_end_are_refused(echo: Environment, port: Port) -> None:
    with port.connect() as connection:
        with suppress(ConnectionError):
            connection.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 2_000_000)

        assert read_answer(connection).status == 431
    check_served(echo)


def test_connections_that_say_nothing_are_in_nobodys_way(echo: Environment, port: Port) -> None:
    silent = [port.connect() for _ in range(50)]
    half_said = [port.connect() for _ in range(50)]
    for connection in half_said:
        connection.sendall(b"POST / HT")

    check_served(echo)

    for connection in (*silent, *half_said):
        connection.close()
    check_served(echo)


def test_several_requests_on_one_connection_are_answered_in_their_order(echo: Environment) -> None:
    with echo.callers.connect() as connection, connection.makefile("rb") as stream:
        for number in range(5):
            payload = str(number).encode()
            connection.sendall(request_bytes("POST", INVOCATIONS, {"Content-Length": str(len(payload))}) + payload)
        answers = [next_answer(stream).body for _ in range(5)]

    assert answers == [b"0", b"1", b"2", b"3", b"4"]


def test_a_request_may_come_byte_by_byte(echo: Environment) -> None:
    request = request_bytes("POST", INVOCATIONS, {"Content-Length": "6"}) + b'"slow"'
    with echo.callers.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.sendall(bytes([byte]))

        assert read_answer(connection).body == b'"slow"'


def test_a_caller_that_waits_to_be_told_to_go_on_is_told(echo: Environment) -> None:
    with echo.callers.connect() as connection:
        connection.sendall(request_bytes("POST", INVOCATIONS, {"Content-Length": "6", "Expect": "100-continue"}))
        assert connection.recv(len(b"HTTP/1.1 100 Continue\r\n\r\n")) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'"told"')

        assert read_answer(connection).body == b'"told"'


def test_a_caller_that_has_said_everything_may_close_its_side(echo: Environment) -> None:
    with echo.callers.connect() as connection:
        connection.sendall(request_bytes("POST", INVOCATIONS, {"Content-Length": "6"}) + b'"said"')
        connection.shutdown(socket.SHUT_WR)

        assert read_answer(connection).body == b'"said"'


def test_fifty_callers_at_once_get_their_own_answers(echo: Environment) -> None:
    payloads = [json.dumps({"caller": number, "filling": "x" * number * 100}).encode() for number in range(50)]

    with ThreadPoolExecutor(max_workers=50) as threads:
        answers = list(threads.map(echo.invoke, payloads))

    assert [answer.body for answer in answers] == payloads
    assert len({answer.headers["x-amzn-requestid"] for answer in answers}) == 50


def test_a_thousand_invocations_in_a_row_get_their_own_answers(echo: Environment) -> None:
    with echo.callers.connect() as connection:
        for number in range(1000):
            payload = b'{"number": %d}' % number
            head = request_bytes("POST", INVOCATIONS, {"Content-Length": str(len(payload))})
            connection.sendall(head + payload)
            assert read_answer(connection).body == payload
