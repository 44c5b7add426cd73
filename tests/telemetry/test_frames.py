"""Frames come out however their bytes come in, and what is no frame is not lost."""

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.telemetry.frames import LONGEST_MESSAGE, Frame, FrameParser

MICROSECONDS = 1_932_984_672_345_678
EPOCH = MICROSECONDS / 1_000_000

TEXT_WITH_TIME = 0b11
JSON_WITH_TIME = 0b10
TEXT_WITHOUT_TIME = 0b01
ERROR_LEVEL = 5 << 2


def frame(message: bytes, flags: int = TEXT_WITH_TIME) -> bytes:
    time = MICROSECONDS.to_bytes(8, "big") if flags & 0b10 else b""
    return b"\xa5\x5a\x00" + bytes([flags]) + len(message).to_bytes(4, "big") + time + message


def parse(*chunks: bytes) -> list[Frame]:
    parser = FrameParser()
    return [parsed for chunk in chunks for parsed in parser.feed(chunk)] + parser.finish()


def joined(frames: list[Frame]) -> list[Frame]:
    """What is no frame comes in pieces that depend on how it was read."""
    groups = groupby(frames, lambda parsed: parsed.epoch)
    return [
        parsed
        for epoch, group in groups
        for parsed in ([Frame(b"".join(parsed.message for parsed in group))] if epoch is None else list(group))
    ]


@pytest.mark.rule("telemetry-api/frames", "telemetry-api/frame-is-one-event")
@pytest.mark.parametrize(
    ("flags", "epoch"),
    [
        (TEXT_WITH_TIME, EPOCH),
        (JSON_WITH_TIME, EPOCH),
        (TEXT_WITH_TIME | ERROR_LEVEL, EPOCH),
        (JSON_WITH_TIME | ERROR_LEVEL, EPOCH),
        (TEXT_WITHOUT_TIME, None),
    ],
)
def test_a_frame_of_several_lines_is_one_event_with_its_own_time(flags: int, epoch: float | None) -> None:
    message = b"[ERROR] KeyError: 'id'\nTraceback:\n  line 3\n"

    assert parse(frame(message, flags)) == [Frame(message, epoch)]


def test_an_empty_message_is_an_event() -> None:
    assert parse(frame(b"") + frame(b"", TEXT_WITHOUT_TIME)) == [Frame(b"", EPOCH), Frame(b"", None)]


@pytest.mark.rule("telemetry-api/frames")
def test_a_frame_may_be_split_at_every_byte() -> None:
    data = frame(b"one\n") + frame(b"two", TEXT_WITHOUT_TIME) + frame(b"")
    expected = [Frame(b"one\n", EPOCH), Frame(b"two", None), Frame(b"", EPOCH)]

    for at in range(len(data) + 1):
        assert parse(data[:at], data[at:]) == expected
    assert parse(*(data[at : at + 1] for at in range(len(data)))) == expected


@pytest.mark.rule("telemetry-api/frames")
@pytest.mark.parametrize("missing", range(1, 24))
def test_a_frame_that_an_exit_cuts_off_is_delivered_as_far_as_it_came(missing: int) -> None:
    data = frame(b"one") + frame(b"cut off")
    message = b"cut off"[: max(0, len(b"cut off") - missing)]

    assert parse(data[:-missing]) == [Frame(b"one", EPOCH), *([Frame(message, EPOCH)] if message else [])]


@pytest.mark.rule("telemetry-api/frame-bad-magic")
@pytest.mark.parametrize(
    "garbage",
    [
        b"plain text\n",
        b"\xa5",
        b"\xa5\x5a",
        b"\xa5\x5a\x01",
        b"\xa5\xa5\x5a",
        b"\xa5\x5a\x00\xff",
        b"\xa5\x5a\x00\x20\n",
    ],
)
def test_what_is_no_frame_comes_out_as_it_is_and_the_next_frame_is_found(garbage: bytes) -> None:
    parser = FrameParser()
    frames = parser.feed(frame(b"one") + garbage + frame(b"two"))

    assert joined(frames) == [Frame(b"one", EPOCH), Frame(garbage), Frame(b"two", EPOCH)]
    assert parser.is_garbled


def test_good_frames_are_not_called_garbled() -> None:
    parser = FrameParser()
    parser.feed(frame(b"one"))

    assert not parser.is_garbled


@pytest.mark.parametrize("excess", [0, 1, 3 * 1024 * 1024])
def test_the_rest_of_a_very_long_message_is_skipped(excess: int) -> None:
    data = frame(b"x" * (LONGEST_MESSAGE + excess)) + frame(b"next")
    chunks = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]

    assert parse(*chunks) == [Frame(b"x" * LONGEST_MESSAGE, EPOCH), Frame(b"next", EPOCH)]


messages = st.binary(max_size=20)
pieces = st.one_of(
    st.builds(frame, messages, st.sampled_from([1, 2, 3, 0x17, 0x1A])),
    st.binary(max_size=6),
    st.sampled_from([b"\xa5", b"\xa5\x5a", b"\xa5\x5a\x00"]),
)


@settings(max_examples=300)
@given(written=st.lists(pieces, max_size=8), data=st.data())
def test_the_portions_in_which_bytes_arrive_make_no_difference(written: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(written)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert joined(parse(*chunks)) == joined(parse(stream))


@given(sent=st.lists(st.tuples(messages, st.sampled_from([1, 2, 3]))))
def test_frames_come_out_as_they_were_sent(sent: list[tuple[bytes, int]]) -> None:
    stream = b"".join(frame(message, flags) for message, flags in sent)

    assert parse(stream) == [Frame(message, EPOCH if flags & 2 else None) for message, flags in sent]
