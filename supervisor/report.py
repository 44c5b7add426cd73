"""Tells what happened in one environment: every milestone becomes a line of the log and a record for subscribers.

What both say is `telemetry`'s matter; here is what they need from the world: the moment, the memory in use, and the
order of the output.
"""

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from supervisor.diagnosis import text_of
from supervisor.lifecycle.diagnoses import Diagnosis, InvocationHeld
from supervisor.lifecycle.milestones import (
    SUCCEEDED,
    ExtensionReported,
    InitPhase,
    InitReported,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    Milestone,
    RestoreReported,
    RestoreStarted,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
)
from supervisor.log import Log
from supervisor.system.clock import Clock
from supervisor.system.memory import Memory
from supervisor.telemetry.hub import Telemetry
from supervisor.telemetry.log_format import LogFormat
from supervisor.telemetry.subscription import Subscription

if TYPE_CHECKING:
    from supervisor.system.ephemeral_storage import EphemeralStorage

_MEGABYTE = 1024 * 1024

_AFTER_OUTPUT = frozenset({InitReported, RestoreStarted, RestoreReported})
"""What is told after everything that was written before it."""

_MEASURED = frozenset({InitReported, ShutdownStarted})
"""When the memory is measured, as at the end of an invocation; the last look is at those who are about to end."""

_OF_INIT = frozenset({InitStarted, ExtensionReported, InitReported, RestoreStarted, RestoreReported})

_MEASURED_AGAIN_AFTER_SECONDS = 0.005
"""So long a measurement is good enough for further reports: in that time the kernel hands out ten megabytes, and the
next measurement, which asks for the peak, finds them. Ours."""

_log = logging.getLogger(__name__)


class Report:
    """Reports milestones and subscriptions.

    Args:
        log_format: What the lines look like.
        log: Where the lines go.
        telemetry: Where the records go.
        memory: Measures the processes of the environment.
        drain_output: Forwards what the processes have written so far, so that it comes before what is told about it.

    Attributes:
        storage: What is looked at after each invocation, if anything is.
    """

    def __init__(
        self, log_format: LogFormat, log: Log, telemetry: Telemetry, memory: Memory, drain_output: Callable[[], None]
    ) -> None:
        self._format = log_format
        self._lines = log
        self._telemetry = telemetry
        self._memory = memory
        self._drain_output = drain_output
        self.storage: EphemeralStorage | None = None
        self._clock = Clock()
        self._init_is_own = True
        self._memory_used_mb = 0
        self._measured_at = -math.inf
        self._warned_of: set[str] = set()

    def tell(self, milestone: Milestone) -> None:
        """Report *milestone*, which is none of an invocation."""
        kind = type(milestone)
        if kind in _AFTER_OUTPUT:
            self._drain_output()
        # Later than the output, which is told first: subscribers see the moments in order.
        now = self._clock.now()
        if kind in _MEASURED:
            self._measure(now)
        if isinstance(milestone, InitStarted):
            self._init_is_own = milestone.phase is InitPhase.INIT
            if self._init_is_own:
                self._memory.begin()
        elif isinstance(milestone, ShutdownEnded) and milestone.killed:
            names = ", ".join(milestone.killed)
            _log.warning("Killed at the deadline of the shutdown, because still running: %s", names)
        self._tell(milestone, now, in_tail=not (self._init_is_own and kind in _OF_INIT))

    def begin_invocation(self, started: InvocationStarted) -> None:
        """Report that an invocation begins."""
        self._drain_output()
        self._tell(started, self._clock.now())

    def end_runtime(self, done: RuntimeDone) -> None:
        """Report that the runtime's part of an invocation is over; of a good end only subscribers want to know."""
        if self._telemetry.is_listening:
            self._drain_output()
        elif done.ending is SUCCEEDED:
            return
        self._tell(done, self._clock.now())

    def end_invocation(self, report: InvocationReported) -> None:
        """Report that an invocation is over."""
        self._drain_output()
        now = self._clock.now()
        if now >= self._measured_at + _MEASURED_AGAIN_AFTER_SECONDS:
            self._measure(now)
        self._tell(report, now)
        self._lines.tail.complete()
        if self.storage is not None:
            self.storage.check()

    def _tell(self, milestone: Milestone, now: float, *, in_tail: bool = True) -> None:
        """Tell subscribers and the log; what it says of an init on its own is in nobody's tail (recorded on AWS)."""
        self._telemetry.tell(milestone, now, self._memory_used_mb)
        if line := self._format.milestone(milestone, now, self._memory_used_mb):
            self._lines.write(line, in_tail=in_tail)

    def _measure(self, now: float) -> None:
        self._memory_used_mb = max(1, -(-self._memory.peak() // _MEGABYTE))
        self._measured_at = now

    def diagnose(self, diagnosis: Diagnosis) -> None:
        """Tell a person. An extension that takes most of every invocation is worth one warning."""
        level = logging.WARNING
        if isinstance(diagnosis, InvocationHeld):
            is_most = 2 * diagnosis.duration > diagnosis.total
            level = logging.WARNING if is_most and diagnosis.name not in self._warned_of else logging.INFO
            if is_most:
                self._warned_of.add(diagnosis.name)
        _log.log(level, "%s", text_of(diagnosis))

    def deliver(self, then: Callable[[], None]) -> None:
        """Let subscribers have everything that was told so far, and call *then*, after a bounded time in any case."""
        self._telemetry.deliver(then)

    def freeze(self) -> None:
        """The processes are stopped: let nothing be delivered, and nobody's time run out."""
        self._telemetry.freeze()

    def thaw(self) -> None:
        """The processes run on."""
        self._telemetry.thaw()

    @property
    def is_open(self) -> bool:
        """Whether extensions may subscribe."""
        return self._telemetry.is_open

    def subscribe(self, name: str, subscription: Subscription) -> bool:
        """Let the extension *name* have what it asks for; whether it had the same already.

        Raises:
            ProtocolError: 400, it has subscribed to the other API, or too often.
        """
        now = self._clock.now()
        repeated = self._telemetry.subscribe(name, subscription, now)
        line = self._format.subscription(name, subscription, now, repeated=repeated)
        self._lines.write(line, in_tail=not self._init_is_own)
        return repeated
