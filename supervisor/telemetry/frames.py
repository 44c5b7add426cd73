"""Reads the framed log protocol, in which the runtime clients write to a descriptor of their own: one frame, one event.

    offset  size  field, big-endian
    0       4     A5 5A 00 and a byte of flags
    4       4     length of the message
    8       8     microseconds since 1970, if the flags say so
    8 or 16       the message

(The runtime clients for Python, Node.js, Java, Ruby and .NET write it; older ones without the time.)
"""

from typing import Final, NamedTuple

MAGIC: Final = b"\xa5\x5a\x00"

LONGEST_MESSAGE: Final = 1024 * 1024
"""In bytes; the rest of a longer one is skipped. Ours: the clients have no limit, or 256 KiB."""

_HAS_TIME: Final = 0b0000_0010
_UNUSED: Final = 0b1110_0000
_MICROSECONDS: Final = 1_000_000
_SHORT_HEADER: Final = 8
_LONG_HEADER: Final = 16


class Frame(NamedTuple):
    """One event; *epoch* is its time in seconds since 1970, None where the frame has none."""

    message: bytes
    epoch: float | None = None


class _Header(NamedTuple):
    size: int
    length: int
    epoch: float | None


class FrameParser:
    """Bytes in any portions go in, frames come out. What is no frame comes out as one, as it was written.

    Attributes:
        is_garbled: There was something that is no frame.
    """

    def __init__(self) -> None:
        self.is_garbled = False
        self._rest = bytearray()
        self._to_skip = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that *chunk* completes."""
        rest = self._rest
        rest += chunk
        frames: list[Frame] = []
        while True:
            skipped = min(self._to_skip, len(rest))
            del rest[:skipped]
            self._to_skip -= skipped
            if garbage := self._garbage():
                frames.append(Frame(garbage))
            header = _header(rest)
            if header is None:
                return frames
            kept = min(header.length, LONGEST_MESSAGE)
            if len(rest) < header.size + kept:
                return frames
            frames.append(Frame(bytes(rest[header.size : header.size + kept]), header.epoch))
            del rest[: header.size + kept]
            self._to_skip = header.length - kept

    def finish(self) -> list[Frame]:
        """What there is of a message that breaks off."""
        header = _header(self._rest)
        message = b"" if header is None else bytes(self._rest[header.size :])
        self._rest.clear()
        self._to_skip = 0
        return [Frame(message, header.epoch)] if header and message else []

    def _garbage(self) -> bytes:
        """Take whatever cannot be the beginning of a frame."""
        rest = self._rest
        start = rest.find(MAGIC[0])
        while start >= 0 and not _may_begin_frame(rest[start : start + len(MAGIC) + 1]):
            start = rest.find(MAGIC[0], start + 1)
        garbage = bytes(rest if start < 0 else rest[:start])
        del rest[: len(garbage)]
        self.is_garbled = self.is_garbled or bool(garbage)
        return garbage


def _may_begin_frame(head: bytearray) -> bool:
    """Whether *head*, of four bytes or fewer where there are no more, is how a frame begins."""
    return MAGIC.startswith(head[: len(MAGIC)]) and not any(flags & _UNUSED for flags in head[len(MAGIC) :])


def _header(data: bytearray) -> _Header | None:
    """The header at the beginning of *data*, None when it is not complete."""
    if len(data) < _SHORT_HEADER:
        return None
    length = int.from_bytes(data[4:8], "big")
    if not data[3] & _HAS_TIME:
        return _Header(_SHORT_HEADER, length, None)
    if len(data) < _LONG_HEADER:
        return None
    return _Header(_LONG_HEADER, length, int.from_bytes(data[8:16], "big") / _MICROSECONDS)
