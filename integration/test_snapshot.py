"""The snapshot in the one file: that it is what starts, and that whatever is in its way ends in the plain start."""

import ctypes
import errno
import os
import platform
import struct
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

import pytest

from integration.environments import UNDER_TEST

HOLDS_NONE: Final = "this file holds no snapshot"

PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
SECCOMP_MODE_FILTER: Final = 2
SECCOMP_ALLOW: Final = 0x7FFF0000
SECCOMP_ERRNO: Final = 0x00050000
MAP_FIXED_NOREPLACE: Final = 0x100000
SYS_MMAP: Final = {"x86_64": 9, "aarch64": 222}


def start(
    wish: str, *words: str, prefix: Sequence[str] = (), before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the file with SUPERVISOR_SNAPSHOT set to *wish*; *before* is called in its process."""
    return subprocess.run(
        [*prefix, *UNDER_TEST, *words],
        env={"PATH": os.environ["PATH"], "SUPERVISOR_SNAPSHOT": wish},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
    )


@pytest.fixture(scope="module", autouse=True)
def _file_with_a_snapshot() -> None:
    if "SUPERVISOR_UNDER_TEST" not in os.environ:
        pytest.skip("only the static file can have one: SUPERVISOR_UNDER_TEST=dist/supervisor-linux-amd64")
    if HOLDS_NONE in start("check").stdout:
        pytest.skip("the file was built with SNAPSHOT=off")


def refuse_fixed_addresses() -> None:
    """Let the kernel say of every address that is asked for that it is taken (seccomp, by instructions of BPF)."""
    instructions = (
        (0x20, 0, 0, 0),  # the number of the call
        (0x15, 0, 3, SYS_MMAP[platform.machine()]),  # mmap goes on, others are allowed
        (0x20, 0, 0, 40),  # its fourth argument
        (0x45, 0, 1, MAP_FIXED_NOREPLACE),  # with this flag it goes on
        (0x06, 0, 0, SECCOMP_ERRNO | errno.EEXIST),
        (0x06, 0, 0, SECCOMP_ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions))
    program = struct.pack("@HP", len(instructions), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def test_the_file_is_restored_and_all_that_it_needs_works() -> None:
    done = start("check")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("supervisor: restored\n")


def test_two_processes_have_different_random_numbers() -> None:
    assert start("check").stdout != start("check").stdout


def test_one_start_is_as_good_as_another_wherever_the_kernel_puts_the_stack() -> None:
    done = [start("", "--version") for _ in range(50)]

    assert {(process.returncode, process.stderr) for process in done} == {(0, "")}
    assert len({process.stdout for process in done}) == 1


def test_it_can_be_turned_off() -> None:
    assert start("off", "--version").stdout == start("", "--version").stdout


@pytest.mark.parametrize(
    ("prefix", "before", "reason"),
    [
        (
            ("unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /proc; exec "$@"', "sh"),
            None,
            "/proc/self/exe cannot be read",
        ),
        ((), refuse_fixed_addresses, "its place in memory is taken, or more than this process may have"),
    ],
)
def test_what_is_in_its_way_ends_in_the_plain_start(
    prefix: Sequence[str], before: Callable[[], None] | None, reason: str
) -> None:
    assert start("check", prefix=prefix, before=before).stdout.startswith(f"supervisor: {reason}\n")
    assert start("", "--version", prefix=prefix, before=before).stdout == start("", "--version").stdout


def test_the_builders_environment_is_not_in_the_file() -> None:
    with open(UNDER_TEST[0], "rb") as file:
        content = file.read()

    assert b"TZ=UTC0" not in content
    assert b"SUPERVISOR_SNAPSHOT=write" not in content


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_a_standard_stream_may_be_closed(descriptor: int) -> None:
    assert start("", "--version", before=lambda: os.close(descriptor)).returncode == 0
