"""The end of the log for a caller."""

import pytest

from supervisor.telemetry.tail import TAIL_BYTES, LogTail


def test_the_tail_is_what_was_logged_since_the_report_of_the_invocation_before() -> None:
    tail = LogTail()
    tail.add([b"START 1\n", b"one\n", b"END 1\n", b"REPORT 1\n"])
    tail.complete()
    tail.add([b"START 2\n"])
    tail.add([b"two\n"])

    assert bytes(tail) == b"START 2\ntwo\n"


def test_a_complete_tail_can_be_read_until_something_new_is_logged() -> None:
    tail = LogTail()
    tail.add([b"REPORT 1\n"])
    tail.complete()

    assert bytes(tail) == b"REPORT 1\n"


@pytest.mark.rule("invoke-api/tail-size")
def test_more_than_four_kilobytes_are_cut_at_the_front_even_inside_a_character() -> None:
    tail = LogTail()
    tail.add(["ä".encode() * TAIL_BYTES, b"x"])

    assert bytes(tail) == b"\xa4" + "ä".encode() * (TAIL_BYTES // 2 - 1) + b"x"
    assert len(bytes(tail)) == TAIL_BYTES
