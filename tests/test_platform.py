import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUPERVISOR = [sys.executable, "-m", "supervisor"]
PATH = {"PATH": os.environ.get("PATH", os.defpath)}
ON_THE_PLATFORM = PATH | {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}

IN_AN_IMAGE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
EMPTY_IMAGE = 'mount -t tmpfs none /opt && mount -t tmpfs none /var && exec "$@"'
IMAGE_WITH_BOOTSTRAP = """
mount -t tmpfs none /opt && mount -t tmpfs none /var && mkdir /var/runtime || exit
printf '#!/bin/sh\necho "$0 $_HANDLER"\n' > /var/runtime/bootstrap && chmod +x /var/runtime/bootstrap || exit
exec "$@"
"""


def run(
    *words: str, environ: Mapping[str, str] = ON_THE_PLATFORM, program: tuple[str, ...] = (*SUPERVISOR,)
) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*program, *words], env=environ, cwd=ROOT, capture_output=True, text=True, check=False)


def skip_without_namespaces() -> None:
    result = run(EMPTY_IMAGE, "sh", *SUPERVISOR, "--version", program=IN_AN_IMAGE)
    if result.returncode != 0:
        pytest.skip(f"folders of an image cannot be laid over this machine's: {result.stderr}")


def test_where_the_platform_is_the_command_takes_our_place() -> None:
    with subprocess.Popen(
        [*SUPERVISOR, "--queue-size", "3", "sh", "-c", "echo $$ $0 $1", "one", "two words"],
        env=ON_THE_PLATFORM,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        output, _ = process.communicate()

    assert output == f"{process.pid} one two words\n"
    assert process.returncode == 0


def test_where_the_platform_is_trio_is_not_imported() -> None:
    result = run("true", program=(sys.executable, "-X", "importtime", "-m", "supervisor"))

    assert result.returncode == 0
    assert "supervisor.boot" in result.stderr
    assert "trio" not in result.stderr


def test_where_the_platform_is_values_are_its_matter() -> None:
    result = run("--queue-size", "many", "sh", "-c", "exit 7")

    assert (result.returncode, result.stderr) == (7, "")


def test_where_the_platform_is_the_environment_is_passed_on_as_it_is() -> None:
    environ = ON_THE_PLATFORM | {"SUPERVISOR_QUEUE_SIZE": "1", "_X_AMZN_TRACE_ID": "Root=1", "_HANDLER": "its.handler"}

    result = run("env", "-0", environ=environ)

    assert dict(entry.split("=", 1) for entry in result.stdout.split("\0") if entry) == environ


def test_where_the_platform_names_no_handler_the_command_does() -> None:
    result = run("printenv", "_HANDLER", environ=ON_THE_PLATFORM | {"_HANDLER": ""})

    assert result.stdout == "_HANDLER\n"


def test_python_adds_no_locale_of_its_own_to_the_environment() -> None:
    assert run("env").stdout.count("LC_CTYPE") == 0
    assert run("env", environ=ON_THE_PLATFORM | {"LC_CTYPE": "C.UTF-8"}).stdout.count("LC_CTYPE=C.UTF-8\n") == 1


def test_the_command_that_takes_our_place_finds_every_signal_at_its_default() -> None:
    result = run("cat", "/proc/self/status")

    masks = dict(line.split(":\t") for line in result.stdout.splitlines() if line.startswith("Sig"))
    # Signals 32 and 33 are the C library's: whoever was started by posix_spawn may have them ignored for good.
    assert [int(masks[name], 16) & ~(0b11 << 31) for name in ("SigBlk", "SigIgn", "SigCgt")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("content", "mode", "exit_code", "reason"),
    [
        (None, 0, 127, "No such file or directory"),
        (b"#!/missing/interpreter\n", 0o755, 127, "No such file or directory"),
        (b"#!/bin/sh\n", 0o644, 126, "Permission denied"),
        (b"not a program", 0o755, 126, "Exec format error"),
    ],
)
def test_a_command_that_cannot_take_our_place_ends_us_as_it_ends_a_shell(
    tmp_path: Path, content: bytes | None, mode: int, exit_code: int, reason: str
) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_bytes(content)
        program.chmod(mode)

    result = run(str(program))

    assert result.returncode == exit_code
    assert result.stderr == f"supervisor: cannot execute '{program}': {reason}\n"


def test_a_command_that_is_not_on_the_path_ends_us_as_it_ends_a_shell() -> None:
    result = run("no-such-program", "app.handler")

    assert result.returncode == 127
    assert result.stderr == "supervisor: cannot execute 'no-such-program': No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "output"),
    [([], "/var/runtime/bootstrap \n"), (["app.handler"], "/var/runtime/bootstrap app.handler\n")],
)
def test_where_the_platform_is_the_bootstrap_of_the_image_takes_our_place(words: list[str], output: str) -> None:
    skip_without_namespaces()

    result = run(IMAGE_WITH_BOOTSTRAP, "sh", *SUPERVISOR, *words, program=IN_AN_IMAGE)

    assert (result.returncode, result.stdout, result.stderr) == (0, output, "")


@pytest.mark.parametrize("words", [[], ["app.handler"]])
def test_an_image_without_a_bootstrap_ends_us_as_a_missing_program_ends_a_shell(words: list[str]) -> None:
    skip_without_namespaces()

    result = run(EMPTY_IMAGE, "sh", *SUPERVISOR, *words, program=IN_AN_IMAGE)

    assert result.returncode == 127
    assert result.stderr == "supervisor: COMMAND names no program, and the image has no bootstrap\n"
