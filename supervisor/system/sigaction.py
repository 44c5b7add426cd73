"""Owns the part of sigaction(2) that the standard library lacks. When it is called is not decided here.

The single file cannot load the C library; there a module in C takes the place of this one
(`docker/native/sigaction.c`).
"""

import ctypes
import os
import signal
from typing import Final

_SA_NOCLDSTOP: Final = 1
"""Linux: `include/uapi/asm-generic/signal-defs.h`."""


class _SigAction(ctypes.Structure):
    """`struct sigaction`, which glibc and musl lay out alike on amd64 and arm64."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_byte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


def ignore_stopped_children() -> None:
    """Have SIGCHLD come for children that have ended, and not for those that are stopped or continued.

    Whoever sets a new handler undoes this.

    Raises:
        OSError: The kernel refuses, or the C library cannot be loaded.
    """
    # Not `ctypes.util`: its search for libraries starts programs of the image.
    libc = ctypes.CDLL(None, use_errno=True)
    action = _SigAction()
    _check(libc.sigaction(signal.SIGCHLD, None, ctypes.byref(action)))
    action.flags |= _SA_NOCLDSTOP
    _check(libc.sigaction(signal.SIGCHLD, ctypes.byref(action), None))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
