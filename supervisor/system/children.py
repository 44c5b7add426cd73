"""Owns the start of the runtime and of the extensions, and the signals to their process groups.

Who is started, when, and how long it may live is not decided here; the end of a child is seen by the reaper.
"""

import errno
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from supervisor.system.launch_errors import WorkingDirectoryError

if TYPE_CHECKING:
    from supervisor.system.confinement import Confinement

_IGNORED_BY_PYTHON: Final = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
"""Python ignores these in every process; `subprocess` gives them back to a child."""

_STDERR: Final = 2


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started here. It leads a process group of its own, whose number is its pid."""

    pid: int

    def signal_group(self, number: signal.Signals) -> None:
        """Send signal *number* to the child and to whatever it started that is still in its group.

        A group that is gone, or that has changed to a user whom we may not signal, is none of the caller's trouble.
        """
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The descriptors that a child writes to, each another one.

    Args:
        stdout: Becomes its standard output.
        stderr: Becomes its standard error.
        log: Is there under the same number, if it is given.
    """

    stdout: int
    stderr: int
    log: int | None = None

    def give_to(self, confinement: "Confinement") -> None:
        """Let the child do with them what it may do with files of its own."""
        for fd in (self.stdout, self.stderr, self.log):
            if fd is not None:
                confinement.own(fd)

    def close(self) -> None:
        """Give up our side of all of them."""
        for fd in (self.stdout, self.stderr, self.log):
            if fd is not None:
                os.close(fd)


def launch(
    argv: Sequence[str],
    environ: Mapping[str, str],
    cwd: str,
    outputs: Outputs,
    confinement: "Confinement | None" = None,
) -> Child:
    """Start *argv* in the directory *cwd* with *environ* as its whole environment, and nothing else of ours.

    The child starts in a process group of its own, with `/dev/null` as standard input, no other descriptor than that
    and its *outputs*, no blocked signal and every signal at its default; `disinherit` sees to that, once, before the
    first call. A command word without a slash is looked up in the child's own `PATH` (RIE 1.170: in its own), any other
    is used as it is.

    The call returns once the kernel has accepted the program, and nobody can have reaped the child before that.

    Args:
        argv: The command and its arguments.
        environ: The environment variables.
        cwd: An absolute path.
        outputs: Where it writes. They are taken over: closed here in any case.
        confinement: What it is confined to before its program begins.

    Raises:
        WorkingDirectoryError: *cwd* is missing or cannot be entered.
        OSError: The program cannot be started. `launch_error_text` says it in Lambda's words.
    """
    try:
        _check_directory(cwd)
        if confinement is not None:
            outputs.give_to(confinement)
        return Child(_start(argv, environ, cwd, outputs, confinement))
    finally:
        outputs.close()


def launch_like_exec(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Start *argv* with everything that it would have if it had taken our place, in a process group of its own.

    That is the directory, the standard streams, and every descriptor that was left open to us.

    Returns:
        The pid. The reaper waits for it.

    Raises:
        OSError: The program cannot be started.
    """
    process = subprocess.Popen(argv, env=environ, close_fds=False, process_group=0)
    process.returncode = 0
    return process.pid


def _start(
    argv: Sequence[str],
    environ: Mapping[str, str],
    cwd: str,
    outputs: Outputs,
    confinement: "Confinement | None",
) -> int:
    program = _program(argv[0], environ, cwd)
    try:
        process = subprocess.Popen(
            argv,
            executable=program,
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=outputs.stdout,
            stderr=outputs.stderr,
            # No descriptor of ours is inherited. Without the search for them a child starts in fewer calls.
            close_fds=outputs.log is not None,
            pass_fds=() if outputs.log is None else (outputs.log,),
            process_group=0,
            preexec_fn=None if confinement is None else confinement.enter,  # noqa: PLW1509 -- see `confinement`
        )
    except subprocess.SubprocessError:
        # That is all that Popen says when the child could not be confined.
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), program) from None
    except OSError as error:
        # Where the fork itself failed no file is named.
        error.filename = error.filename or program
        raise
    # The reaper waits for every process. A Popen that believes its child to be alive would wait for that pid too, at a
    # time when it may be somebody else's.
    process.returncode = 0
    return process.pid


def _check_directory(cwd: str) -> None:
    try:
        os.stat(os.path.join(cwd, "."))
    except OSError as error:
        raise WorkingDirectoryError(error.errno, error.strerror, cwd) from None


def _program(word: str, environ: Mapping[str, str], cwd: str) -> str:
    if "/" in word:
        return word
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(cwd, folder, word)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), word)


def disinherit() -> None:
    """Keep from all children what our own parent has left to us, and would pass through us, and exec, to them.

    That are signals which are blocked or ignored, and open descriptors. Those of our own are never inherited (PEP 446).
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # A signal with a handler is set to its default by exec, one that is ignored is not. So it gets a handler that does
    # nothing, which for us is the same, instead of a moment in which it could kill us.
    for number in signal.valid_signals() - _IGNORED_BY_PYTHON:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)
    for fd in _open_descriptors():
        if fd > _STDERR:
            with suppress(OSError):
                os.set_inheritable(fd, False)


def _open_descriptors() -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return range(os.sysconf("SC_OPEN_MAX"))
