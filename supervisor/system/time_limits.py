"""Owns the time limits of what is under way with peers; they stand still while the peers are frozen.

How long somebody may take, and what follows, is not decided here.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import trio


class TimeLimits:
    """Limits as trio has them, but for the time in which `is_frozen` is true."""

    def __init__(self) -> None:
        self.is_frozen = False
        self._seconds_left: dict[trio.CancelScope, float] = {}

    @contextmanager
    def move_on_after(self, seconds: float) -> Iterator[trio.CancelScope]:
        """Cancel the block when it has had *seconds*; the scope says afterwards whether that was so."""
        scope = trio.CancelScope()
        self._seconds_left[scope] = seconds
        if not self.is_frozen:
            scope.deadline = trio.current_time() + seconds
        try:
            with scope:
                yield scope
        finally:
            del self._seconds_left[scope]

    def freeze(self) -> None:
        """Let no time pass from now on."""
        self.is_frozen = True
        for scope in self._seconds_left:
            self._seconds_left[scope] = scope.deadline - trio.current_time()
            scope.deadline = math.inf

    def thaw(self) -> None:
        """Let time pass again; everybody has what was left."""
        self.is_frozen = False
        for scope, seconds in self._seconds_left.items():
            scope.deadline = trio.current_time() + seconds
