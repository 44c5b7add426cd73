"""Decides from the first bytes of a file why it cannot be started, in words for the person who put it there.

Whoever asks has read the file. Lambda's own texts for the same failures, which peers and callers see, are in
`system.launch_errors`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

HEAD_BYTES: Final = 4096
"""As much of a file as `find_flaw` needs: the kernel itself looks at 256 bytes, and a linker puts what matters here."""

_EXECUTABLE_BY_ANYBODY: Final = 0o111

_ELF: Final = b"\x7fELF"
_ELF_HEADER_BYTES: Final = 52
"""Of the shorter one, for 32 bits."""

_64_BIT: Final = 2
_BIG_ENDIAN: Final = 2
_INTERPRETER_SEGMENT: Final = 3
"""`ELFCLASS64`, `ELFDATA2MSB` and `PT_INTERP` (elf(5))."""

_MACHINES: Final = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
"""`e_machine` (elf(5); Linux: `include/uapi/linux/elf-em.h`) in the words of uname(2)."""

_ALSO_RUNS: Final = {("x86_64", "i386")}

_DOCKER_NAMES: Final = {"x86_64": "amd64", "aarch64": "arm64"}

_OTHER_FORMATS: Final = (
    (b"MZ", "is a program for Windows", "build it for Linux"),
    (b"\xcf\xfa\xed\xfe", "is a program for macOS", "build it for Linux"),
    (b"\xca\xfe\xba\xbe", "is a program for macOS, or a class of Java", "build it for Linux"),
    (b"PK\x03\x04", "is a zip archive", "put what is in it here"),
    (b"\x1f\x8b", "is a gzip archive", "put what is in it here"),
    (b"\xef\xbb\xbf#!", "begins with a byte order mark before its #!", "save it as UTF-8 without one"),
    (b"\xff\xfe", "is text in UTF-16", "save it as UTF-8 without a byte order mark"),
)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a file cannot be started, and what helps."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"it {self.reason}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """What is known of a file.

    Args:
        head: Its first bytes, at least `HEAD_BYTES` if it has so many.
        mode: Its permission bits.
    """

    head: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Host:
    """What is to start it.

    Args:
        machine: The processor, as uname(2) calls it.
        has_program: Whether a path, or a word on the search path, is a program there.
    """

    machine: str
    has_program: Callable[[str], bool]


def find_flaw(file: ProgramFile, host: Host) -> Flaw | None:
    """Why *host* cannot start *file*; None when nothing is to be seen."""
    if not file.mode & _EXECUTABLE_BY_ANYBODY:
        return Flaw("is not executable", "chmod +x it before it is copied or packed")
    if not file.head:
        return Flaw("is empty", "build or copy it anew")
    if file.head.startswith(_ELF):
        return _flaw_of_elf(file.head, host)
    if file.head.startswith(b"#!"):
        return _flaw_of_script(file.head, host)
    return _flaw_of_anything_else(file.head)


def _flaw_of_anything_else(head: bytes) -> Flaw:
    for magic, reason, remedy in _OTHER_FORMATS:
        if head.startswith(magic):
            return Flaw(reason, remedy)
    if b"\0" in head:
        return Flaw("is no program that Linux knows", "build it for Linux")
    return Flaw(
        "is text without a #! line, so nobody knows what runs it", "begin it with #!/bin/sh, or whatever it is for"
    )


def machine_of(head: bytes) -> str:
    """The processor that a program is built for, as uname(2) calls it; empty for whatever is no ELF file."""
    if not head.startswith(_ELF) or len(head) < _ELF_HEADER_BYTES:
        return ""
    number = int.from_bytes(head[18:20], _byte_order(head))
    return _MACHINES.get(number, f"machine {number}")


def _flaw_of_script(head: bytes, host: Host) -> Flaw | None:
    line = head[2:].partition(b"\n")[0].decode(errors="backslashreplace")
    if line.endswith("\r"):
        return Flaw(
            f"has lines that end as on Windows (CRLF), so {line.strip()!a} is not found",
            "save it with LF, and see that git keeps it (.gitattributes: eol=lf)",
        )
    words = line.split()
    if not words:
        return Flaw("names no interpreter after #!", "begin it with #!/bin/sh, or whatever it is for")
    if not host.has_program(words[0]):
        return Flaw(f"needs {words[0]!a}, which is not in the image", "add it, or name another one after #!")
    if words[0].endswith("/env"):
        wanted = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        if wanted and not host.has_program(wanted[0]):
            return Flaw(f"needs {wanted[0]!a}, which is not on the image's PATH", "add it to the image")
    return None


def _flaw_of_elf(head: bytes, host: Host) -> Flaw | None:
    built_for = machine_of(head)
    if not built_for:
        return Flaw("is cut off in its ELF header", "build or copy it anew")
    if built_for != host.machine and (host.machine, built_for) not in _ALSO_RUNS:
        wanted = _DOCKER_NAMES.get(host.machine, host.machine)
        return Flaw(
            f"is built for {_DOCKER_NAMES.get(built_for, built_for)}, and this is {wanted}",
            f"take its build for {wanted}",
        )
    interpreter = _interpreter(head, _byte_order(head))
    if interpreter and not host.has_program(interpreter):
        library = "musl" if "musl" in interpreter else "glibc" if "ld-linux" in interpreter else "another C library"
        return Flaw(
            f"is linked for {library}: it needs {interpreter!a}, which is not in the image",
            "take its build for this image's C library, or a static one",
        )
    return None


def _byte_order(head: bytes) -> Literal["little", "big"]:
    return "big" if head[5] == _BIG_ENDIAN else "little"


def _interpreter(head: bytes, order: Literal["little", "big"]) -> str:
    """The program that loads a dynamic executable; empty if it has none, or names it far from its beginning."""
    wide = head[4] == _64_BIT

    def number(offset: int, size: int) -> int:
        return int.from_bytes(head[offset : offset + size], order)

    table, entry_size, count = (
        (number(32, 8), number(54, 2), number(56, 2)) if wide else (number(28, 4), number(42, 2), number(44, 2))
    )
    for entry in range(table, table + entry_size * count, entry_size or 1):
        if number(entry, 4) == _INTERPRETER_SEGMENT:
            place, length = (
                (number(entry + 8, 8), number(entry + 32, 8)) if wide else (number(entry + 4, 4), number(entry + 16, 4))
            )
            return head[place : place + length].rstrip(b"\0").decode(errors="backslashreplace")
    return ""
