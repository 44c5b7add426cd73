import base64
import json
from typing import Any

import pytest

from supervisor.api.function_url import Arrival, MalformedResponseError, Url, event, refused, response
from supervisor.api.http import JSON, Request, Response
from supervisor.errors import ProtocolError

URL = Url("0123456789abcdef", "eu-west-1")
ARRIVAL = Arrival("the request", "Root=1-2-3", "203.0.113.9", 1_583_348_638_390)


def event_of(request: Request) -> Any:
    return json.loads(event(request, URL, ARRIVAL))


def test_a_request_becomes_an_event_of_format_2_0() -> None:
    request = Request("GET", "/my%20path", "", {"host": "localhost:8081", "user-agent": "a browser"})

    assert event_of(request) == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my%20path",
        "rawQueryString": "",
        "headers": {
            "host": "localhost:8081",
            "user-agent": "a browser",
            "x-amzn-trace-id": "Root=1-2-3",
            "x-forwarded-for": "203.0.113.9",
            "x-forwarded-proto": "http",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "0123456789abcdef",
            "authentication": None,
            "authorizer": None,
            "domainName": "0123456789abcdef.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "0123456789abcdef",
            "http": {
                "method": "GET",
                "path": "/my%20path",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.9",
                "userAgent": "a browser",
            },
            "requestId": "the request",
            "routeKey": "$default",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390,
        },
        "isBase64Encoded": False,
    }


@pytest.mark.rule("invoke-api/url-two-cookies")
def test_cookies_are_a_list_and_no_header() -> None:
    said = event_of(Request("GET", "/", headers={"cookie": "a=1; b=2"}))

    assert said["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in said["headers"]


def test_a_header_that_was_sent_twice_has_both_values() -> None:
    request = Request("GET", "/", headers={"accept": "a", "x": "y"}, further_headers=[("accept", "b"), ("accept", "c")])

    assert event_of(request)["headers"]["accept"] == "a,b,c"


@pytest.mark.rule("invoke-api/url-two-query-values")
def test_query_parameters_are_decoded_and_two_values_of_one_are_joined() -> None:
    said = event_of(Request("GET", "/", "a=1&b=x%20y+z&a=2&c="))

    assert said["rawQueryString"] == "a=1&b=x%20y+z&a=2&c="
    assert said["queryStringParameters"] == {"a": "1,2", "b": "x y z", "c": ""}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/html; charset=utf-8", "application/json", "Application/JSON", "application/problem+json", ""],
)
def test_a_body_of_text_is_text(content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    said = event_of(Request("POST", "/", headers=headers, body='{"ü": 1}'.encode()))

    assert (said["body"], said["isBase64Encoded"]) == ('{"ü": 1}', False)


@pytest.mark.rule("invoke-api/url-binary-body")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/png", b"\x89PNG\0"),
        ("application/octet-stream", b"text"),
        ("application/x-www-form-urlencoded", b"a=1"),
        ("text/plain", b"\xff"),
    ],
)
def test_any_other_body_is_base64(content_type: str, body: bytes) -> None:
    said = event_of(Request("POST", "/", headers={"content-type": content_type}, body=memoryview(body)))

    assert (base64.b64decode(said["body"]), said["isBase64Encoded"]) == (body, True)


def answer(result: object) -> Response:
    return response(json.dumps(result).encode())


def test_an_object_with_a_status_code_says_the_whole_response() -> None:
    said = {"statusCode": 201, "headers": {"X-Name": "välue", "content-type": "text/html"}, "body": "<p>ü</p>"}

    assert answer(said) == Response(
        201, (("X-Name", "v\xc3\xa4lue"), ("content-type", "text/html")), "<p>ü</p>".encode()
    )


def test_a_status_code_alone_is_enough() -> None:
    assert answer({"statusCode": 204}) == Response(204, (("Content-Type", "application/json"),))
    assert answer({"statusCode": "404", "body": None, "headers": None, "cookies": None}).status == 404


@pytest.mark.rule("invoke-api/url-two-cookies")
def test_two_cookies_are_two_headers() -> None:
    headers = answer({"statusCode": 200, "cookies": ["a=1; Secure", "b=2"]}).headers

    assert headers[-2:] == (("set-cookie", "a=1; Secure"), ("set-cookie", "b=2"))


def test_a_body_may_be_base64() -> None:
    said = {"statusCode": 200, "body": base64.b64encode(b"\0\xff").decode(), "isBase64Encoded": True}

    assert answer(said).body == b"\0\xff"


@pytest.mark.rule("invoke-api/url-no-status-code")
@pytest.mark.parametrize("payload", [b'{"a": 1}', b"[1]", b"null", b"17"])
def test_any_other_json_is_the_body_itself(payload: bytes) -> None:
    assert response(payload) == Response(200, (JSON,), payload)


@pytest.mark.rule("invoke-api/url-string-result")
def test_a_string_keeps_its_quotes() -> None:
    assert response(b'"text"').body == b'"text"'


@pytest.mark.rule("invoke-api/url-number-as-header")
def test_a_header_may_be_a_number() -> None:
    said = {"statusCode": 200, "headers": {"Age": 17, "X-Ratio": 0.5, "X-Set": True}}

    assert answer(said).headers[:3] == (("Age", "17"), ("X-Ratio", "0.5"), ("X-Set", "true"))


def test_several_values_of_one_header_are_several_headers() -> None:
    headers = answer({"statusCode": 200, "multiValueHeaders": {"Vary": ["a", "b"]}}).headers

    assert headers[:2] == (("Vary", "a"), ("Vary", "b"))


def test_what_belongs_to_the_connection_is_not_the_functions() -> None:
    names = ["Content-Length", "transfer-encoding", "Connection", "Keep-Alive", "Date"]

    assert answer({"statusCode": 200, "headers": dict.fromkeys(names, "1")}).headers == (JSON,)


def test_a_header_cannot_smuggle_another_line() -> None:
    assert answer({"statusCode": 200, "headers": {"X": "a\r\nSet-Cookie: b\0"}}).headers[0] == (
        "X",
        "a  Set-Cookie: b ",
    )


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"text",
        b"\xff",
        b"[" * 100_000,
        *(
            json.dumps(said).encode()
            for said in [
                {"statusCode": "ok"},
                {"statusCode": None},
                {"statusCode": True},
                {"statusCode": 200.5},
                {"statusCode": 99},
                {"statusCode": 100},
                {"statusCode": 1000},
                {"statusCode": 200, "body": {"a": 1}},
                {"statusCode": 200, "body": "x", "isBase64Encoded": True},
                {"statusCode": 200, "headers": []},
                {"statusCode": 200, "headers": {"a b": "c"}},
                {"statusCode": 200, "headers": {"": "c"}},
                {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
            ]
        ),
    ],
)
def test_what_is_no_response_is_told_as_such(payload: bytes) -> None:
    with pytest.raises(MalformedResponseError):
        response(payload)


def test_a_refusal_is_an_object_with_a_message() -> None:
    assert refused(ProtocolError(429, "TooManyRequestsException", "Rate Exceeded.")) == Response(
        429, (JSON,), b'{"Message": "Rate Exceeded."}'
    )
