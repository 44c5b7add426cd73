"""Owns the one epoll: which descriptors are watched, and what is called when one of them is ready.

Theory of operation. trio costs about as much to wake a task as a whole request costs to serve, so no connection has a
task of its own. One task waits, by trio, for the epoll's own descriptor and then calls everything that is ready as
plain functions. Whatever is called may answer any peer in the same turn, and never finds the world changed in the
middle of its work. An answer mostly brings the next request within a fraction of a millisecond, so the task lingers in
its own epoll for a moment before it waits by trio again; that delays every other task by some ten milliseconds at most.

It knows nothing about what a descriptor is.
"""

import select
import time
from collections.abc import Callable
from typing import Final

import trio

OnReady = Callable[[int], None]
"""Gets the epoll mask: what the descriptor is ready for."""

_ROUND_DESCRIPTORS: Final = 64
"""How many ready descriptors one look at the epoll brings. The kernel hands out the others next time."""

_LINGER_SECONDS: Final = 0.001
"""How long the descriptors may be quiet before trio waits for them."""

_STRETCH_SECONDS: Final = 0.010
"""After so long every other task has its turn, however busy the descriptors are."""


class Reactor:
    """Calls back when a watched descriptor is ready. Level-triggered: what is left unread is reported again.

    Resource handling: watched descriptors belong to whoever added them and are removed before they are closed.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._on_ready: dict[int, OnReady] = {}
        self._removed: set[int] = set()
        self._in_round = False
        self._found: list[tuple[int, int]] | None = None
        self._deferred: list[Callable[[], None]] = []
        self._groups: list[Reactor] = []
        self._outer: Reactor | None = None

    def add(self, fd: int, on_ready: OnReady, *, events: int = select.EPOLLIN) -> None:
        """Watch *fd* for *events*, and always for errors and hang-ups."""
        self._epoll.register(fd, events)
        self._on_ready[fd] = on_ready

    def change(self, fd: int, events: int) -> None:
        """Watch *fd* for *events* instead of what it was watched for."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Watch *fd* no more. It is not called again, not even if it was found ready in the present round."""
        self._epoll.unregister(fd)
        del self._on_ready[fd]
        self._removed.add(fd)

    def defer(self, call: Callable[[], None]) -> None:
        """Make *call* once everything is called that is ready at this moment; outside of such a round at once."""
        if self._in_round:
            self._deferred.append(call)
        else:
            call()

    def open_group(self) -> "Reactor":
        """A reactor that this one serves and closes. One look at it tells which of its descriptors are ready."""
        group = Reactor()
        group._outer = self
        self._groups.append(group)
        self.add(group._epoll.fileno(), group._on_ready_group)
        return group

    def ready(self) -> list[int]:
        """The descriptors that are ready at this moment, uncalled.

        A group whose reactor is in a round knows without a look if none was ready when the round began. What a process
        has written before it sent what is served in the round is found in any case.
        """
        if self._outer is not None and self._outer.found_quiet(self._epoll.fileno()):
            return []
        return [fd for fd, _ in self._epoll.poll(0, len(self._on_ready) or 1)]

    def found_quiet(self, fd: int) -> bool:
        """Whether *fd* was not ready when the present round began."""
        if self._found is None or len(self._found) == _ROUND_DESCRIPTORS:
            return False
        return fd not in [found for found, _ in self._found]

    def forget_round(self) -> None:
        """What is served from now on may have been sent after the round began: look again at what was quiet."""
        self._found = None

    async def pump(self) -> None:
        """Serve whatever is ready, until cancelled.

        Error handling: an exception out of a callback is a defect of the program and passes to the caller.
        """
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            turn_ends = time.monotonic() + _STRETCH_SECONDS
            while self._serve_round(_LINGER_SECONDS) and time.monotonic() < turn_ends:
                pass

    def close(self) -> None:
        """Give the epoll and its groups back to the kernel. `pump` has ended by then."""
        for group in self._groups:
            group.close()
        self._epoll.close()

    def _on_ready_group(self, _mask: int) -> None:
        self._serve_round()

    def _serve_round(self, patience: float = 0.0) -> bool:
        """Call everything that is ready, or becomes so within *patience* seconds; whether there was anything."""
        ready = self._epoll.poll(patience, _ROUND_DESCRIPTORS)
        # What is removed in this round stays uncalled even where the kernel has given its number to a new descriptor at
        # once. If that one is ready, the next round finds it.
        removed = self._removed
        removed.clear()
        self._in_round = True
        self._found = ready
        for fd, mask in ready:
            if fd not in removed:
                self._on_ready[fd](mask)
        self._in_round = False
        self._found = None
        if self._deferred:
            deferred, self._deferred = self._deferred, []
            for call in deferred:
                call()
        return bool(ready)
