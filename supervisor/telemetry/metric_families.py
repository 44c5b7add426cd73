"""Metrics in the forms of prometheus_client, made from plain numbers. What they are called is `exposition`'s matter."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.utils import floatToGoString

from supervisor.telemetry.distributions import Histogram, Total

SECONDS: Final = "seconds"
BYTES: Final = "bytes"

Labels = Sequence[str]
NO_LABELS: Final[Labels] = ()


def printable(label: str) -> str:
    """*label* as text that can be sent: the name of a file may have bytes that are none."""
    return label.encode("utf-8", "backslashreplace").decode()


def counter(name: str, text: str, value: float, unit: str = "") -> CounterMetricFamily:
    """One number that only grows; *name* without `_total`."""
    return CounterMetricFamily(name, text, value=value, unit=unit)


def counters(
    name: str, text: str, label: str, values: Iterable[tuple[str, float]], unit: str = ""
) -> CounterMetricFamily:
    """A number that only grows for each value of *label*."""
    return labelled_counters(name, text, (label,), (((key,), value) for key, value in values), unit)


def labelled_counters(
    name: str, text: str, labels: Labels, values: Iterable[tuple[Labels, float]], unit: str = ""
) -> CounterMetricFamily:
    """A number that only grows for each combination of the values of *labels*."""
    family = CounterMetricFamily(name, text, labels=labels, unit=unit)
    for keys, value in values:
        family.add_metric([printable(key) for key in keys], value)
    return family


def histogram(name: str, text: str, values: Histogram) -> HistogramMetricFamily:
    """One distribution of lengths of time."""
    return HistogramMetricFamily(name, text, buckets=_buckets(values), sum_value=values.sum, unit=SECONDS)


def histograms(name: str, text: str, label: str, values: Iterable[tuple[str, Histogram]]) -> HistogramMetricFamily:
    """A distribution of lengths of time for each value of *label*."""
    family = HistogramMetricFamily(name, text, labels=(label,), unit=SECONDS)
    for key, distribution in values:
        family.add_metric([key], _buckets(distribution), distribution.sum)
    return family


def _buckets(values: Histogram) -> list[tuple[str, float]]:
    bounds = (*map(floatToGoString, values.bounds), "+Inf")
    return list(zip(bounds, map(float, accumulate(values.counts)), strict=True))


def totals(name: str, text: str, labels: Labels, values: Iterable[tuple[Labels, Total]]) -> SummaryMetricFamily:
    """How many there were, and how long in all, for each combination of the values of *labels*."""
    family = SummaryMetricFamily(name, text, labels=labels, unit=SECONDS)
    for keys, total in values:
        family.add_metric([printable(key) for key in keys], total.count, total.sum)
    return family
