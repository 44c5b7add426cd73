"""What a scrape finds: the numbers that were counted, and those that only the moment of the scrape has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from supervisor.function import Function
from supervisor.lifecycle.states import Phase
from supervisor.telemetry.delivery_tally import DeliveryTally
from supervisor.telemetry.measures import Measures


class ProcessKind(StrEnum):
    """Whose process it is."""

    SUPERVISOR = "supervisor"
    RUNTIME = "runtime"
    EXTENSION = "extension"


class Usage(NamedTuple):
    """What a process has used: seconds of CPU, and bytes of memory, now and at its peak."""

    cpu_seconds: float
    resident_bytes: int
    peak_bytes: int


class ProcessUsage(NamedTuple):
    """What one of our processes has used; *extension* is the name of an extension, otherwise empty."""

    kind: ProcessKind
    extension: str
    usage: Usage


class EventCounts(NamedTuple):
    """Invocations of the type Event: how many wait, were accepted, begun, and how many ended in which way."""

    waiting: int
    accepted: int
    attempts: int
    succeeded: int
    exhausted: int
    expired: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One environment at the moment of a scrape.

    Args:
        measures: What was counted.
        function: The function that is served.
        supervisor_version: Our own version.
        started: When the environment began, in seconds since 1970.
        phase: Where it is.
        queue_depth: How many invocations wait in the line.
        throttles: How many invocations were refused because it was full.
        max_memory_used: The memory that it needed at its peak, in bytes.
        processes: Those that are alive.
        deliveries: Telemetry by the name of the extension.
        events: Invocations that no caller waits for.
    """

    measures: Measures
    function: Function
    supervisor_version: str
    started: float
    phase: Phase
    queue_depth: int
    throttles: int
    max_memory_used: int
    processes: Sequence[ProcessUsage]
    deliveries: Mapping[str, DeliveryTally]
    events: EventCounts
