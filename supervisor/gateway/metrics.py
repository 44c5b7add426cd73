"""The service behind the metrics port: a scrape becomes a reading and an exposition; and how the environment is."""

import logging

import trio

from supervisor.api import metrics_api
from supervisor.api.http import Response
from supervisor.api.metrics_api import Page
from supervisor.backlog import Backlog
from supervisor.environment import Environment
from supervisor.gateway.timeline import TimelineService
from supervisor.lifecycle.states import Phase
from supervisor.pages import page
from supervisor.readings import Readings
from supervisor.system.http_exchange import Exchange

_log = logging.getLogger(__name__)


class MetricsService:
    """Answers whoever watches the environment.

    Args:
        environment: What is watched.
        backlog: Closed as soon as the environment is to end, which may take a while.
        readings: What is counted of it, and measured.
        timeline: What shows its timeline.
    """

    def __init__(
        self, environment: Environment, backlog: Backlog, readings: Readings, timeline: TimelineService
    ) -> None:
        self._environment = environment
        self._backlog = backlog
        self._readings = readings
        self._timeline = timeline
        self._nursery: trio.Nursery | None = None
        self._one_at_a_time = trio.Lock()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Make scrapes possible, until cancelled.

        Cancellation: at any moment; scrapes that are under way stay unanswered.
        """
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in."""
        page = metrics_api.find(exchange.request.method, exchange.request.path)
        if isinstance(page, Response):
            exchange.answer(page)
            return
        exchange.context = page
        exchange.body_limit = 0

    def finish(self, exchange: Exchange) -> None:
        """The whole request is in; a body says nothing here."""
        match exchange.context:
            case Page.LIVE:
                exchange.answer(metrics_api.LIVE)
            case Page.READY:
                exchange.answer(self._readiness())
            case Page.METRICS:
                assert self._nursery is not None
                self._nursery.start_soon(self._scrape, exchange)
            case Page.TIMELINE:
                exchange.answer(metrics_api.html(page("timeline")))
            case Page.TIMELINE_EVENTS:
                self._timeline.open_stream(exchange)

    def _readiness(self) -> Response:
        phase = Phase.SHUTDOWN if self._backlog.is_closed else self._environment.phase
        return metrics_api.readiness(phase, self._readings.measures.inits.last)

    def abandon(self, exchange: Exchange) -> None:
        """Whoever asked went away, or only says no more; an answer may still be read, a timeline without end is not."""
        if exchange.context is Page.TIMELINE_EVENTS:
            self._timeline.close_stream(exchange)
            exchange.close()

    async def _scrape(self, exchange: Exchange) -> None:
        """Answer with the numbers of now. What takes long is done in a thread, so that nobody waits for it."""
        try:
            async with self._one_at_a_time:
                exchange.answer(await self._exposed(exchange.request.headers.get("accept", "")))
        except Exception as error:  # noqa: BLE001 -- whoever watches an environment must not be its end
            _log.error("A scrape has failed, which is a defect of the supervisor: %r", error)
            exchange.answer(metrics_api.FAILED)

    async def _exposed(self, accept: str) -> Response:
        await trio.to_thread.run_sync(_import_exposition)
        from supervisor.telemetry.exposition import Exposition

        exposition = Exposition(self._readings.take(self._backlog))
        return metrics_api.metrics(*await trio.to_thread.run_sync(exposition.render, accept))


def _import_exposition() -> None:
    import supervisor.telemetry.exposition  # noqa: F401
