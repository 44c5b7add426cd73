"""Everything that watches one environment: the numbers, the timeline, the trace of it, and the port that shows them.

Where nobody may watch, nothing is wired, and nothing is told to anybody.
"""

import socket

import trio

from supervisor.backlog import Backlog
from supervisor.environment import Environment
from supervisor.function import Function
from supervisor.gateway.metrics import MetricsService
from supervisor.gateway.timeline import TimelineService
from supervisor.readings import Readings
from supervisor.system.clock import Clock
from supervisor.system.http_server import HttpServer
from supervisor.system.reactor import Reactor
from supervisor.system.trace_file import TraceFile
from supervisor.telemetry.timeline import Timeline


class Watching:
    """What watches one environment.

    Args:
        environment: The environment.
        function: The function that it serves.
        trace: Where its timeline is written to, if it is.
    """

    def __init__(self, environment: Environment, function: Function, trace: TraceFile | None) -> None:
        self._environment = environment
        self._function = function
        self._clock = Clock()
        self._timeline: Timeline | None = None
        self._timeline_service: TimelineService | None = None
        self._server: HttpServer | None = None
        self._trace = trace
        if trace is not None:
            self._told_timeline().on_entry = trace.add

    def serve(self, reactor: Reactor, listener: socket.socket, backlog: Backlog, readings: Readings) -> None:
        """Answer at *listener* whoever asks for the numbers, the health or the timeline."""
        self._timeline_service = TimelineService(self._told_timeline(), self._function, self._clock)
        self._metrics = MetricsService(self._environment, backlog, readings, self._timeline_service)
        self._server = HttpServer(reactor, listener, self._metrics)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch, until cancelled."""
        async with trio.open_nursery() as nursery:
            if self._trace is not None:
                self._told_timeline().watch(self._clock.now())
                nursery.start_soon(self._trace.run)
            if self._timeline_service is not None:
                nursery.start_soon(self._timeline_service.run)
                await nursery.start(self._metrics.run)
            task_status.started()

    async def end(self) -> None:
        """The environment is over: let everybody who watches read the last of it, as long as they read on."""
        if self._timeline_service is not None and self._server is not None:
            self._timeline_service.end()
            await self._server.answers_sent()

    def close(self) -> None:
        """Give up the port, and end the trace."""
        if self._server is not None:
            self._server.close()
        if self._trace is not None:
            self._trace.close()

    def _told_timeline(self) -> Timeline:
        if self._timeline is None:
            self._timeline = Timeline()
            self._environment.observe(self._timeline.see)
        return self._timeline
