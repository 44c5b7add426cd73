"""The event-stream encoding of the AWS SDKs: messages with headers, a payload and two checksums.

Which messages a caller gets is not known here. All numbers are big-endian; a message is

    total length (4)  length of the headers (4)  CRC-32 of these 8 bytes (4)  headers  payload  CRC-32 of all before (4)

and a header the length of its name (1), the name, the type of its value (1; 7 is a string), the length of the value (2)
and the value (AWS SDKs: `eventstream` of botocore).
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Final

from supervisor.lifecycle.invocation import Payload

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"

_STRING: Final = 7
_FRAME_BYTES: Final = 16
"""What a message has beside its headers and its payload."""


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """The header block of a message, in the order of *headers*."""
    block = b""
    for name, value in headers.items():
        encoded_name, encoded_value = name.encode(), value.encode()
        block += struct.pack("!B", len(encoded_name)) + encoded_name
        block += struct.pack("!BH", _STRING, len(encoded_value)) + encoded_value
    return block


def encode(headers: bytes, payload: Payload) -> bytes:
    """One message, of what `encode_headers` gave and a payload."""
    lengths = struct.pack("!II", len(headers) + len(payload) + _FRAME_BYTES, len(headers))
    message = b"".join((lengths, struct.pack("!I", zlib.crc32(lengths)), headers, payload))
    return message + struct.pack("!I", zlib.crc32(message))
