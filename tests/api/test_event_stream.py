"""What is encoded is read here by botocore, the way the SDK of Python does."""

import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from supervisor.api.event_stream import encode, encode_headers

headers = st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=100), max_size=5)


def test_a_message_has_the_bytes_of_the_encoding() -> None:
    message = encode(encode_headers({"a": "bc"}), b"payload")

    lengths = b"\x00\x00\x00\x1e\x00\x00\x00\x07"
    body = lengths + zlib.crc32(lengths).to_bytes(4, "big") + b"\x01a\x07\x00\x02bc" + b"payload"
    assert message == body + zlib.crc32(body).to_bytes(4, "big")


@pytest.mark.rule("invoke-api/stream-checksums")
@given(st.lists(st.tuples(headers, st.binary(max_size=1000)), min_size=1, max_size=5), st.integers(1, 100))
def test_a_reader_of_the_sdk_finds_both_checksums_right_however_the_bytes_are_cut(
    messages: list[tuple[dict[str, str], bytes]], size: int
) -> None:
    stream = b"".join(encode(encode_headers(headers), payload) for headers, payload in messages)
    buffer = EventStreamBuffer()
    read = []
    for start in range(0, len(stream), size):
        buffer.add_data(stream[start : start + size])
        read += [(event.headers, event.payload) for event in buffer]

    assert read == messages


@pytest.mark.parametrize("payload", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")])
def test_every_form_of_a_payload_is_encoded(payload: bytes | bytearray | memoryview) -> None:
    assert encode(b"", payload) == encode(b"", b"bytes")
