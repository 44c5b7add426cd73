import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from supervisor import __version__
from supervisor.command_line import help_text

ROOT = Path(__file__).parents[1]
SUPERVISOR = [sys.executable, "-m", "supervisor"]
PATH = {"PATH": os.environ.get("PATH", os.defpath)}

HEAVY_MODULES = (
    "argparse",
    "asyncio",
    "click",
    "concurrent.futures",
    "email",
    "http",
    "httpx",
    "logging.config",
    "multiprocessing",
    "prometheus_client",
    "pydantic",
    "rich",
    "typer",
    "unittest",
)

WITH_AN_APPLICATION = """
import sys, types
app = types.ModuleType("supervisor.app")
exec(sys.argv.pop(1), app.__dict__)
sys.modules["supervisor.app"] = app
from supervisor.__main__ import main
sys.exit(main())
"""

REPORT_CHILD_PROCESSES = """
import sys
STARTS = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"}
sys.addaudithook(lambda event, _: print(event) if event in STARTS else None)
"""


def run(
    *words: str, environ: Mapping[str, str] = PATH, program: tuple[str, ...] = (*SUPERVISOR,)
) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*program, *words], env=environ, cwd=ROOT, capture_output=True, text=True, check=False)


def run_python(script: str) -> subprocess.CompletedProcess[str]:
    return run(script, program=(sys.executable, "-c"))


def run_application(source: str, *words: str, environ: Mapping[str, str] = PATH) -> subprocess.CompletedProcess[str]:
    return run(source, *words, program=(sys.executable, "-c", WITH_AN_APPLICATION), environ=environ)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_shown_on_standard_output(flag: str) -> None:
    result = run("--queue-size", "wrong", flag)

    assert (result.returncode, result.stdout, result.stderr) == (0, f"{help_text()}\n", "")


def test_the_version_is_shown_on_standard_output() -> None:
    result = run("--version")

    assert (result.returncode, result.stdout, result.stderr) == (0, f"supervisor {__version__}\n", "")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", ">/dev/full"])
@pytest.mark.parametrize("flag", ["--help", "--version", "--wrong"])
def test_nobody_who_listens_is_no_reason_for_a_traceback(flag: str, redirection: str) -> None:
    result = run("-c", f'"$@" {redirection}', "sh", *SUPERVISOR, flag, program=("sh",))

    assert result.returncode == (2 if flag == "--wrong" else 0)
    assert "Traceback" not in result.stderr


def test_a_reader_who_leaves_is_no_reason_for_a_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)

    result = subprocess.run(
        [*SUPERVISOR, "--help"], stdout=write_end, stderr=subprocess.PIPE, cwd=ROOT, env=PATH, check=False
    )
    os.close(write_end)

    assert (result.returncode, result.stderr) == (0, b"")


def test_a_wrong_option_is_one_line_on_standard_error_and_nothing_is_started(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    result = run("--queue-size", "many", "touch", str(trace))

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "supervisor: --queue-size must be a whole number from 0 to 10000, not 'many'\n"
    assert not trace.exists()


def test_an_empty_runtime_api_is_none() -> None:
    result = run("--queue-size", "many", "true", environ=PATH | {"AWS_LAMBDA_RUNTIME_API": ""})

    assert result.returncode == 2


@pytest.mark.parametrize("wanted", ["--help", "--version", "--wrong"])
def test_what_needs_no_trio_does_not_import_it(wanted: str) -> None:
    result = run(wanted, program=(sys.executable, "-X", "importtime", "-m", "supervisor"))

    assert "| supervisor.command_line" in result.stderr.replace("  ", " ")
    assert "trio" not in result.stderr


def test_trio_is_imported_without_a_child_process() -> None:
    boot = "from supervisor.boot import import_trio; import_trio(); import trio; print(trio.__name__)"

    assert run_python(REPORT_CHILD_PROCESSES + boot).stdout == "trio\n"


def test_only_the_import_of_trio_finds_no_libraries() -> None:
    script = (
        "import ctypes.util; from supervisor.boot import import_trio; before = ctypes.util.find_library;"
        "import_trio(); print(ctypes.util.find_library is before)"
    )

    assert run_python(script).stdout == "True\n"


def test_what_is_heavy_is_not_imported_at_the_start() -> None:
    boot = "from supervisor.boot import import_trio; import_trio(); import supervisor.__main__, supervisor.app"

    result = run_python(f"{boot}; import sys; print(*sys.modules)")

    assert result.stderr == ""
    assert "supervisor.app" in result.stdout.split()
    assert not set(HEAVY_MODULES) & set(result.stdout.split())


def test_the_application_gets_the_configuration_and_gives_the_exit_code() -> None:
    result = run_application(
        "def run(config): print(config.queue_size, *config.command); return 7", "--queue-size=3", "sh", "app.handler"
    )

    assert (result.returncode, result.stdout, result.stderr) == (7, "3 sh app.handler\n", "")


@pytest.mark.parametrize(("level", "lines"), [("warn", 1), ("error", 0)])
def test_a_warning_is_one_line_unless_only_errors_are_wanted(level: str, lines: int) -> None:
    result = run_application(
        "def run(config): return 0",
        *("--log-level", level, "true"),
        environ=PATH | {"AWS_LAMBDA_MAX_CONCURRENCY": "2"},
    )

    line = "supervisor: AWS_LAMBDA_MAX_CONCURRENCY has no effect: managed instances are not emulated\n"
    assert result.stderr == line * lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_application_listens_ends_us_without_a_traceback(number: signal.Signals) -> None:
    result = run_application(f"import signal\ndef run(config): signal.raise_signal({number:d})", "true")

    assert (result.returncode, result.stderr) == (128 + number, "")


def test_descriptors_that_were_closed_lead_nowhere() -> None:
    source = """
import os
def run(config):
    return sum(os.path.samestat(os.fstat(fd), os.stat(os.devnull)) for fd in range(3))
"""
    words = (sys.executable, "-c", WITH_AN_APPLICATION, source, "true")

    result = run("-c", '"$@" <&- >&- 2>&-', "sh", *words, program=("sh",))

    assert result.returncode == 3
