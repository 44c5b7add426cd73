"""Owns prctl(2), which the standard library lacks. When it is called is not decided here.

The single file cannot load the C library; there a module in C takes the place of this one (`docker/native/prctl.c`).
"""

import ctypes
import os
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
"""Linux: `include/uapi/linux/prctl.h`."""


def set_child_subreaper() -> None:
    """Have the kernel give us every orphan among our descendants.

    Raises:
        OSError: The kernel refuses, or the C library cannot be loaded.
    """
    _switch_on(_PR_SET_CHILD_SUBREAPER)


def set_no_new_privileges() -> None:
    """Have no program that we or a descendant execute give more rights than its caller has, for good.

    Raises:
        OSError: The kernel refuses, or the C library cannot be loaded.
    """
    _switch_on(_PR_SET_NO_NEW_PRIVS)


def _switch_on(option: int) -> None:
    # Not `ctypes.util`: its search for libraries starts programs of the image.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
