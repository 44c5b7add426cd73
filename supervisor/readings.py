"""Takes a reading of one environment: what was counted of it, and what the system says of its processes now."""

import time

from supervisor import __version__
from supervisor.backlog import Backlog
from supervisor.environment import Environment
from supervisor.function import Function
from supervisor.processes import Processes
from supervisor.system.memory import Memory
from supervisor.system.process_usage import own_usage, usage_of_family
from supervisor.telemetry.hub import Telemetry
from supervisor.telemetry.measures import Measures
from supervisor.telemetry.reading import EventCounts, ProcessKind, ProcessUsage, Reading


class Readings:
    """The readings of one environment, which is counted from now on.

    Args:
        function: The function that it serves.
        environment: The environment.
        processes: Its processes.
        memory: Measures them together.
        telemetry: What its extensions subscribe to.

    Attributes:
        measures: What is counted.
    """

    def __init__(
        self, function: Function, environment: Environment, processes: Processes, memory: Memory, telemetry: Telemetry
    ) -> None:
        self.measures = Measures()
        self._function = function
        self._environment = environment
        self._processes = processes
        self._memory = memory
        self._telemetry = telemetry
        self._started = time.time()
        environment.observe(self.measures.see)

    def take(self, backlog: Backlog) -> Reading:
        """What there is to be read at this moment, with the accepted Events of *backlog*."""
        return Reading(
            self.measures,
            self._function,
            __version__,
            self._started,
            self._environment.phase,
            self._environment.queue_depth,
            self._environment.throttles,
            self._memory.peak(),
            self._usages(),
            self._telemetry.tallies,
            _event_counts(backlog),
        )

    def _usages(self) -> list[ProcessUsage]:
        usages = [ProcessUsage(ProcessKind.SUPERVISOR, "", own_usage())]
        for name, pid in self._processes.living().items():
            kind = ProcessKind.EXTENSION if name else ProcessKind.RUNTIME
            usages.append(ProcessUsage(kind, name, usage_of_family(pid)))
        return usages


def _event_counts(backlog: Backlog) -> EventCounts:
    counts = backlog.counts
    return EventCounts(
        waiting=len(backlog),
        accepted=counts.accepted,
        attempts=counts.attempts,
        succeeded=counts.succeeded,
        exhausted=counts.exhausted,
        expired=counts.expired,
    )
