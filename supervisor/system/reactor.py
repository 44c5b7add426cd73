"""Owns the one epoll: which descriptors are watched, and what is called when one of them is ready.

Theory of operation. trio costs about as much to wake a task as a whole request costs to serve, so no connection has a
task of its own. One task waits, by trio, for the epoll's own descriptor and then calls everything that is ready as
plain functions. Whatever is called may answer any peer in the same turn, and never finds the world changed in the
middle of its work.

It knows nothing about what a descriptor is.
"""

import select
from collections.abc import Callable
from typing import Final

import trio

OnReady = Callable[[int], None]
"""Gets the epoll mask: what the descriptor is ready for."""

_ROUND_DESCRIPTORS: Final = 64
"""How many ready descriptors one look at the epoll brings. The kernel hands out the others next time."""

_ROUNDS: Final = 32
"""How many rounds in a row before every other task has its turn, however busy the descriptors are."""


class Reactor:
    """Calls back when a watched descriptor is ready. Level-triggered: what is left unread is reported again.

    Resource handling: watched descriptors belong to whoever added them and are removed before they are closed.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._on_ready: dict[int, OnReady] = {}
        self._removed: set[int] = set()

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

    async def pump(self) -> None:
        """Serve whatever is ready, until cancelled.

        Error handling: an exception out of a callback is a defect of the program and passes to the caller.
        """
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            for _ in range(_ROUNDS):
                if not self._serve_round():
                    break

    def close(self) -> None:
        """Give the epoll back to the kernel. `pump` has ended by then."""
        self._epoll.close()

    def _serve_round(self) -> bool:
        """Call everything that is ready at this moment; whether there was anything."""
        ready = self._epoll.poll(0, _ROUND_DESCRIPTORS)
        # What is removed in this round stays uncalled even where the kernel has given its number to a new descriptor at
        # once. If that one is ready, the next round finds it.
        removed = self._removed
        removed.clear()
        for fd, mask in ready:
            if fd not in removed:
                self._on_ready[fd](mask)
        return bool(ready)
