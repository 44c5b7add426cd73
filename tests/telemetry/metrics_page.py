"""What docs/metrics.md says of each metric, and what a scrape says: in one form, to be compared."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.openmetrics import parser

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


class Described(NamedTuple):
    """One metric; *name* as it is queried, apart from what a histogram or a summary adds."""

    name: str
    kind: str
    labels: frozenset[str]
    text: str


def parse_openmetrics(text: str) -> list[Metric]:
    """Every metric of a scrape, if that is OpenMetrics."""
    return list(parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call] # published without types


def documented() -> list[Described]:
    """Every row of the page's tables."""
    rows = re.findall(r"^\| `(lambda_\w+)` \| (\w+) \| (.*?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    return [Described(name, kind, frozenset(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in rows]


def scraped(openmetrics: str) -> list[Described]:
    """Every metric of a scrape in the format OpenMetrics."""
    return [_described(metric) for metric in parse_openmetrics(openmetrics)]


def _described(metric: Metric) -> Described:
    labels = {label for sample in metric.samples for label in sample.labels} - {"le"}
    suffix = {"counter": "_total", "info": "_info"}.get(metric.type, "")
    return Described(metric.name + suffix, metric.type, frozenset(labels), metric.documentation)


def names_in_queries(metrics: Iterable[Described]) -> set[str]:
    """What there is to ask for in PromQL."""
    suffixes = {"histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum")}
    return {metric.name + suffix for metric in metrics for suffix in suffixes.get(metric.kind, ("",))}
