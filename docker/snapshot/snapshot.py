"""What a snapshot needs of Python: all is imported and rehearsed before; what is one process's own is renewed after.

CPython renews its own part, and with it every module that knows what a fork needs: a restored process is the child of
the one that was written. Where the memory lies is the matter of C.
"""

import _imp
import _thread
import dis
import functools
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
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from types import CodeType
from typing import Final

from supervisor.boot import import_trio

IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)
"""What every Python ignores from its start on."""

LIVES: Final = 3
"""CPython adapts an instruction to the objects that it meets when it meets them for the second time (PEP 659). In three
lives it has done so with what is done once in a life."""

OURS: Final = ("supervisor.", "trio.")
"""Whose objects are counted. What others keep is looked through by hand, see docs/decisions/0005-snapshot.md."""

OK: Final = 0

_generators: Final[list[random.Random]] = []
"""Every generator of random numbers that an import has made."""


def prepare() -> int:
    """Import all that the supervisor can need. The same build gives the same snapshot, so nothing is left to chance."""
    _import_everything()
    _generators[:] = [found for found in gc.get_objects() if isinstance(found, random.Random)]
    _seed_generators()
    return OK


def rehearse() -> int:
    """Live as the command line says, several times over: a start then finds the code adapted, and writes less to it.

    Raises:
        RuntimeError: A life has failed, or has left something behind.
    """
    from supervisor.__main__ import main

    left: list[Counter[str]] = []
    for _ in range(LIVES):
        if code := main():
            raise RuntimeError(f"a rehearsal has ended with exit code {code}")
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        logging.root.handlers.clear()
        logging.root.setLevel(logging.WARNING)
        left.append(_left_behind())
    # What is made at the first use stays after the first life.
    if more := left[-1] - left[0]:
        raise RuntimeError(f"a rehearsal has left behind {more}")
    return OK


def _left_behind() -> Counter[str]:
    """How many objects there are of each class of ours, and how much each variable of our modules holds."""
    gc.collect()
    for found in gc.get_objects():
        if isinstance(found, functools._lru_cache_wrapper):
            found.cache_clear()
    classes = [f"{type(found).__module__}.{type(found).__qualname__}" for found in gc.get_objects()]
    count = Counter(name for name in classes if name.startswith(OURS))
    for name, module in list(sys.modules.items()):
        if name.startswith(OURS):
            for variable, value in vars(module).items():
                if isinstance(value, (bytearray, dict, list, set)):
                    count[f"{name}.{variable}"] = len(value)
    return count


def conclude() -> int:
    """Keep nothing that belongs to this process.

    Raises:
        RuntimeError: There is something that a snapshot cannot hold.
    """
    _seed_generators()
    threading.main_thread()._native_id = 0
    sys.argv.clear()
    sys.orig_argv.clear()
    os.environ.clear()
    posix.environ.clear()
    if _thread._count():
        raise RuntimeError("a thread is running")
    if _lowest_free_descriptor() != _LOWEST_FREE_AT_FIRST:
        raise RuntimeError("a file or a socket is open")
    if handled := [number for number in signal.valid_signals() if _is_handled(number)]:
        raise RuntimeError(f"signals are handled: {handled}")
    gc.collect()
    return OK


def _is_handled(number: int) -> bool:
    return callable(handler := signal.getsignal(number)) and handler is not signal.default_int_handler


def _seed_generators() -> None:
    for generator in _generators:
        generator.seed(0)


def _lowest_free_descriptor() -> int:
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


_LOWEST_FREE_AT_FIRST: Final = _lowest_free_descriptor()


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
