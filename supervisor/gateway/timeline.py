"""The timeline to look at: a page, and for each browser that shows it a stream of what happens."""

import time
from dataclasses import dataclass
from typing import Final

import trio

from supervisor.api.http import Response
from supervisor.function import Function
from supervisor.system.clock import Clock
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_stream import AnswerStream
from supervisor.telemetry.timeline import Timeline
from supervisor.telemetry.timeline_feed import EVENT_STREAM, TimelineFeed

_TURN_SECONDS: Final = 0.1
"""What happens is sent so often. Ours: soon enough for the eye, and seldom enough for an environment under load."""

_WAITING_BYTES: Final = 256 * 1024
"""A browser that has not read so much gets nothing more until it has. Ours."""


@dataclass(slots=True, eq=False)
class _Browser:
    """Who has seen so many entries; *epoch* turns their moments into seconds since 1970."""

    stream: AnswerStream
    epoch: float
    seen: int = 0


class TimelineService:
    """Shows the timeline of one environment.

    Args:
        timeline: The timeline.
        function: The function that the environment serves.
        clock: Its clock.
    """

    def __init__(self, timeline: Timeline, function: Function, clock: Clock) -> None:
        self._timeline = timeline
        self._clock = clock
        self._feed = TimelineFeed(function, time.time())
        self._browsers: dict[Exchange, _Browser] = {}
        self._somebody = trio.Event()

    def open_stream(self, exchange: Exchange) -> None:
        """Answer with everything that is kept, and whatever happens from now on."""
        headers = (EVENT_STREAM, ("Cache-Control", "no-store"))
        stream = exchange.stream(Response(200, headers))
        stream.send(self._feed.hello())
        self._timeline.watch(self._clock.now())
        browser = self._browsers[exchange] = _Browser(stream, self._clock.epoch(0.0))
        self._send_news(browser)
        self._somebody.set()

    def close_stream(self, exchange: Exchange) -> None:
        """The browser is gone."""
        if self._browsers.pop(exchange, None) is not None:
            self._timeline.unwatch(self._clock.now())

    async def run(self) -> None:
        """Send what happens, until cancelled."""
        while True:
            await self._somebody.wait()
            await trio.sleep(_TURN_SECONDS)
            for exchange, browser in list(self._browsers.items()):
                if browser.stream.gone:
                    self.close_stream(exchange)
                else:
                    self._send_news(browser)
            if not self._browsers:
                self._somebody = trio.Event()

    def end(self) -> None:
        """The environment is over: send the last of it."""
        for browser in self._browsers.values():
            self._send_news(browser)
            browser.stream.end()
        self._browsers.clear()

    def _send_news(self, browser: _Browser) -> None:
        if browser.seen == self._timeline.count or browser.stream.waiting_bytes > _WAITING_BYTES:
            return
        entries = self._timeline.since(browser.seen)
        lost = self._timeline.count - browser.seen - len(entries)
        browser.seen = self._timeline.count
        browser.stream.send(self._feed.entries(entries, browser.epoch, lost))
