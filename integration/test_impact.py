"""`supervisor impact`, as a developer runs it."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from integration.environments import extension_file, runtime_command
from integration.namespaces import Namespaces

EVENTS = '{"a": 1}\n{"a": 2}\n{"a": 3}\n'
BUSY_MS = 50


class Machine:
    """A developer's machine, with extensions in a folder."""

    def __init__(self, folder: Path, namespaces: Namespaces) -> None:
        self.folder = folder
        self._namespaces = namespaces

    def impact(self, extensions: Mapping[str, Sequence[str] | bytes], *words: str) -> subprocess.CompletedProcess[str]:
        extensions_dir = self.folder / "extensions"
        extensions_dir.mkdir()
        for name, content in extensions.items():
            file = extensions_dir / name
            file.write_bytes(content if isinstance(content, bytes) else extension_file(content))
            file.chmod(0o755)
        (self.folder / "events").write_text(EVENTS)
        return self._namespaces.run(
            subprocess.run,
            [sys.executable, "-m", "supervisor", "impact", "--events", "events", *words],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "SUPERVISOR_EXTENSIONS_DIR": str(extensions_dir)},
            capture_output=True,
            text=True,
            check=False,
        )

    def left_behind(self) -> list[int]:
        return self._namespaces.processes()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with closing(Namespaces(tmp_path, {})) as namespaces:
        yield Machine(tmp_path, namespaces)


LOOP = ("register:INVOKE,SHUTDOWN", "loop")


def test_the_table_finds_the_extension_that_computes_after_each_invocation(machine: Machine) -> None:
    extensions = {"busy": ("register:INVOKE,SHUTDOWN", f"busy-loop:{BUSY_MS}"), "quiet": LOOP}
    command = runtime_command(["loop"])

    result = machine.impact(extensions, "--each", "-n", "3", "--json", "figures", "--svg", "picture", *command)

    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    names = [line.split()[0] for line in result.stdout.splitlines() if line.startswith(("busy ", "quiet "))]
    assert names == ["busy", "quiet"]
    busy, quiet = json.loads((machine.folder / "figures").read_text())["extensions"]
    assert busy["duration_ms"]["median"] > quiet["duration_ms"]["median"] + BUSY_MS / 2
    assert busy["memory_mb"]["median"] > 0
    assert "busy</text>" in (machine.folder / "picture").read_text()
    assert machine.left_behind() == []


def test_an_extension_without_which_the_function_fails_is_named_with_the_error(machine: Machine) -> None:
    # The extension leaves a sign, which the runtime takes.
    needed = extension_file(LOOP).replace(b"exec", b"touch sign && exec")
    working, failing = (shlex.join(runtime_command(script)) for script in (["loop"], ["next", "exit:3"]))
    runtime = f"rm sign && exec {working}; exec {failing}"

    result = machine.impact({"needed": needed}, "--without", "needed", "-n", "1", "sh", "-c", runtime)

    assert (result.returncode, result.stderr) == (0, "")
    assert "needed: without it the function fails with Runtime.ExitError" in result.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--without", "other", *runtime_command(["loop"])], "there is no extension other; ready after Init: quiet"),
        (["--events", "nowhere", *runtime_command(["loop"])], "cannot read nowhere: No such file or directory"),
        (runtime_command(["next", "exit:3"]), "the function fails with all its extensions: Runtime.ExitError"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(machine: Machine, words: list[str], reason: str) -> None:
    result = machine.impact({"quiet": LOOP}, *words)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"supervisor impact: {reason}\n"
    assert machine.left_behind() == []
