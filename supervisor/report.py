"""Tells what happened in one environment: every milestone becomes the line that Lambda would write.

The words are `telemetry.log_lines`'; here is what they need from the world: the memory in use, and the order of the
output.
"""

import logging
from collections.abc import Callable

from supervisor.function import Function
from supervisor.lifecycle.milestones import (
    ExtensionReported,
    InitReported,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    Milestone,
    ShutdownEnded,
    ShutdownStarted,
)
from supervisor.system.console import Console
from supervisor.system.memory import Memory
from supervisor.telemetry import log_lines

_MEGABYTE = 1024 * 1024

_log = logging.getLogger(__name__)


class Report:
    """Writes the platform's log lines.

    Args:
        function: The function that is served.
        console: Where the lines go.
        memory: Measures the processes of the environment.
        drain_output: Forwards what the processes have written so far, so that it comes before the line about it.
    """

    def __init__(self, function: Function, console: Console, memory: Memory, drain_output: Callable[[], None]) -> None:
        self._function = function
        self._console = console
        self._memory = memory
        self._drain_output = drain_output

    def tell(self, milestone: Milestone) -> None:
        """Write the line of *milestone*, if it has one."""
        match milestone:
            case InvocationStarted():
                self._drain_output()
                self._write(log_lines.start(milestone, self._function.version))
            case InvocationReported():
                self._drain_output()
                memory_used = max(1, -(-self._memory.peak() // _MEGABYTE))
                self._write(log_lines.end_and_report(milestone, self._function.memory_mb, memory_used))
            case InitStarted():
                self._write(log_lines.init_start(milestone))
            case ExtensionReported():
                self._write(log_lines.extension(milestone))
            case InitReported():
                # Whoever ends before the next report was measured at least here.
                self._memory.peak()
                self._drain_output()
                self._write(log_lines.init_report(milestone))
            case ShutdownStarted():
                self._memory.peak()
            case ShutdownEnded(killed=names) if names:
                _log.warning("Killed at the deadline of the shutdown, because still running: %s", ", ".join(names))

    def _write(self, line: str) -> None:
        if line:
            # An extension's name may be any bytes, as a file's may.
            self._console.write([line.encode(errors="surrogateescape")])
