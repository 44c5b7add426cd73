"""Lines become records, whatever is in them; every record has its time in the one form."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.telemetry.line_records import LineNotice
from supervisor.telemetry.records import Record, logs_dropped, render, timestamp
from supervisor.telemetry.subscription import Category, SchemaVersion

MOMENT = 1_932_984_672.345
"""2031-04-03T12:11:12.345Z"""


def record_of(
    text: bytes, schema: SchemaVersion = SchemaVersion.TELEMETRY_2022_12_13, *, is_json_format: bool = False
) -> Record:
    (record,) = LineNotice(Category.FUNCTION, text, MOMENT, is_json_format=is_json_format).records(schema)
    return record


def content_of(text: bytes, schema: SchemaVersion, *, is_json_format: bool) -> object:
    return json.loads(record_of(text, schema, is_json_format=is_json_format).data)["record"]


@pytest.mark.rule("telemetry-api/time-format")
@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (MOMENT, "2031-04-03T12:11:12.345Z"),
        (MOMENT - 0.345, "2031-04-03T12:11:12.000Z"),
        (MOMENT - 0.3406, "2031-04-03T12:11:12.004Z"),
        (MOMENT + 0.6549, "2031-04-03T12:11:13.000Z"),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (-5.0, "1970-01-01T00:00:00.000Z"),
        (2**64 / 1e6, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_time_has_three_digits_after_the_second_and_ends_in_z(epoch: float, expected: str) -> None:
    assert timestamp(epoch) == expected


def test_a_line_is_a_record_with_its_time_its_newline_and_nothing_else() -> None:
    assert record_of(b"order 17 stored\n") == Record(
        "2031-04-03T12:11:12.345Z",
        b"order 17 stored\n",
        b'{"time":"2031-04-03T12:11:12.345Z","type":"function","record":"order 17 stored\\n"}',
    )


def test_a_line_of_an_extension_says_so() -> None:
    (record,) = LineNotice(Category.EXTENSION, b"up\n", MOMENT, is_json_format=False).records(
        SchemaVersion.LOGS_2020_08_15
    )

    assert json.loads(record.data)["type"] == "extension"


@pytest.mark.rule("telemetry-api/odd-bytes")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\n", "\n"),
        (b"", ""),
        (b"\xff\xfe \xe2\x82\n", "\ufffd\ufffd \ufffd\n"),
        (b"\x00\x07\x1b\x7f\n", "\x00\x07\x1b\x7f\n"),
        ("\N{LINE SEPARATOR}\N{GRINNING FACE}\n".encode(), "\N{LINE SEPARATOR}\N{GRINNING FACE}\n"),
        (b"a\rb\r\n", "a\rb\r\n"),
        (b"\xed\xa0\x80\n", "\ufffd\ufffd\ufffd\n"),
        (b'"quoted" \\ud800\n', '"quoted" \\ud800\n'),
    ],
)
def test_odd_bytes_make_valid_json_on_one_line(text: bytes, expected: str) -> None:
    data = record_of(text).data

    assert json.loads(data)["record"] == expected
    assert b"\n" not in data
    assert b"\x00" not in data


@given(text=st.binary(max_size=60), is_json_format=st.booleans())
def test_any_bytes_make_valid_json_on_one_line(text: bytes, is_json_format: bool) -> None:
    record = record_of(text, is_json_format=is_json_format)

    assert json.loads(record.data)["type"] == "function"
    assert b"\n" not in record.data
    assert record.content == text


OBJECT = b'{"level":"INFO", "message":"stored","n":1.50}\n'
OBJECT_SCHEMAS = (SchemaVersion.TELEMETRY_2022_12_13, SchemaVersion.TELEMETRY_2025_01_29)


@pytest.mark.rule("telemetry-api/json-format")
@pytest.mark.parametrize("schema", SchemaVersion)
def test_a_json_object_is_an_object_in_the_json_format_for_the_newer_schemas(schema: SchemaVersion) -> None:
    expected: object = OBJECT.decode()
    if schema in OBJECT_SCHEMAS:
        expected = {"level": "INFO", "message": "stored", "n": 1.5}

    assert content_of(OBJECT, schema, is_json_format=True) == expected
    assert content_of(OBJECT, schema, is_json_format=False) == OBJECT.decode()


@pytest.mark.rule("telemetry-api/json-format")
@pytest.mark.parametrize(
    "text",
    [
        b"plain\n",
        b"[1,2]\n",
        b"17\n",
        b'"text"\n',
        b'{"broken":\n',
        b'{"a":1} and more\n',
        b'{"a":NaN}\n',
        b'{"a":1e999}\n',
        b'{"a":' + b"9" * 5000 + b"}\n",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{\x00"\x00a\x00"\x00:\x001\x00}\x00',
        b'{"a":"\xff"}\n',
    ],
)
def test_what_is_no_json_object_stays_a_string(text: bytes) -> None:
    for schema in OBJECT_SCHEMAS:
        assert content_of(text, schema, is_json_format=True) == text.decode(errors="replace")


def test_an_object_over_several_lines_is_one_line() -> None:
    record = record_of(b'  {\n  "a": "b\\nc"\n}\n', is_json_format=True)

    assert record.data.endswith(b',"record":{"a":"b\\nc"}}')


@pytest.mark.rule("telemetry-api/odd-bytes")
def test_half_a_surrogate_pair_in_an_object_is_replaced() -> None:
    record = record_of(b'{"half":"\\ud800","whole":"\\ud83d\\ude00"}', is_json_format=True)

    assert json.loads(record.data.decode())["record"] == {"half": "\ufffd", "whole": "\N{GRINNING FACE}"}


def test_a_line_is_rendered_once_for_all_that_read_it_in_the_same_way() -> None:
    notice = LineNotice(Category.FUNCTION, OBJECT, MOMENT, is_json_format=True)
    rendered = {schema: notice.records(schema)[0] for schema in SchemaVersion}

    assert len({id(record.data) for record in rendered.values()}) == 2


def test_a_loss_is_told_with_its_counters() -> None:
    record = logs_dropped("2031-04-03T12:11:12.345Z", 3120, 280_800)

    assert json.loads(record.data) == {
        "time": "2031-04-03T12:11:12.345Z",
        "type": "platform.logsDropped",
        "record": {
            "reason": "Some logs were dropped because the downstream consumer is slower than the logs production rate",
            "droppedRecords": 3120,
            "droppedBytes": 280_800,
        },
    }


def test_a_number_that_json_cannot_write_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        render(math.inf)
