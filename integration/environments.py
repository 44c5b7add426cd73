"""The program under test, in namespaces of its own: started, watched through its output, called, and taken down.

It is `python -m supervisor`, or what the variable SUPERVISOR_UNDER_TEST names.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from integration.http_calls import Answer, Port, request_bytes
from integration.namespaces import Namespaces
from integration.output import Output
from integration.processes import (
    PATIENCE,
    children_of,
    command_of,
    descendants_of,
    is_zombie,
    own_pid_of,
    status_of,
    wait_until,
)

P = ParamSpec("P")
T = TypeVar("T")

ROOT: Final = Path(__file__).parents[1]
ACTORS: Final = ROOT / "tests" / "actors"
PYTHON: Final = (sys.executable, "-S")
"""Actors need nothing but the standard library, and start sooner without the rest."""

UNDER_TEST: Final = shlex.split(os.environ.get("SUPERVISOR_UNDER_TEST") or f"{sys.executable} -m supervisor")
# It is started in other folders than this one.
UNDER_TEST[0] = os.path.abspath(shutil.which(UNDER_TEST[0]) or UNDER_TEST[0])

AS_PID_1: Final = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--")

INVOCATIONS: Final = "/2015-03-31/functions/function/invocations"


@dataclass(frozen=True, slots=True)
class Setup:
    """What is started, and where.

    Args:
        runtime: The script of tests/actors/runtime.py.
        extensions: By name the script of tests/actors/extension.py, or the content of the file.
        command: The runtime's command, instead of that actor.
        environ: Environment variables of the program, beside PATH.
        options: Options of the program.
        files: Files in the folder where it is started, by name.
        image: Executable files that it finds, by absolute path.
        opt: A folder that is its /opt, and that it may write to.
        as_pid_1: Whether it is the first process of a pid namespace, or an ordinary one.
        before: Words before the command line, of a program that executes the rest.
        stderr: The file that standard error goes to, apart from the output.
        first_line: A line, as a regular expression, that is not written before Init has begun.
    """

    runtime: Sequence[str] = ("loop",)
    extensions: Mapping[str, Sequence[str] | bytes] = field(default_factory=dict)
    command: Sequence[str] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    image: Mapping[str, bytes] = field(default_factory=dict)
    opt: Path | None = None
    as_pid_1: bool = True
    before: Sequence[str] = ()
    stderr: Path | None = None
    first_line: str = "^INIT_START"

    def words(self, folder: Path) -> list[str]:
        """The command line."""
        command = runtime_command(_script(folder, "runtime", self.runtime)) if self.command is None else self.command
        place = () if self.image or self.opt else ("--extensions-dir", str(folder / "extensions"))
        return [*(AS_PID_1 if self.as_pid_1 else ()), *self.before, *UNDER_TEST, *place, *self.options, *command]

    def write_extensions(self, folder: Path) -> None:
        """Make the files of the extensions."""
        folder.joinpath("extensions").mkdir()
        for name, content in self.extensions.items():
            file = folder / "extensions" / name
            file.write_bytes(content if isinstance(content, bytes) else extension_file(_script(folder, name, content)))
            file.chmod(0o755)


class Environment:
    """A running program under test.

    Args:
        namespaces: Where it runs.
        folder: An empty folder.
        setup: What is started.

    Attributes:
        callers: The port of the Invoke API.
        peers: The port of the Runtime API and the Extensions API.
        folder: Where it was started.
        output: Its standard output and standard error.
    """

    def __init__(self, namespaces: Namespaces, folder: Path, setup: Setup) -> None:
        self.callers = Port(namespaces, 8080)
        self.peers = Port(namespaces, 9001)
        self.folder = folder / "work"
        self._namespaces = namespaces
        self._as_pid_1 = setup.as_pid_1
        self._first_line = setup.first_line
        self._threads = ThreadPoolExecutor(max_workers=128, thread_name_prefix="callers")
        setup.write_extensions(folder)
        self.folder.mkdir()
        for name, text in setup.files.items():
            self.folder.joinpath(name).write_text(text)
        with open(setup.stderr, "wb") if setup.stderr else nullcontext(subprocess.STDOUT) as stderr:
            self._process = namespaces.run(
                subprocess.Popen,
                setup.words(folder),
                env={"PATH": os.environ["PATH"], **setup.environ},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        self.output = Output(self._pipe.fileno())

    # What it says and how it ends.

    @property
    def lines(self) -> list[str]:
        """Every line that was written so far."""
        return self.output.lines

    def wait_for(self, pattern: str, nth: int = 1) -> re.Match[str]:
        """Wait for the *nth* line in which the regular expression *pattern* is found."""
        return self.output.wait_for(pattern, nth)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait until the supervisor has ended; its exit code."""
        code = self._process.wait(PATIENCE)
        self.output.wait_for_end()
        return code

    def terminate(self) -> int:
        """Ask the supervisor to end, and wait; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait_until_started(self) -> None:
        """Wait until both ports listen and Init has begun."""
        try:
            self.wait_for(self._first_line)
        except AssertionError as error:
            error.add_note(f"The exit code is {self._process.poll()}.")
            raise

    # Calls.

    def run_inside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *function* where the ports of the environment are those of 127.0.0.1."""
        return self._namespaces.run(function, *args, **kwargs)

    def invoke(self, payload: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Answer:
        """Invoke the function and wait for the answer."""
        return self.callers.request("POST", INVOCATIONS, headers, payload)

    def start_invoke(self, payload: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Future[Answer]:
        """Invoke the function in a thread."""
        return self._threads.submit(self.invoke, payload, headers)

    def send_invoke(self, payload: bytes = b"{}") -> socket.socket:
        """Ask for an invocation: the supervisor has read that when this returns. `read_answer` is for the answer."""
        connection = self.callers.connect()
        connection.sendall(request_bytes("POST", INVOCATIONS, {"Content-Length": str(len(payload))}) + payload)
        # What came first is read first, so the answer to something else says that this has been read.
        self.callers.request("GET", "/")
        return connection

    def port(self, number: int) -> Port:
        """Another port than the usual ones."""
        return Port(self._namespaces, number)

    def start_poll(self, path: str, headers: Mapping[str, str] | None = None) -> Future[Answer]:
        """Send a request that waits for an event, in a thread."""
        return self._threads.submit(self.peers.request, "GET", path, headers)

    # Processes.

    @property
    def pid(self) -> int:
        """The supervisor's pid, as the machine sees it."""
        if not self._as_pid_1:
            return self._process.pid
        (child,) = children_of(self._process.pid)
        return child

    def wait_until_frozen(self) -> None:
        """Wait until every process below the supervisor is stopped."""

        def is_frozen() -> bool:
            states = [status_of(pid).get("State", "")[:1] for pid in descendants_of(self.pid)]
            return bool(states) and set(states) == {"T"}

        wait_until(is_frozen, lambda: f"not frozen; output:\n{self.output.text}")

    def processes(self) -> set[int]:
        """The pids, as they see them themselves, of all processes below the supervisor, zombies included."""
        return set(map(own_pid_of, descendants_of(self.pid)))

    def wait_until_gone(self, own_pid: int) -> None:
        """Wait until the process that sees *own_pid* as its pid has ended and is reaped."""
        wait_until(lambda: own_pid not in self.processes(), lambda: f"{own_pid} is still there:\n{self.output.text}")

    # The end.

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def check_no_zombie(self) -> None:
        """Whatever has ended gets reaped."""
        wait_until(
            lambda: not any(map(is_zombie, descendants_of(self.pid))),
            lambda: f"a zombie is not reaped; output:\n{self.output.text}",
        )

    def check_nothing_left(self) -> None:
        """No process outlived the supervisor."""
        left = {pid: command_of(pid) for pid in self._namespaces.processes()}
        assert not left, f"left behind: {left}; output:\n{self.output.text}"

    def close(self) -> None:
        """Leave nothing behind, whatever the supervisor did."""
        for pid in self._namespaces.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()
        self._threads.shutdown()
        self._pipe.close()


@contextmanager
def running(folder: Path, setup: Setup) -> Iterator[Environment]:
    """Start the program under test, and take it down in good order when that has not been done yet.

    Args:
        folder: An empty folder. The program is started in a folder below it.
        setup: What is started.
    """
    namespaces = Namespaces(folder, setup.image, setup.opt)
    try:
        environment = Environment(namespaces, folder, setup)
        try:
            environment.wait_until_started()
            yield environment
            if environment.is_running:
                environment.check_no_zombie()
                assert environment.terminate() == 0, environment.output.text
            environment.check_nothing_left()
        finally:
            environment.close()
    finally:
        namespaces.close()


def runtime_command(script: Sequence[str]) -> list[str]:
    """The command of tests/actors/runtime.py with its script."""
    return [*PYTHON, str(ACTORS / "runtime.py"), *script]


def extension_file(script: Sequence[str]) -> bytes:
    """The content of an extension's file: tests/actors/extension.py with its script, under the file's own name."""
    command = shlex.join([*PYTHON, str(ACTORS / "extension.py")])
    return f'#!/bin/sh\nexec {command} "$0" {shlex.join(script)}\n'.encode()


def _script(folder: Path, name: str, words: Sequence[str]) -> Sequence[str]:
    """The script, with a place to count the lives of the actor where it has several."""
    return [f"lives:{folder}/lives-of-{name}", *words] if "/" in words else words
