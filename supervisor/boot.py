"""What happens before trio is imported: as PID 1 of somebody's image, and cheaply.

Two habits of Python are put right here, because both would show in that image:

- `import trio` looks for libpthread, to name its threads. `ctypes.util.find_library` does that by starting
  `/sbin/ldconfig`, or a compiler where there is none: at every start, by a PID 1 whose reaper does not run yet. So
  while trio is imported nothing is found, and its threads go without names.
- In the C locale Python sets LC_CTYPE in its own environment (PEP 538), and every child would inherit it. What we were
  given, the kernel still knows.
"""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from supervisor.runtime_command import TASK_ROOT, Image

EXIT_NOT_FOUND: Final = 127
EXIT_NOT_EXECUTABLE: Final = 126
"""What a shell returns for a command that does not exist, and for one that cannot be executed (POSIX: Shell, 2.8.2)."""

_GIVEN_ENVIRONMENT: Final = "/proc/self/environ"


def given_environ() -> dict[str, str]:
    """The environment variables that this process was given; bytes that are no text are kept (`surrogateescape`)."""
    environ = dict(os.environ)
    if "LC_CTYPE" in environ and not _was_given("LC_CTYPE"):
        del environ["LC_CTYPE"]
    return environ


def _was_given(name: str) -> bool:
    try:
        with open(_GIVEN_ENVIRONMENT, "rb") as file:
            given = file.read().split(b"\0")
    except OSError:
        return True
    return any(entry.startswith(os.fsencode(f"{name}=")) for entry in given)


def open_missing_descriptors() -> None:
    """Let the descriptors 0 to 2 lead somewhere, or the first socket would be taken for standard output."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def this_image() -> Image:
    """The image in which this process runs."""
    try:
        working_directory = os.getcwd()
    except FileNotFoundError:
        working_directory = TASK_ROOT
    return Image(working_directory, _is_executable, _find_bootstrap)


def _is_executable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _find_bootstrap() -> str | None:
    from supervisor.system.files import find_bootstrap

    return find_bootstrap()


def layers_of_image(given: tuple[str, ...]) -> list[str]:
    """The archives that are to be extracted into /opt, those *given* among them."""
    from supervisor.system.files import find_layers

    return find_layers(given)


def replace_process(argv: tuple[str, ...], environ: Mapping[str, str]) -> int:
    """Become *argv*, which then finds its signals as if it had been started in our place.

    Returns:
        The exit code, when that is not possible. The reason is on standard error.
    """
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, environ)
    except OSError as error:
        say(2, f"supervisor: cannot execute {argv[0]!a}: {error.strerror}")
        return EXIT_NOT_FOUND if isinstance(error, FileNotFoundError) else EXIT_NOT_EXECUTABLE


def import_trio() -> None:
    """Import trio, without any child process."""
    import ctypes.util

    find_library = ctypes.util.find_library
    ctypes.util.find_library = _find_nothing
    try:
        import trio  # noqa: F401
    finally:
        ctypes.util.find_library = find_library


def _find_nothing(name: str) -> None:  # noqa: ARG001
    return None


def say(fd: int, text: str) -> None:
    """Write *text* and a newline to the descriptor *fd*; if nobody reads there, that is that."""
    with suppress(OSError):
        os.write(fd, f"{text}\n".encode(errors="backslashreplace"))
