"""Docker's command line, as everybody uses it: images are built, containers are run, watched, called and ended."""

import json
import signal
import socket
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from integration.environments import INVOCATIONS
from integration.http_calls import Answer, exchange
from integration.output import Output
from integration.processes import descendants_of, is_zombie, own_pid_of, wait_until

PATIENCE: Final = 120
"""Seconds after which a container will not do any more what is waited for; an emulated processor is slow."""

PORTS: Final = (8080, 9464)
"""The ports that are reachable from outside."""


def docker(*words: str) -> str:
    """Run one command; what it printed.

    Raises:
        subprocess.CalledProcessError: It failed; its note says why.
    """
    result = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if result.returncode:
        error = subprocess.CalledProcessError(result.returncode, ["docker", *words])
        error.add_note(result.stdout + result.stderr)
        raise error
    return result.stdout.strip()


def engine_answers() -> bool:
    """Whether there is an engine, with what builds images."""
    try:
        docker("info")
        docker("buildx", "version")
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False
    return True


def exists(tag: str) -> bool:
    """Whether the engine has an image of that name."""
    return bool(docker("images", "--quiet", tag))


def build(
    dockerfile: Path, arch: str = "amd64", *, context: Path | None = None, tag: str = "", **arguments: str
) -> str:
    """Build an image, of which the engine keeps each layer; its tag, or its identity without one.

    Args:
        dockerfile: The recipe.
        arch: Docker's name of the architecture.
        context: The folder that files are copied from; by default that of the recipe.
        tag: The image's name.
        arguments: The recipe's ARGs.
    """
    options = ["--quiet", "--load", f"--platform=linux/{arch}", f"--file={dockerfile}"]
    options += [f"--build-arg={name}={value}" for name, value in arguments.items()]
    options += [f"--tag={tag}"] if tag else []
    identity = docker("buildx", "build", *options, str(context or dockerfile.parent))
    return tag or identity


class Container:
    """A running container.

    Args:
        image: What it is made from.
        arguments: The words after the image.
        options: Options of `docker run`.
    """

    def __init__(self, image: str, arguments: Sequence[str] = (), options: Sequence[str] = ()) -> None:
        self.name = f"integration-{uuid.uuid4().hex}"
        publish = [f"--publish=127.0.0.1::{port}" for port in PORTS]
        self._process = subprocess.Popen(
            ["docker", "run", f"--name={self.name}", *publish, *options, image, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        self.output = Output(self._pipe.fileno(), PATIENCE)
        self._addresses: dict[int, tuple[str, int]] = {}
        self._threads = ThreadPoolExecutor(thread_name_prefix="callers")

    # What it says.

    @property
    def lines(self) -> list[str]:
        """Every line that was written so far."""
        return self.output.lines

    def wait_for(self, pattern: str, nth: int = 1) -> Any:
        """Wait for the *nth* line in which the regular expression *pattern* is found."""
        return self.output.wait_for(pattern, nth)

    def state(self) -> Mapping[str, Any]:
        """What the engine knows: `Pid`, `ExitCode`, `OOMKilled` and more."""
        state: dict[str, Any] = json.loads(docker("inspect", "--format={{json .State}}", self.name))
        return state

    # Calls.

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"", port: int = 8080
    ) -> Answer:
        """Send one request from outside and read its answer."""
        if port not in self._addresses:
            host, _, number = docker("port", self.name, f"{port}/tcp").splitlines()[0].rpartition(":")
            self._addresses[port] = (host, int(number))
        with socket.create_connection(self._addresses[port], timeout=PATIENCE) as connection:
            return exchange(connection, method, path, headers, body)

    def invoke(self, payload: bytes = b"{}") -> Answer:
        """Invoke the function and wait for the answer, from the moment on when there is somebody to ask."""
        self.wait_for("^INIT_START")
        return self.request("POST", INVOCATIONS, body=payload)

    def start_invoke(self, payload: bytes = b"{}") -> Future[Answer]:
        """Invoke the function in a thread."""
        return self._threads.submit(self.invoke, payload)

    # Processes.

    @property
    def pid(self) -> int:
        """The first process's pid, as the machine sees it."""
        return int(self.state()["Pid"])

    def processes(self) -> set[int]:
        """The pids, as they see them themselves, of all processes below the first one, zombies included."""
        return set(map(own_pid_of, descendants_of(self.pid)))

    def check_no_zombie(self) -> None:
        """Whatever has ended gets reaped."""
        wait_until(
            lambda: not any(map(is_zombie, descendants_of(self.pid))),
            lambda: f"a zombie is not reaped; output:\n{self.output.text}",
        )

    # The end.

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def stop(self) -> int:
        """`docker stop`, with more time than Shutdown ever takes; the exit code."""
        docker("stop", f"--time={PATIENCE}", self.name)
        return self.wait()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """`docker kill`; the exit code."""
        docker("kill", f"--signal={number.name}", self.name)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; the exit code."""
        code = self._process.wait(PATIENCE)
        self.output.wait_for_end()
        return code

    def close(self) -> None:
        """Leave nothing behind."""
        docker("rm", "--force", "--volumes", self.name)
        self.wait()
        self._threads.shutdown()
        self._pipe.close()
