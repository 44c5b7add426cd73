"""The log: the platform's lines to the letter, in their order, and every byte that a process writes."""

import math
import re
import shlex
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import ACTORS, PYTHON

CHATTER = [*PYTHON, str(ACTORS / "chatter.py")]

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MILLISECONDS = r"(\d+\.\d\d) ms"


@pytest.mark.rule("lifecycle/init-duration-on-first-report")
@pytest.mark.rule("lifecycle/billed-duration-rounds-up")
def test_the_lines_of_a_good_start_and_two_invocations(environment: StartEnvironment) -> None:
    env = environment(
        ["print:loads", "next", "print:works", "respond", "loop"],
        {"ext": ["register:SHUTDOWN,INVOKE", "loop"]},
        environ={"AWS_LAMBDA_FUNCTION_VERSION": "7", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"},
    )
    for nth in (1, 2):
        env.invoke(str(nth).encode())
        env.wait_for("^REPORT", nth)

    start, end = f"START RequestId: ({UUID}) Version: 7", f"END RequestId: ({UUID})"
    report = (
        rf"REPORT RequestId: ({UUID})\tDuration: {MILLISECONDS}\tBilled Duration: (\d+) ms"
        r"\tMemory Size: 512 MB\tMax Memory Used: \d+ MB\t"
    )
    patterns = [
        r"INIT_START Runtime Version: \tRuntime Version ARN: ",
        "runtime loads",
        "runtime ready",
        r"EXTENSION\tName: ext\tState: Ready\tEvents: \[SHUTDOWN, INVOKE\]",
        *(start, f"runtime got ({UUID}) 1", "runtime works", "runtime status 202", "runtime ready", end),
        rf"{report}Init Duration: {MILLISECONDS}\t",
        *(start, f"runtime got ({UUID}) 2", "runtime status 202", "runtime ready", end, report),
    ]
    lines = [line for line in env.lines if not line.startswith("ext ")]
    matches = [re.fullmatch(pattern, line) for pattern, line in zip(patterns, lines, strict=True)]
    assert [pattern for pattern, match in zip(patterns, matches, strict=True) if match is None] == []
    (first_id, *first), (second_id, *second) = (match.groups() for match in matches if match and "REPORT" in match[0])
    assert int(first[1]) == math.ceil(round(float(first[0]) + float(first[2]), 2))
    assert int(second[1]) == math.ceil(float(second[0]))
    ids = [match[1] for match in matches if match and match.groups()]
    assert ids == [first_id] * 4 + [second_id] * 4


def test_what_the_function_writes_stands_between_start_and_end(environment: StartEnvironment) -> None:
    """Also what it wrote the moment before it responded, and the moment before it asked for the next event."""
    env = environment(["loop"])

    for _ in range(20):
        env.invoke()
    env.wait_for("^REPORT", nth=20)

    first = env.lines.index("runtime ready") + 1
    words = [line.split()[0] for line in env.lines[first:]]
    assert words == ["START", "runtime", "runtime", "runtime", "END", "REPORT"] * 20


@pytest.mark.rule("lifecycle/output-without-newline")
def test_the_last_line_of_a_process_needs_no_newline(environment: StartEnvironment) -> None:
    env = environment(
        ["next", "write:last words", "exit:1", "/", "next", "pause"],
        {"ext": ["register:INVOKE", "loop", "/", "register:INVOKE", "next", "write:mine too", "exit:1"]},
    )

    for nth, words in enumerate(("last words", "mine too"), start=1):
        env.invoke()

        env.wait_for(f"^{words}$")
        assert env.lines.index(words) < env.lines.index(env.wait_for("^END", nth).string)


def test_a_line_in_two_pieces_stays_one(environment: StartEnvironment) -> None:
    env = environment(["next", "write:one ", "respond", "write:line", "print:", "loop"])

    env.invoke()

    env.wait_for("^runtime ready", nth=2)
    assert "one runtime status 202" in env.lines


@pytest.mark.rule("lifecycle/output-binary")
@pytest.mark.rule("lifecycle/output-long-line")
def test_odd_bytes_and_a_line_of_a_million_arrive_as_they_were_written(environment: StartEnvironment) -> None:
    """The pieces of the long line follow each other, because nobody else writes in between."""
    odd = bytes(byte for byte in range(256) if byte != ord("\n")) + b"\xff\xfe\0\n"
    env = environment(command=[*CHATTER, f"hex:{odd.hex()}", "long:1000000", "out:\\nend\\n"])

    env.wait_for("^end$")

    assert odd + b"x" * 1_000_000 + b"\nend\n" in env.output.data


@pytest.mark.rule("lifecycle/output-many-writers")
def test_no_line_is_torn_when_ten_processes_write_at_once(environment: StartEnvironment) -> None:
    chatter = f'{shlex.join(CHATTER)} torn:"${{0##*/}}":500 out:"${{0##*/}} ends\\n"'
    file = f"#!/bin/sh\n{chatter}\nexec sleep infinity\n".encode()
    env = environment(extensions=dict.fromkeys("abcdefghij", file), options=["--init-timeout", "600"])

    for name in "abcdefghij":
        env.wait_for(f"^{name} ends$")

    lines = [f"{name} {number} {name * 20} {name}" for name in "abcdefghij" for number in range(500)]
    assert sorted(env.lines[1:]) == sorted(lines + [f"{name} ends" for name in "abcdefghij"])


def test_standard_error_goes_to_standard_error(environment: StartEnvironment, tmp_path: Path) -> None:
    script = "echo out; echo err >&2; echo done"
    env = environment(command=["sh", "-c", script], stderr=tmp_path / "stderr")

    env.wait_for("^INIT_REPORT")

    assert [line for line in env.lines if not line.startswith("INIT")] == ["out", "done"]
    assert (tmp_path / "stderr").read_text() == "err\n"
