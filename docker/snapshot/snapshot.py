"""What a snapshot needs of Python: all is imported before it is written; what is one process's own is renewed after.

CPython renews its own part, and with it every module that knows what a fork needs: a restored process is the child of
the one that was written. Where the memory lies is the matter of C.
"""

import _imp
import _thread
import dis
import gc
import importlib
import logging
import os
import posix
import random
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from types import CodeType
from typing import Final

from supervisor.boot import import_trio

IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)
"""What every Python ignores from its start on."""

OK: Final = 0

_generators: Final[list[random.Random]] = []
"""Every generator of random numbers that an import has made."""


def prepare() -> int:
    """Do all that can be done before the command line is known, and keep nothing that belongs to this process.

    Raises:
        RuntimeError: There is something that a snapshot cannot hold.
    """
    lowest_free = _lowest_free_descriptor()
    _import_everything()
    _generators[:] = [found for found in gc.get_objects() if isinstance(found, random.Random)]
    # Seeded before and after: the same build gives the same snapshot.
    _seed_generators()
    _run_trio()
    _seed_generators()
    threading.main_thread()._native_id = 0
    os.environ.clear()
    posix.environ.clear()
    if _thread._count():
        raise RuntimeError("a thread is running")
    if _lowest_free_descriptor() != lowest_free:
        raise RuntimeError("a file or a socket is open")
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        raise RuntimeError("a signal is handled")
    gc.collect()
    gc.freeze()
    return OK


def _seed_generators() -> None:
    for generator in _generators:
        generator.seed(0)


def _lowest_free_descriptor() -> int:
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


def _import_everything() -> None:
    """Import the supervisor, and all that its functions import when they first run."""
    import_trio()
    seen: set[str] = set()
    waiting = {"supervisor.__main__", "supervisor.app"}
    while waiting:
        seen |= waiting
        for name in sorted(waiting):
            # What is missing here is missed there too, by whoever imports it.
            with suppress(ImportError):
                importlib.import_module(name)
        known = {name for name in sys.modules if name.startswith("supervisor.") and _imp.is_frozen(name)}
        waiting = {name for module in known for name in _imported_in(_imp.get_frozen_object(module))} - seen


def _imported_in(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imported_in(constant)


def _run_trio() -> None:
    """Let trio make what it makes at its first use."""
    import trio

    trio.run(trio.sleep, 0)


def renew(words: list[str], environ: Mapping[bytes, bytes], ignored_signals: Collection[int]) -> int:
    """Let this process be itself, as if the interpreter had started in it."""
    sys.argv[:] = words
    sys.orig_argv[:] = words
    posix.environ.update(environ)
    os.environ._data.update(environ)
    _renew_signals(ignored_signals)
    _renew_standard_streams()
    for generator in _generators:
        generator.seed()
    time.tzset()
    logging._startTime = time.time_ns()
    return OK


def _renew_signals(ignored: Collection[int]) -> None:
    for number in (*ignored, *IGNORED_BY_PYTHON):
        signal.signal(number, signal.SIG_IGN)
    if signal.SIGINT not in ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _renew_standard_streams() -> None:
    """Open what Python prints to: it remembers how the descriptors of the builder were."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        former = getattr(sys, name)
        try:
            stream = open(descriptor, mode, encoding="utf-8", errors=former.errors, closefd=False)  # noqa: SIM115
        except OSError:
            stream = None
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
