"""`--once`: one event, its answer on standard output, and an exit code, as a job of CI wants them."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from integration.environments import AS_PID_1, UNDER_TEST, extension_file, runtime_command
from integration.namespaces import Namespaces
from integration.processes import PATIENCE, children_of

ANSWER = '{"answer": 42}'


@dataclass(frozen=True, slots=True)
class Run:
    """What is run once, and how it went."""

    folder: Path
    namespaces: Namespaces
    environ: Mapping[str, str] = field(default_factory=dict)

    def start(self, *options: str, script: Sequence[str] = ("loop",)) -> subprocess.Popen[bytes]:
        place = ("--extensions-dir", str(self.folder / "extensions"))
        return self.namespaces.run(
            subprocess.Popen,
            [*AS_PID_1, *UNDER_TEST, *place, *options, *runtime_command(script)],
            env={"PATH": "/usr/bin:/bin", **self.environ},
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __call__(
        self, *options: str, script: Sequence[str] = ("loop",), stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        with self.start(*options, script=script) as process:
            output, errors = process.communicate(stdin, PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the program in a folder of its own."""
    return Run(tmp_path, Namespaces(tmp_path, {}))


def test_the_answer_alone_is_on_standard_output(run: Run) -> None:
    done = run("--once", ANSWER)

    assert (done.returncode, done.stdout) == (0, f"{ANSWER}\n".encode())
    log = done.stderr.decode()
    assert "runtime got " in log
    assert re.findall(r"^(\w+) RequestId: ", log, re.MULTILINE) == ["START", "END", "REPORT"]


def test_an_event_comes_from_a_file_or_from_standard_input(run: Run) -> None:
    run.folder.joinpath("event.json").write_text(ANSWER)

    assert run("--once", "@event.json").stdout == f"{ANSWER}\n".encode()
    assert run("--once", "-", stdin=b'"piped"\n').stdout == b'"piped"\n'


@pytest.mark.parametrize(
    ("script", "body"),
    [
        (["next", "error:Function.Broken", "next"], b'{"errorMessage": "as the script says", '),
        (["next", "exit:3"], b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: '),
        (["exit:1"], b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: '),
    ],
    ids=["error", "crash", "init"],
)
def test_a_failure_is_printed_too_and_shows_in_the_exit_code(run: Run, script: Sequence[str], body: bytes) -> None:
    done = run("--once", "{}", script=script)

    assert done.returncode == 1
    assert done.stdout.startswith(body)
    assert done.stdout.count(b"\n") == 1


def test_a_timeout_is_a_failure(tmp_path: Path) -> None:
    run = Run(tmp_path, Namespaces(tmp_path, {}), {"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})

    done = run("--once", "{}", script=["next", "pause"])

    assert done.returncode == 1
    assert done.stdout.startswith(b'{"errorType":"Sandbox.Timedout",')


def test_extensions_do_what_they_do_after_the_answer_and_are_told_of_the_end(run: Run) -> None:
    run.folder.joinpath("extensions").mkdir()
    file = run.folder / "extensions" / "ext"
    file.write_bytes(extension_file(["register:INVOKE,SHUTDOWN", "next", "print:works", "loop"]))
    file.chmod(0o755)

    done = run("--once", "{}")

    log = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (0, b"{}\n")
    ends = next(number for number, line in enumerate(log) if line.startswith("END "))
    assert log.index("ext works") < ends
    assert log[-1].startswith("ext got SHUTDOWN spindown ")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--once", "@missing"), "--once: cannot read 'missing': No such file or directory"),
        (("--once", "-"), "--once -: standard input is empty; docker run passes it on with -i"),
        (
            ("--once", "{}", "--event-retries", "0"),
            "--event-retries is for Events, which nobody waits for; --once waits",
        ),
        (("--once", "{"), "--once: Could not parse request body into json"),
    ],
)
def test_what_is_no_event_is_one_line_and_nothing_is_started(run: Run, options: Sequence[str], reason: str) -> None:
    done = run(*options)

    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"supervisor: {reason}")


def test_anything_may_be_an_event_if_that_is_asked_for(run: Run) -> None:
    assert run("--raw-payload", "--once", "no JSON").stdout == b"no JSON\n"


def test_nobody_is_listened_to(run: Run) -> None:
    done = run("--log-level", "info", "--once", "{}")

    assert b"The function is invoked at" not in done.stderr
    assert (
        b"The function is invoked at 127.0.0.1:"
        in run(*("--log-level", "info", "--invoke-address", "127.0.0.1:0", "--once", "{}")).stderr
    )


def test_a_signal_ends_it_and_it_has_failed(run: Run) -> None:
    with run.start("--once", "{}", script=["next", "print:now", "pause"]) as process:
        assert process.stderr is not None
        while b"runtime now" not in process.stderr.readline():
            pass
        (supervisor,) = children_of(process.pid)
        os.kill(supervisor, signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert output.startswith(b'{"errorType":"Sandbox.Failure",')
