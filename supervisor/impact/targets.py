"""Owns the ways to start an environment for a comparison: a command under this supervisor, or a container image.

What is done with it, and how it is stopped, is not known here.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from supervisor import options
from supervisor.errors import ExperimentError

_INVOKE_PORT: Final = 8080
_WITHOUT: Final = options.WITHOUT_EXTENSIONS.variables[0]


class Target(Protocol):
    """What is compared."""

    def start(self, without: str) -> "Start":
        """How to start it without the extension *without*; empty: with all of them."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: the words, the variables, and the container's name where it is one."""

    words: Sequence[str]
    environ: Mapping[str, str]
    container: str = ""

    def invoke_address(self, announced: str) -> str:
        """HOST:PORT for callers on this machine; *announced* is what the supervisor says of itself.

        Raises:
            ExperimentError: The container has no such port any more.
        """
        if not self.container:
            return announced
        port = ["docker", "port", self.container, f"{_INVOKE_PORT}/tcp"]
        result = subprocess.run(port, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise ExperimentError(f"{' '.join(port)}: {result.stderr.strip()}")
        return result.stdout.split()[0]


@dataclass(frozen=True, slots=True)
class CommandTarget:
    """A runtime's command, under this very supervisor, with the variables of this process."""

    command: tuple[str, ...]

    def start(self, without: str) -> Start:
        """See `Target`."""
        settings = {
            "AWS_LAMBDA_RUNTIME_API": "",
            "SUPERVISOR_INVOKE_ADDRESS": "127.0.0.1:0",
            "SUPERVISOR_RUNTIME_API_ADDRESS": "127.0.0.1:0",
            "SUPERVISOR_METRICS_ADDRESS": "off",
            "SUPERVISOR_LOG_LEVEL": "info",
            _WITHOUT: without,
        }
        return Start([sys.executable, "-m", "supervisor", "--", *self.command], os.environ | settings)


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """A container image whose entry point is the supervisor."""

    image: str

    def start(self, without: str) -> Start:
        """See `Target`."""
        container = f"impact-{os.urandom(4).hex()}"
        settings = {
            "SUPERVISOR_INVOKE_ADDRESS": f"0.0.0.0:{_INVOKE_PORT}",
            "SUPERVISOR_LOG_LEVEL": "info",
            _WITHOUT: without,
        }
        words = ["docker", "run", "--rm", "--name", container, "--publish", f"127.0.0.1::{_INVOKE_PORT}"]
        for name, value in settings.items():
            words += ["--env", f"{name}={value}"]
        return Start([*words, self.image], os.environ, container)


def target_of(words: Sequence[str]) -> Target:
    """What *words* name: one word that is no program is an image, anything else a command."""
    if len(words) == 1 and shutil.which(words[0]) is None:
        return ImageTarget(words[0])
    return CommandTarget(tuple(words))
