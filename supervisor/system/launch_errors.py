"""What people read when a process could not be started: Lambda's own texts, which are those of the Go platform.

Which fault such a failure is called by is not decided here.
"""

import errno
import os
from collections.abc import Sequence
from typing import Final

_REASONS: Final = {
    errno.E2BIG: "argument list too long",
    errno.EACCES: "permission denied",
    errno.EAGAIN: "resource temporarily unavailable",
    errno.EINVAL: "invalid argument",
    errno.EIO: "input/output error",
    errno.EISDIR: "is a directory",
    errno.ELIBBAD: "accessing a corrupted shared library",
    errno.ELOOP: "too many levels of symbolic links",
    errno.EMFILE: "too many open files",
    errno.ENAMETOOLONG: "file name too long",
    errno.ENFILE: "too many open files in system",
    errno.ENOENT: "no such file or directory",
    errno.ENOEXEC: "exec format error",
    errno.ENOMEM: "cannot allocate memory",
    errno.ENOTDIR: "not a directory",
    errno.EPERM: "operation not permitted",
    errno.ETXTBSY: "text file busy",
}
"""The errors of fork(2) and execve(2) in Go's words (Go: `syscall/zerrors_linux_*.go`), which no C library shares."""


class WorkingDirectoryError(OSError):
    """The directory that a process should start in is missing or cannot be entered; `filename` names it."""


def launch_error_text(error: OSError) -> str:
    """The text that callers and log lines show for *error*, which `children.launch` raised.

    `fork/exec /path: permission denied` and `exec: "word": executable file not found in $PATH` were recorded on AWS; a
    missing directory is worded as RIE 1.170 does it (`simple_bootstrap.go`).
    """
    subject = os.fsdecode(error.filename)
    reason = _reason(error.errno or 0)
    if isinstance(error, WorkingDirectoryError):
        if error.errno == errno.ENOENT:
            return f"the working directory doesn't exist: {subject}"
        return f"the working directory can't be entered: {subject}: {reason}"
    if "/" not in subject:
        return f'exec: "{subject}": executable file not found in $PATH'
    return f"fork/exec {subject}: {reason}"


def missing_bootstrap_text(candidates: Sequence[str]) -> str:
    """The text when no bootstrap was found in any of *candidates* (recorded on AWS)."""
    return f"Couldn't find valid bootstrap(s): [{' '.join(candidates)}]"


def _reason(number: int) -> str:
    if number in _REASONS:
        return _REASONS[number]
    text = os.strerror(number)
    return text[:1].lower() + text[1:]
