"""Every body that a subscription may have, and its answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.api import http
from supervisor.api.telemetry_api import ALREADY_SUBSCRIBED, OK, closed, refused, subscription
from supervisor.errors import ProtocolError
from supervisor.telemetry.subscription import (
    Api,
    Buffering,
    Category,
    Destination,
    HttpDestination,
    SchemaVersion,
    Subscription,
    TcpDestination,
)

TELEMETRY, LOGS = Api

PLATFORM = '"platform"'
HTTP = '{"protocol":"HTTP","URI":"http://sandbox.localdomain:8181/ingest"}'
TCP = '{"protocol":"TCP","port":4310}'

VERSIONS = "`2020-08-15`, `2021-03-18`, `2022-07-01`, `2022-12-13`, `2025-01-29`"
TYPES = (
    "`platform.start`, `platform.end`, `platform.report`, `platform.fault`, `platform.extension`, "
    "`platform.logsDropped`, `platform.logsSubscription`, `platform.telemetrySubscription`, `platform.runtimeDone`, "
    "`platform.initStart`, `platform.initRuntimeDone`, `platform.initReport`, `platform.restoreStart`, "
    "`platform.restoreRuntimeDone`, `platform.restoreReport`, `platform`, `function`, `extension`"
)


def body(*, schema: str = '"2022-12-13"', types: str = PLATFORM, buffering: str = "", destination: str = HTTP) -> str:
    members = [f'"schemaVersion":{schema}'] if schema else []
    members.append(f'"types":[{types}]')
    if buffering:
        members.append(f'"buffering":{buffering}')
    members.append(f'"destination":{destination}')
    return "{" + ",".join(members) + "}"


def answer(text: str | bytes, api: Api = TELEMETRY) -> tuple[int, str, str]:
    """The status, the type and the message of a refusal; a subscription that is good has no type."""
    data = text if isinstance(text, bytes) else text.encode()
    try:
        accepted = subscription(api, data)
    except ProtocolError as error:
        return error.http_status, error.error_type, error.message
    return 200, "", str(accepted.schema)


def refused_as(kind: str, message: str, status: int = 400) -> tuple[int, str, str]:
    return status, f"Telemetry.{kind}", message


def column(text: str, piece: str) -> int:
    """Where *piece* ends in *text*, which is one line."""
    return text.rindex(piece) + len(piece)


def test_a_subscription_has_what_the_request_says() -> None:
    text = body(
        types='"function","platform"',
        buffering='{"maxItems":1000,"maxBytes":300000,"timeoutMs":25}',
        destination='{"protocol":"HTTP","URI":"http://sandbox:8999/","method":"PUT","encoding":"JSON"}',
    )

    assert subscription(TELEMETRY, text.encode()) == Subscription(
        SchemaVersion.TELEMETRY_2022_12_13,
        (Category.FUNCTION, Category.PLATFORM),
        HttpDestination(8999, "/", "PUT"),
        Buffering(1000, 300_000, 0.025),
    )


@pytest.mark.rule("telemetry-api/schema-version-missing")
@pytest.mark.parametrize("schema", ["", "null"])
def test_without_a_schema_version_only_the_logs_api_knows_what_is_meant(schema: str) -> None:
    text = body(schema=schema)

    assert answer(text, LOGS) == (200, "", "2020-08-15")
    assert answer(text) == refused_as(
        "ValidationError", "TelemetryAPI only supports the SchemaVersion released after 2021-03-18"
    )


@pytest.mark.rule("telemetry-api/schema-versions")
@pytest.mark.parametrize("version", SchemaVersion)
def test_each_api_accepts_its_own_schema_versions(version: SchemaVersion) -> None:
    text = body(schema=f'"{version}"')
    of_logs = version in ("2020-08-15", "2021-03-18")

    assert answer(text, LOGS if of_logs else TELEMETRY) == (200, "", version)
    assert answer(text, TELEMETRY if of_logs else LOGS) == (
        (400, "Telemetry.ValidationError", "TelemetryAPI only supports the SchemaVersion released after 2021-03-18")
        if of_logs
        else (400, "Logs.ValidationError", "LogsAPI only supports the following SchemaVersion: 2020-08-15, 2021-03-18")
    )


@pytest.mark.parametrize("api", Api)
def test_a_schema_version_that_does_not_exist_is_not_understood(api: Api) -> None:
    text = body(schema='"1999-01-01"')

    message = f"unknown variant `1999-01-01`, expected one of {VERSIONS} at line 1 column 29"
    assert answer(text, api) == (400, f"{api}.DeserializationError", message)


@pytest.mark.rule("telemetry-api/buffering-limits")
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("timeoutMs", 0, "timeoutMs should be between 25 and 30000"),
        ("timeoutMs", 24, "timeoutMs should be between 25 and 30000"),
        ("timeoutMs", 25, ""),
        ("timeoutMs", 30_000, ""),
        ("timeoutMs", 30_001, "timeoutMs should be between 25 and 30000"),
        ("maxItems", 999, "maxItems should be between 1000 and 10000"),
        ("maxItems", 1000, ""),
        ("maxItems", 10_000, ""),
        ("maxItems", 10_001, "maxItems should be between 1000 and 10000"),
        ("maxBytes", 262_143, "maxBytes should be between 262144 and 1048576"),
        ("maxBytes", 262_144, ""),
        ("maxBytes", 1_048_576, ""),
        ("maxBytes", 1_048_577, "maxBytes should be between 262144 and 1048576"),
    ],
)
@pytest.mark.parametrize("api", Api)
def test_the_limits_of_buffering_are_inclusive(name: str, value: int, message: str, api: Api) -> None:
    schema = "" if api is LOGS else '"2022-07-01"'

    status, kind, text = answer(body(schema=schema, buffering=f'{{"{name}":{value}}}'), api)

    assert (status, kind) == ((400, f"{api}.ValidationError") if message else (200, ""))
    assert text == message or not message


@pytest.mark.rule("telemetry-api/buffering-defaults")
@pytest.mark.parametrize(
    ("buffering", "expected"),
    [
        ("", Buffering(10_000, 262_144, 1.0)),
        ("null", Buffering(10_000, 262_144, 1.0)),
        ("{}", Buffering(10_000, 262_144, 1.0)),
        ('{"maxItems":2000}', Buffering(2000, 262_144, 1.0)),
        ('{"maxBytes":500000}', Buffering(10_000, 500_000, 1.0)),
        ('{"timeoutMs":100}', Buffering(10_000, 262_144, 0.1)),
        ('{"timeoutMs":null,"maxItems":1000}', Buffering(1000, 262_144, 1.0)),
    ],
)
def test_each_member_of_buffering_has_a_default_of_its_own(buffering: str, expected: Buffering) -> None:
    assert subscription(TELEMETRY, body(buffering=buffering).encode()).buffering == expected


@pytest.mark.parametrize(
    ("types", "kind", "message"),
    [
        pytest.param(
            "", "ValidationError", "types should not be empty", marks=pytest.mark.rule("telemetry-api/types-empty")
        ),
        pytest.param(
            '"platform","function","platform"',
            "ValidationError",
            "types should be unique",
            marks=pytest.mark.rule("telemetry-api/types-repeated"),
        ),
        pytest.param(
            '"platform","x"',
            "DeserializationError",
            f"unknown variant `x`, expected one of {TYPES} at line 1 column 53",
            marks=pytest.mark.rule("telemetry-api/type-unknown"),
        ),
        pytest.param(
            '"platform.runtimeDone"',
            "ValidationError",
            "Unrecognized enum variant",
            marks=pytest.mark.rule("telemetry-api/type-is-one-event"),
        ),
    ],
)
def test_types_are_categories_and_each_is_named_once(types: str, kind: str, message: str) -> None:
    assert answer(body(types=types)) == refused_as(kind, message)


@pytest.mark.rule("telemetry-api/two-faults")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            body(types="", destination='{"protocol":"HTTP","URI":"http://sandbox.localdomain"}'),
            "URI port is not provided; types should not be empty",
        ),
        (
            body(buffering='{"maxItems":1,"maxBytes":1,"timeoutMs":1}'),
            "timeoutMs should be between 25 and 30000; maxBytes should be between 262144 and 1048576; "
            "maxItems should be between 1000 and 10000",
        ),
    ],
)
def test_all_faults_are_named_in_one_message(text: str, message: str) -> None:
    assert answer(text) == refused_as("ValidationError", message)


@pytest.mark.parametrize(
    ("uri", "status", "kind", "message"),
    [
        pytest.param(
            "https://sandbox.localdomain:8181/",
            *(403, "AccessDenied", "Only 'http' scheme is supported."),
            marks=pytest.mark.rule("telemetry-api/uri-scheme"),
        ),
        ("https://127.0.0.1/", 403, "AccessDenied", "Only 'http' scheme is supported."),
        ("sandbox.localdomain:8181", 403, "AccessDenied", "Only 'http' scheme is supported."),
        ("", 403, "AccessDenied", "Only 'http' scheme is supported."),
        pytest.param(
            "http://127.0.0.1:8181/",
            *(403, "AccessDenied", "Only 'sandbox.localdomain' hostname is supported."),
            marks=pytest.mark.rule("telemetry-api/uri-host-refused"),
        ),
        ("http://example.com:80/", 403, "AccessDenied", "Only 'sandbox.localdomain' hostname is supported."),
        ("http://:8181/", 403, "AccessDenied", "Only 'sandbox.localdomain' hostname is supported."),
        pytest.param(
            "http://sandbox.localdomain/",
            *(400, "ValidationError", "URI port is not provided"),
            marks=pytest.mark.rule("telemetry-api/uri-without-port"),
        ),
        ("http://sandbox:0/", 400, "ValidationError", "URI port is not provided"),
        ("http://sandbox:99999/", 400, "ValidationError", "URI port is not valid"),
        ("http://[sandbox:8181/", 400, "ValidationError", "URI is not valid: Invalid IPv6 URL"),
    ],
)
def test_a_destination_elsewhere_is_refused(uri: str, status: int, kind: str, message: str) -> None:
    text = body(destination=f'{{"protocol":"HTTP","URI":"{uri}"}}')

    assert answer(text) == refused_as(kind, message, status)


@pytest.mark.rule("telemetry-api/uri-host-accepted")
@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        (HTTP, HttpDestination(8181, "/ingest", "POST")),
        ('{"protocol":"HTTP","URI":"http://sandbox:8999"}', HttpDestination(8999, "/")),
        ('{"protocol":"HTTP","URI":"HTTP://SANDBOX.LOCALDOMAIN:8999/A"}', HttpDestination(8999, "/A")),
        ('{"protocol":"HTTP","URI":"http://sandbox:1/a/b?c=d&e#f"}', HttpDestination(1, "/a/b?c=d&e")),
        ('{"protocol":"HTTP","URI":"http://sandbox:1?c"}', HttpDestination(1, "/?c")),
        ('{"protocol":"HTTP","URI":"http://sandbox:1/a b\\u00fc%20"}', HttpDestination(1, "/a%20b%C3%BC%20")),
        (TCP, TcpDestination(4310)),
        ('{"protocol":"TCP","port":1025,"encoding":"JSON"}', TcpDestination(1025)),
        ('{"protocol":"TCP","port":65535}', TcpDestination(65535)),
    ],
)
def test_a_destination_is_a_port_inside_the_environment(destination: str, expected: Destination) -> None:
    assert subscription(TELEMETRY, body(destination=destination).encode()).destination == expected


@pytest.mark.rule("telemetry-api/encoding")
def test_the_encoding_may_be_json_and_nothing_else() -> None:
    destination = '{"protocol":"HTTP","URI":"http://sandbox:1","encoding":%s}'

    assert answer(body(destination=destination % '"JSON"'))[0] == 200
    assert answer(body(destination=destination % '"XML"'))[:2] == (400, "Telemetry.DeserializationError")


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        pytest.param(
            '{"protocol":"HTTP","uri":"http://sandbox.localdomain:8181"}',
            "missing field `URI`",
            marks=pytest.mark.rule("telemetry-api/uri-key-in-lower-case"),
        ),
        ('{"protocol":"TCP"}', "missing field `port`"),
        ('{"URI":"http://sandbox:1"}', "missing field `protocol`"),
        ('{"protocol":"TCP","port":70000}', "invalid value: integer `70000`, expected u16"),
        ('{"protocol":"TCP","port":"4310"}', 'invalid type: string "4310", expected u16'),
        ('{"protocol":"http"}', "unknown variant `http`, expected `HTTP` or `TCP`"),
        pytest.param(
            '{"protocol":"HTTP","URI":"http://sandbox:1","method":"GET"}',
            "unknown variant `GET`, expected `POST` or `PUT`",
            marks=pytest.mark.rule("telemetry-api/method"),
        ),
        ('"http://sandbox:1"', 'invalid type: string "http://sandbox:1", expected a map'),
    ],
)
def test_a_destination_that_is_not_understood_is_refused_with_the_place(destination: str, message: str) -> None:
    text = body(destination=destination)
    # At the end of what is wrong: of a value, or of an object that lacks one.
    end = len(text) - 1 if "missing" in message or not destination.endswith("}") else len(text) - 2

    assert answer(text) == refused_as("DeserializationError", f"{message} at line 1 column {end}")


@pytest.mark.parametrize("port", [1, 1024])
def test_a_tcp_port_that_only_root_may_listen_on_is_refused(port: int) -> None:
    text = body(destination=f'{{"protocol":"TCP","port":{port}}}')

    assert answer(text) == refused_as("ValidationError", "port should be between 1025 and 65535")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"  \n", "EOF while parsing a value at line 2 column 0"),
        (b"{", "EOF while parsing an object at line 1 column 1"),
        (b'{"a"', "EOF while parsing an object at line 1 column 4"),
        (b'{"a":', "EOF while parsing a value at line 1 column 5"),
        (b'{"a":1', "EOF while parsing an object at line 1 column 6"),
        (b'{"a', "EOF while parsing a string at line 1 column 3"),
        (b'{"a":\n "b\\x"}', "invalid escape at line 2 column 4"),
        (b'{"a":"\n"}', "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0"),
        (b"nothing", "expected value at line 1 column 1"),
        (b"{'a':1}", "key must be a string at line 1 column 2"),
        (b'{"a" 1}', "expected `:` at line 1 column 6"),
        (b'{"a":1 "b":2}', "expected `,` or `}` at line 1 column 8"),
        (b"{} {}", "trailing characters at line 1 column 4"),
        (b'{"a":NaN}', "number out of range at line 1 column 9"),
        (b'{"a":"\xff"}', "invalid unicode code point at line 1 column 6"),
        (b"[" * 100_000, "recursion limit exceeded at line 1 column 100000"),
        (b"[1,2]", "invalid type: sequence, expected a map at line 1 column 0"),
        (b"null", "invalid type: null, expected a map at line 1 column 4"),
        (b"true", "invalid type: boolean `true`, expected a map at line 1 column 4"),
        (b"-1.5", "invalid type: floating point `-1.5`, expected a map at line 1 column 4"),
        (b'"\xc3\xbc"', 'invalid type: string "\\u00fc", expected a map at line 1 column 4'),
        (b"{}", "missing field `types` at line 1 column 2"),
        (b'{\n "types":\n ["platform"]\n}', "missing field `destination` at line 4 column 1"),
        (b'{"types":"platform"}', 'invalid type: string "platform", expected a sequence at line 1 column 19'),
        (b'{"types":{}}', "invalid type: map, expected a sequence at line 1 column 9"),
        (b'{"types":[7],"destination":{}}', "invalid type: integer `7`, expected a string at line 1 column 11"),
        (
            b'{"types":[],"destination":{},"buffering":3}',
            "invalid type: integer `3`, expected a map at line 1 column 42",
        ),
        (b'{"schemaVersion":2022}', "invalid type: integer `2022`, expected a string at line 1 column 21"),
    ],
)
def test_a_body_that_is_not_understood_is_refused_with_the_place(text: bytes, message: str) -> None:
    assert answer(text) == refused_as("DeserializationError", message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("true", "invalid type: boolean `true`, expected u32"),
        ("1000.0", "invalid type: floating point `1000.0`, expected u32"),
        ("-1", "invalid value: integer `-1`, expected u32"),
        ("4294967296", "invalid value: integer `4294967296`, expected u32"),
        ('"1000"', 'invalid type: string "1000", expected u32'),
        ("9" * 5000, "number out of range"),
    ],
)
def test_a_limit_is_a_whole_number(value: str, message: str) -> None:
    text = body(buffering=f'{{"maxItems":{value}}}')
    end = column(text, value) if len(value) < 100 else len(text)

    assert answer(text) == refused_as("DeserializationError", f"{message} at line 1 column {end}")


def test_members_that_nobody_knows_are_ignored() -> None:
    text = body(destination=f'{{"x":[{{"y":null}}],{TCP[1:]}').removesuffix("}") + ', "z" : [ 1 , { } ] }'

    assert answer(text) == (200, "", "2022-12-13")


def test_two_requests_that_mean_the_same_are_equal() -> None:
    one = subscription(LOGS, b'{"types":["function"],"destination":{"protocol":"HTTP","URI":"http://sandbox:9/"}}')
    other = subscription(
        LOGS,
        b' {"destination":{"URI":"http://sandbox.localdomain:9","protocol":"HTTP","method":"POST"},'
        b'"types":["function"],"buffering":{"maxItems":10000},"schemaVersion":"2020-08-15","x":1}',
    )

    assert one == other
    assert hash(one) == hash(other)


def test_a_body_may_come_in_any_form_of_bytes() -> None:
    for form in (bytes, bytearray, memoryview):
        assert subscription(TELEMETRY, form(body().encode())).categories == (Category.PLATFORM,)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": json_values | st.sampled_from(SchemaVersion),
        "types": json_values | st.lists(st.sampled_from(["platform", "function", "platform.start"])),
        "buffering": json_values
        | st.fixed_dictionaries({}, optional={"maxItems": json_values, "timeoutMs": json_values}),
        "destination": json_values
        | st.fixed_dictionaries(
            {"protocol": st.sampled_from(["HTTP", "TCP"])}, optional={"URI": json_values, "port": json_values}
        ),
    },
)


@given(value=bodies | json_values, api=st.sampled_from(Api), indent=st.sampled_from([None, 1]))
def test_any_json_is_accepted_or_refused(value: object, api: Api, indent: int | None) -> None:
    status, kind, _ = answer(json.dumps(value, indent=indent), api)

    assert (status, kind) in (
        (200, ""),
        (400, f"{api}.DeserializationError"),
        (400, f"{api}.ValidationError"),
        (403, f"{api}.AccessDenied"),
    )


@given(data=st.binary(max_size=40))
def test_any_bytes_are_accepted_or_refused(data: bytes) -> None:
    assert answer(data)[0] == 400


@pytest.mark.rule("telemetry-api/subscription-closed")
@pytest.mark.parametrize(
    ("api", "expected"),
    [
        (
            TELEMETRY,
            b'{"errorMessage":"Telemetry API subscription is closed already",'
            b'"errorType":"Telemetry.SubscriptionClosed"}\n',
        ),
        (LOGS, b'{"errorMessage":"Logs API subscription is closed already","errorType":"Logs.SubscriptionClosed"}\n'),
    ],
)
def test_who_comes_too_late_is_refused_in_the_form_of_the_runtime_api(api: Api, expected: bytes) -> None:
    answer = http.refused(closed(api))

    assert (answer.status, bytes(answer.body)) == (403, expected)


def test_a_refusal_of_the_body_has_the_type_first_and_no_newline() -> None:
    response = refused(ProtocolError(400, "Telemetry.ValidationError", "Only <one> & \ud800 fault"))

    assert (response.status, response.headers) == (400, (http.JSON,))
    assert bytes(response.body) == (
        b'{"errorType":"Telemetry.ValidationError","errorMessage":"Only <one> & \xef\xbf\xbd fault"}'
    )


def test_what_is_accepted_is_answered_with_a_json_string() -> None:
    assert (OK.status, OK.headers, OK.body) == (200, (http.JSON,), b'"OK"')
    assert (ALREADY_SUBSCRIBED.status, len(ALREADY_SUBSCRIBED.body)) == (200, 19)
