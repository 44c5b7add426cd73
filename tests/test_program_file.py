import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.program_file import Flaw, Host, ProgramFile, find_flaw, machine_of

X86_64 = 62
AARCH64 = 183
ARM = 40
I386 = 3
IN_THE_IMAGE = {"/bin/sh", "/usr/bin/env", "python3", "/lib64/ld-linux-x86-64.so.2"}
AMD64 = Host("x86_64", IN_THE_IMAGE.__contains__)
ARM64 = Host("aarch64", IN_THE_IMAGE.__contains__)


def elf(machine: int, interpreter: str = "", *, wide: bool = True, order: str = "<") -> bytes:
    """An executable as far as it is looked at: its header, and one entry of its table of segments."""
    place = 400
    identity = b"\x7fELF" + bytes([2 if wide else 1, 2 if order == ">" else 1]) + bytes(10)
    segment_type = 3 if interpreter else 1
    length = len(interpreter) + 1
    if wide:
        header = struct.pack(f"{order}HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        segment = struct.pack(f"{order}IIQQQQQQ", segment_type, 4, place, 0, 0, length, length, 1)
    else:
        header = struct.pack(f"{order}HHIIIIIHHHHHH", 2, machine, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        segment = struct.pack(f"{order}IIIIIIII", segment_type, place, 0, 0, length, length, 4, 1)
    return (identity + header + segment).ljust(place, b"\0") + interpreter.encode() + b"\0"


def flaw(head: bytes, host: Host = AMD64, mode: int = 0o755) -> str:
    return str(find_flaw(ProgramFile(head, mode), host) or "")


@pytest.mark.parametrize(
    "head",
    [
        b"#!/bin/sh\necho hello\n",
        b"#! /bin/sh -e\n",
        b"#!/bin/sh",
        b"#!/usr/bin/env python3\nprint()\n",
        b"#!/usr/bin/env -S LANG=C python3 -u\n",
        b"#!/usr/bin/env\n",
        elf(X86_64),
        elf(X86_64, "/lib64/ld-linux-x86-64.so.2"),
        elf(I386, wide=False),
    ],
)
def test_a_program_that_can_be_started_has_no_flaw(head: bytes) -> None:
    assert flaw(head) == ""


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", "it is empty; build or copy it anew"),
        (
            b"#!/bin/sh\r\necho\r\n",
            "it has lines that end as on Windows (CRLF), so '/bin/sh' is not found; "
            "save it with LF, and see that git keeps it (.gitattributes: eol=lf)",
        ),
        (
            b"#!/usr/bin/env python3\r\n",
            "it has lines that end as on Windows (CRLF), so '/usr/bin/env python3' is not found; "
            "save it with LF, and see that git keeps it (.gitattributes: eol=lf)",
        ),
        (
            b"#!/bin/bash\n",
            "it needs '/bin/bash', which is not in the image; add it, or name another one after #!",
        ),
        (
            b"#!/usr/bin/env node\n",
            "it needs 'node', which is not on the image's PATH; add it to the image",
        ),
        (b"#!\n", "it names no interpreter after #!; begin it with #!/bin/sh, or whatever it is for"),
        (
            b"echo hello\n",
            "it is text without a #! line, so nobody knows what runs it; "
            "begin it with #!/bin/sh, or whatever it is for",
        ),
        (
            b"\xef\xbb\xbf#!/bin/sh\n",
            "it begins with a byte order mark before its #!; save it as UTF-8 without one",
        ),
        (b"MZ\x90\x00", "it is a program for Windows; build it for Linux"),
        (b"\xcf\xfa\xed\xfe\x07", "it is a program for macOS; build it for Linux"),
        (b"PK\x03\x04", "it is a zip archive; put what is in it here"),
        (b"\x00\x01\x02", "it is no program that Linux knows; build it for Linux"),
        (elf(X86_64)[:30], "it is cut off in its ELF header; build or copy it anew"),
        (elf(AARCH64), "it is built for arm64, and this is amd64; take its build for amd64"),
        (elf(ARM, wide=False), "it is built for arm, and this is amd64; take its build for amd64"),
        (elf(AARCH64, order=">"), "it is built for arm64, and this is amd64; take its build for amd64"),
        (elf(0x2A), "it is built for machine 42, and this is amd64; take its build for amd64"),
        (
            elf(X86_64, "/lib/ld-musl-x86_64.so.1"),
            "it is linked for musl: it needs '/lib/ld-musl-x86_64.so.1', which is not in the image; "
            "take its build for this image's C library, or a static one",
        ),
        (
            elf(I386, "/lib/ld-linux.so.2", wide=False),
            "it is linked for glibc: it needs '/lib/ld-linux.so.2', which is not in the image; "
            "take its build for this image's C library, or a static one",
        ),
    ],
)
def test_what_keeps_a_program_from_starting_is_told_with_what_helps(head: bytes, expected: str) -> None:
    assert flaw(head) == expected


def test_a_program_for_the_other_processor_is_told_on_either() -> None:
    assert flaw(elf(X86_64), ARM64) == "it is built for amd64, and this is arm64; take its build for arm64"
    assert flaw(elf(I386, wide=False), ARM64) == "it is built for i386, and this is arm64; take its build for arm64"
    assert flaw(elf(AARCH64), ARM64) == ""


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o000])
def test_a_file_that_nobody_may_execute_is_told_first(mode: int) -> None:
    for head in (b"", b"#!/bin/sh\r\n", elf(AARCH64)):
        assert flaw(head, mode=mode) == "it is not executable; chmod +x it before it is copied or packed"


def test_the_processor_of_a_program_has_the_name_that_uname_gives_it() -> None:
    assert [machine_of(head) for head in (elf(X86_64), elf(AARCH64), b"#!/bin/sh", elf(X86_64)[:20])] == [
        *("x86_64", "aarch64", "", "")
    ]


@given(st.binary(max_size=600) | st.binary(max_size=600).map(lambda rest: elf(X86_64)[:20] + rest), st.booleans())
def test_any_bytes_at_all_have_a_flaw_or_none(head: bytes, present: bool) -> None:
    found = find_flaw(ProgramFile(head, 0o755), Host("x86_64", lambda _: present))

    assert found is None or isinstance(found, Flaw)
    assert "\n" not in str(found)
