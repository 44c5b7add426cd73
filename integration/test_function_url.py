"""The function URL: HTTP in front, and a runtime that is the test behind it."""

import base64
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment, Setup, running
from integration.http_calls import Answer, Port
from integration.peers import RuntimePlayer, StreamedResponse, request_id_of
from integration.processes import wait_until

PORT = 8090
PRELUDE_TYPE = {"Content-Type": "application/vnd.awslambda.http-integration-response"}
PRELUDE = b'{"statusCode": 201, "headers": {"Content-Type": "text/html"}, "cookies": ["a=1", "b=2"]}' + bytes(8)
MEGABYTE = 1024 * 1024
FAILED = (502, b"Internal Server Error")


def options(mode: str) -> list[str]:
    return ["--function-url-address", f"127.0.0.1:{PORT}", "--function-url-invoke-mode", mode]


def played(folder: Any, mode: str) -> Iterator[Environment]:
    with running(folder, Setup(["pause"], options=options(mode))) as environment:
        runtime = RuntimePlayer(environment)
        poll, call = runtime.start_next(), environment.start_invoke()
        runtime.respond(poll.result())
        call.result()
        yield environment


@pytest.fixture(scope="module")
def buffered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A function URL that answers with whole responses."""
    yield from played(tmp_path_factory.mktemp("environment"), "BUFFERED")


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A function URL that answers with each piece as it comes."""
    yield from played(tmp_path_factory.mktemp("environment"), "response_stream")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


class Browser:
    """One request to the function URL. To be closed."""

    def __init__(self, environment: Environment, path: str = "/", headers: Mapping[str, str] | None = None) -> None:
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = environment.port(PORT).connect()
        self.connection.request("GET", path, headers=dict(headers or {}))

    def head(self) -> http.client.HTTPResponse:
        """Wait for the status and the headers."""
        return self.connection.getresponse()

    def close(self) -> None:
        self.connection.close()


def open_url(
    threads: ThreadPoolExecutor, environment: Environment, path: str = "/", body: bytes = b"", **headers: str
) -> "Future[Answer]":
    port: Port = environment.port(PORT)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return threads.submit(port.request, "POST" if body else "GET", path, named, body)


def test_a_request_reaches_the_function_as_an_event(buffered: Environment, threads: ThreadPoolExecutor) -> None:
    answer = open_url(threads, buffered, "/a%20path?x=1&x=2", b"\0\xff", Cookie="a=1; b=2", Content_Type="image/png")
    runtime = RuntimePlayer(buffered)
    invocation = runtime.next()
    runtime.respond(invocation, b'{"seen": true}')
    event = json.loads(invocation.body)

    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/a%20path", "x=1&x=2")
    assert (event["cookies"], event["queryStringParameters"]) == (["a=1", "b=2"], {"x": "1,2"})
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\0\xff", True)
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["requestId"] == request_id_of(invocation)
    assert event["headers"]["x-amzn-trace-id"] == invocation.headers["lambda-runtime-trace-id"]
    assert (answer.result().status, answer.result().body) == (200, b'{"seen": true}')
    assert answer.result().headers["content-type"] == "application/json"
    assert answer.result().headers["x-amzn-requestid"] == request_id_of(invocation)


def test_a_result_with_a_status_code_is_the_response(buffered: Environment) -> None:
    result = {
        "statusCode": 418,
        "headers": {"Content-Type": "text/html"},
        "cookies": ["a=1", "b=2"],
        "body": "<b>ü</b>",
    }
    with closing(Browser(buffered)) as browser:
        runtime = RuntimePlayer(buffered)
        runtime.respond(runtime.next(), json.dumps(result).encode())
        response = browser.head()

        assert (response.status, response.read().decode()) == (418, "<b>ü</b>")
        assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
        assert response.headers["Content-Type"] == "text/html"


@pytest.mark.rule("invoke-api/url-function-error")
@pytest.mark.parametrize("mode", ["buffered", "streaming"])
def test_a_failed_function_is_a_bad_gateway(
    request: pytest.FixtureRequest, threads: ThreadPoolExecutor, mode: str
) -> None:
    environment = request.getfixturevalue(mode)
    answer = open_url(threads, environment)
    runtime = RuntimePlayer(environment)
    runtime.fail(runtime.next(), b'{"errorType":"Odd"}')

    assert (answer.result().status, answer.result().body) == FAILED


def test_a_result_that_is_no_response_is_a_bad_gateway_and_its_reason_is_logged(
    buffered: Environment, threads: ThreadPoolExecutor
) -> None:
    answer = open_url(threads, buffered)
    runtime = RuntimePlayer(buffered)
    invocation = runtime.next()
    runtime.respond(invocation, b"not json")

    assert (answer.result().status, answer.result().body) == FAILED
    buffered.wait_for(f"The function URL answers request {request_id_of(invocation)} with 502: the result is not JSON")


def test_a_request_of_more_than_six_megabytes_is_refused(buffered: Environment) -> None:
    answer = buffered.port(PORT).request("POST", "/", {}, bytes(6 * MEGABYTE + 1))

    assert answer.status == 413
    assert "Message" in json.loads(answer.body)


@pytest.mark.rule("invoke-api/url-throttled")
def test_a_full_line_is_too_many_requests(environment: StartEnvironment) -> None:
    env = environment(["pause"], options=[*options("BUFFERED"), "--queue-size", "0"])
    runtime = RuntimePlayer(env)
    poll = runtime.start_next()
    # In Init the line would be full already.
    wait_until(lambda: env.port(9464).request("GET", "/health/ready").status == 200, lambda: env.output.text)
    call = env.start_invoke()
    invocation = poll.result()
    answer = env.port(PORT).request("GET", "/")
    runtime.respond(invocation)
    call.result()

    assert (answer.status, answer.json()) == (429, {"Message": "Rate Exceeded."})


@pytest.mark.rule("invoke-api/prelude-split")
@pytest.mark.rule("invoke-api/url-stream")
def test_a_streamed_page_begins_before_the_function_has_written_its_end(streaming: Environment) -> None:
    with closing(Browser(streaming)) as browser:
        stream = StreamedResponse(streaming, RuntimePlayer(streaming).next(), PRELUDE_TYPE)
        # Cut in the middle of the JSON, and of the NUL bytes.
        for piece in (PRELUDE[:20], PRELUDE[20:-3], PRELUDE[-3:] + b"<p>first"):
            stream.send(piece)
        response = browser.head()
        first = response.read(8)
        stream.send(b"</p>")
        stream.end()

        assert (response.status, first, response.read()) == (201, b"<p>first", b"</p>")
        assert response.headers["Content-Type"] == "text/html"
        assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_a_stream_without_a_prelude_is_a_body_of_its_own_type(streaming: Environment) -> None:
    with closing(Browser(streaming)) as browser:
        stream = StreamedResponse(streaming, RuntimePlayer(streaming).next(), {"Content-Type": "text/csv"})
        stream.send(b"a,b\n")
        stream.end()
        response = browser.head()

        assert (response.status, response.headers["Content-Type"], response.read()) == (200, "text/csv", b"a,b\n")


def test_a_function_that_does_not_stream_is_answered_as_it_is(
    streaming: Environment, threads: ThreadPoolExecutor
) -> None:
    answer = open_url(threads, streaming)
    runtime = RuntimePlayer(streaming)
    runtime.respond(runtime.next(), b'{"statusCode": 404}')

    assert (answer.result().status, answer.result().body) == (200, b'{"statusCode": 404}')


@pytest.mark.parametrize("begun", [b"no json" + bytes(8) + b"body", PRELUDE[:-1], b""])
def test_a_malformed_or_unfinished_prelude_is_a_bad_gateway(
    streaming: Environment, threads: ThreadPoolExecutor, begun: bytes
) -> None:
    answer = open_url(threads, streaming)
    stream = StreamedResponse(streaming, RuntimePlayer(streaming).next(), PRELUDE_TYPE)
    if begun:
        stream.send(begun)

    assert stream.end().status == 202
    assert (answer.result().status, answer.result().body) == FAILED


@pytest.mark.rule("invoke-api/url-broken-stream")
def test_a_page_that_fails_in_the_middle_is_not_taken_for_a_whole_one(streaming: Environment) -> None:
    with closing(Browser(streaming)) as browser:
        stream = StreamedResponse(streaming, RuntimePlayer(streaming).next())
        stream.send(b"half")
        response = browser.head()
        stream.end({"Lambda-Runtime-Function-Error-Type": "Odd"})

        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_a_browser_that_goes_away_does_not_disturb_the_function(streaming: Environment) -> None:
    browser = Browser(streaming)
    stream = StreamedResponse(streaming, RuntimePlayer(streaming).next())
    stream.send(b"first")
    browser.head()
    browser.close()
    for _ in range(20):
        stream.send(bytes(MEGABYTE))

    assert stream.end().status == 202


def test_a_browser_that_does_not_read_holds_up_the_function(streaming: Environment) -> None:
    with closing(Browser(streaming)) as browser:
        stream = StreamedResponse(streaming, RuntimePlayer(streaming).next())
        stream.send(b"x")
        response = browser.head()
        count = 100

        def send() -> None:
            for _ in range(count):
                stream.send(bytes(MEGABYTE))
            stream.end()

        thread = threading.Thread(target=send)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert len(response.read()) == 1 + count * MEGABYTE
        thread.join()


def test_there_is_no_function_url_unless_it_is_asked_for(environment: StartEnvironment) -> None:
    env = environment(["loop"])

    with pytest.raises(ConnectionRefusedError):
        env.port(PORT).connect()
