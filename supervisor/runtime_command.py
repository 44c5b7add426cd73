"""Decides which program the runtime is, and what the command line says about the handler.

It reads no file itself: the `Image` answers for the file system.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

TASK_ROOT: Final = "/var/task"
"""Where a bootstrap that nobody named is run (RIE 1.170 `getBootstrap`)."""


@dataclass(frozen=True, slots=True)
class Image:
    """What the container's image has to say about a command.

    Args:
        working_directory: The directory in which we were started.
        is_executable: Whether a path is a file that may be executed.
        find_bootstrap: Gives the path of the image's own bootstrap, if it has one.
    """

    working_directory: str
    is_executable: Callable[[str], bool]
    find_bootstrap: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class RuntimeCommand:
    """How the runtime is started.

    Args:
        argv: The program and its arguments; empty when it is a bootstrap that the image does not have.
        handler: The handler that the command line names, empty when it names none.
        working_directory: Where it is started.
    """

    argv: tuple[str, ...]
    handler: str
    working_directory: str


def runtime_command(words: Sequence[str], environ: Mapping[str, str], image: Image) -> RuntimeCommand:
    """Decide which program the runtime is.

    Without words it is the image's own bootstrap, in `/var/task`; otherwise the words are the program, in the current
    directory, and the last of two or more is the handler (RIE 1.170 `getBootstrap`). One word that is no program is a
    handler for the image's own bootstrap, which is what `/lambda-entrypoint.sh` of the AWS base images makes of it.
    """
    if not words:
        return RuntimeCommand(_bootstrap(image), "", TASK_ROOT)
    if len(words) > 1:
        return RuntimeCommand(tuple(words), words[-1], image.working_directory)
    if _is_program(words[0], environ, image):
        return RuntimeCommand(tuple(words), "", image.working_directory)
    return RuntimeCommand(_bootstrap(image), words[0], image.working_directory)


def _is_program(word: str, environ: Mapping[str, str], image: Image) -> bool:
    if word.startswith(("/", "./", "../")):
        # Handlers look different. If it cannot be executed, that is the error to report.
        return True
    folders = [""] if "/" in word else environ.get("PATH", os.defpath).split(os.pathsep)
    return any(image.is_executable(os.path.join(image.working_directory, folder, word)) for folder in folders)


def _bootstrap(image: Image) -> tuple[str, ...]:
    path = image.find_bootstrap()
    return (path,) if path else ()
