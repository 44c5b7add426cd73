"""Owns the reading of an environment's log: what one whole run, from Init to Shutdown, reported of itself.

How a run comes about is not known here.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_REPORT: Final = re.compile(
    r"^(?:\[platform\] )?REPORT RequestId: \S+\tDuration: (?P<duration>[\d.]+) ms\tBilled Duration: \d+ ms"
    r"\tMemory Size: (?P<size>\d+) MB\tMax Memory Used: (?P<used>\d+) MB(?:\tInit Duration: (?P<init>[\d.]+) ms)?"
)
_EXTENSION: Final = re.compile(r"^(?:\[platform\] )?EXTENSION\tName: (?P<name>[^\t]+)\tState: Ready")


@dataclass(frozen=True, slots=True)
class Run:
    """One life of an environment.

    Args:
        extensions: Who was ready at the end of Init, in the order of the log.
        init_ms: How long Init took, None when it failed or was part of an invocation.
        durations_ms: The duration of each invocation, in the order of the events.
        memory_used_mb: The most that all processes together needed.
        memory_size_mb: What the function is configured with.
    """

    extensions: tuple[str, ...]
    init_ms: float | None
    durations_ms: tuple[float, ...]
    memory_used_mb: int
    memory_size_mb: int

    @property
    def billed_ms(self) -> tuple[int, ...]:
        """What each invocation is billed for, in whole milliseconds, without the Init that came before the first."""
        return tuple(map(math.ceil, self.durations_ms))


def read_run(lines: Iterable[str]) -> Run:
    """The run that wrote *lines*.

    Raises:
        ValueError: There is no report among them.
    """
    extensions: dict[str, None] = {}
    reports = []
    for line in lines:
        if match := _EXTENSION.match(line):
            extensions[match["name"]] = None
        elif match := _REPORT.match(line):
            reports.append(match)
    if not reports:
        raise ValueError("it reported no invocation")
    first, last = reports[0], reports[-1]
    return Run(
        extensions=tuple(extensions),
        init_ms=float(first["init"]) if first["init"] else None,
        durations_ms=tuple(float(report["duration"]) for report in reports),
        memory_used_mb=int(last["used"]),
        memory_size_mb=int(last["size"]),
    )
