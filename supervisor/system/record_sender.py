"""Owns the way of records to one destination: a file that grows by a line for each, or an HTTP server.

What a record says, and which destination gets it, is not decided here.
"""

import errno
import logging
import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import trio

from supervisor.system.http_client import http_transport

if TYPE_CHECKING:
    import httpx

HTTP_SCHEME: Final = "http://"

REQUEST_SECONDS: Final = 5.0
"""How long a server may take for one record. Ours."""

WAITS: Final = (1.0, 2.0, 4.0, 8.0)
"""Seconds between the attempts to deliver one record; after the last it is given up. Ours: a server may restart."""

_FILE_MODE: Final = 0o644

_log = logging.getLogger(__name__)

Then = Callable[[bool], None]
"""Called once with whether the destination has taken the record."""


class NotTakenError(Exception):
    """The destination has not taken a record; the text says why."""


class RecordSender:
    """Delivers records one after another.

    Args:
        destination: The path of a file, or the URL of a server.
        waits: Seconds between the attempts at one record.

    Attributes:
        destination: The same.
    """

    def __init__(self, destination: str, waits: tuple[float, ...] = WAITS) -> None:
        self.destination = destination
        self._waits = waits
        self._queue: deque[tuple[bytes, Then]] = deque()
        self._changed = trio.Event()
        self._transport: httpx.AsyncHTTPTransport | None = None

    def __len__(self) -> int:
        """How many records are neither taken nor given up."""
        return len(self._queue)

    def send(self, record: bytes, then: Then) -> None:
        """Deliver *record* after those before it, and call *then*."""
        self._queue.append((record, then))
        self._change()

    async def settled(self) -> None:
        """Wait until every record is taken or given up."""
        while self._queue:
            await self._changed.wait()

    async def run(self) -> None:
        """Deliver, until cancelled.

        Cancellation: at any moment; a record under way may be taken or not.
        """
        try:
            while True:
                while not self._queue:
                    await self._changed.wait()
                taken = await self._deliver(self._queue[0][0])
                _, then = self._queue.popleft()
                then(taken)
                self._change()
        finally:
            if self._transport is not None:
                await self._transport.aclose()

    def give_up(self) -> None:
        """Show what is not taken by now, because there will be no further attempt."""
        for record, _ in self._queue:
            self._lose(record, "the supervisor has ended")

    def _lose(self, record: bytes, reason: str) -> None:
        _log.warning("A record is not taken at %s (%s): %s", self.destination, reason, record.decode())

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _deliver(self, record: bytes) -> bool:
        for wait in (*self._waits, None):
            try:
                await self._attempt(record)
            except NotTakenError as error:
                if wait is None:
                    self._lose(record, str(error))
                    return False
                await trio.sleep(wait)
            else:
                break
        return True

    async def _attempt(self, record: bytes) -> None:
        if self.destination.startswith(HTTP_SCHEME):
            await self._post(record)
            return
        try:
            # A file may be a pipe that nobody reads: then the thread is left behind.
            await trio.to_thread.run_sync(_append, self.destination, record, abandon_on_cancel=True)
        except OSError as error:
            raise NotTakenError(error.strerror) from None

    async def _post(self, record: bytes) -> None:
        if self._transport is None:
            self._transport = await http_transport()
        import httpx

        headers = {"Content-Type": "application/json"}
        status = 0
        try:
            request = httpx.Request("POST", self.destination, headers=headers, content=record)
            with trio.move_on_after(REQUEST_SECONDS):
                response = await self._transport.handle_async_request(request)
                await response.aread()
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotTakenError(str(error) or type(error).__name__) from None
        if not status:
            raise NotTakenError(f"there was no answer within {REQUEST_SECONDS:g} s")
        if not httpx.codes.is_success(status):
            raise NotTakenError(f"the answer was {status}")


def _append(path: str, record: bytes) -> None:
    """Add a line in one write, so that several supervisors may share the file."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        if os.write(fd, record + b"\n") <= len(record):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(fd)
