"""Owns the forms in which impacts are shown as text: a table for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from supervisor.impact.comparison import Impact, Spread


@dataclass(frozen=True, slots=True)
class Experiment:
    """What was done.

    Args:
        rounds: How often each combination was started.
        events: How many events each start was given.
        memory_size_mb: What the function is configured with.
        price: Of a GB-second, in the currency of whoever asks.
    """

    rounds: int
    events: int
    memory_size_mb: int
    price: float

    def __str__(self) -> str:
        rounds = "1 round" if self.rounds == 1 else f"{self.rounds} rounds"
        events = "1 event" if self.events == 1 else f"{self.events} events"
        return f"{rounds} of {events}, {self.memory_size_mb} MB at {self.price:.10f} per GB-second"


@dataclass(frozen=True, slots=True)
class Column:
    """One measure: its heading, its field in `Impact`, and how many decimals are worth showing."""

    heading: str
    field: str
    decimals: int

    def cell(self, impact: Impact) -> str:
        """The median, and the middle half in brackets."""
        spread: Spread | None = getattr(impact, self.field)
        if spread is None:
            return "-"
        return (
            f"{spread.median:+.{self.decimals}f} ({spread.low:+.{self.decimals}f} to {spread.high:+.{self.decimals}f})"
        )


COLUMNS = (
    Column("init ms", "init_ms", 0),
    Column("duration ms", "duration_ms", 1),
    Column("billed ms", "billed_ms", 0),
    Column("memory MB", "memory_mb", 0),
    Column("cost per million", "cost_per_million", 2),
)

_LEGEND = (
    "What each extension adds: the median of the differences, in brackets their middle half. Where that lies around 0,",
    "no difference was found. The cost is that of warm invocations; Init is billed beside it, once for each start.",
)


def table(impacts: Sequence[Impact], experiment: Experiment) -> str:
    """A table, with what was done above it and how to read it below."""
    rows = [("extension", *(column.heading for column in COLUMNS))]
    rows += [(impact.extension, *(column.cell(impact) for column in COLUMNS)) for impact in impacts]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [
        f"{impact.extension}: without it the function fails with {impact.failure}"
        for impact in impacts
        if impact.failure
    ]
    return "\n".join([str(experiment), "", *lines, *notes, "", *_LEGEND]) + "\n"


def as_json(impacts: Sequence[Impact], experiment: Experiment) -> str:
    """The same as one JSON document; what could not be measured is null."""
    document = {**asdict(experiment), "extensions": [asdict(impact) for impact in impacts]}
    return json.dumps(document, indent=2) + "\n"
