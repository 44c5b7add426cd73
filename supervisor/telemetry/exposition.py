"""Gives the numbers of a reading their names: what `/metrics` says, in either of Prometheus' formats.

With `metric_families` it alone imports prometheus_client, which costs some 100 ms: it is imported at the first scrape.
The names follow Prometheus' conventions ("Metric and label naming") and begin with the domain, `lambda_`.
docs/metrics.md lists them, and a test holds it to what is here.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from supervisor.lifecycle.states import Phase
from supervisor.telemetry.delivery_tally import DeliveryTally
from supervisor.telemetry.extension_measures import OTHER_NAME, ExtensionMeasures
from supervisor.telemetry.metric_families import (
    BYTES,
    SECONDS,
    counter,
    counters,
    histogram,
    histograms,
    labelled_counters,
    printable,
    totals,
)
from supervisor.telemetry.phase_measures import FreezeMeasures, InitMeasures, InvocationMeasures, StopMeasures
from supervisor.telemetry.reading import EventCounts, ProcessKind, ProcessUsage, Reading

_MEGABYTE: Final = 1024 * 1024
_MILLISECONDS: Final = 1000


class Exposition:
    """The metrics of one reading, all of the same moment."""

    def __init__(self, reading: Reading) -> None:
        self._metrics = list(_metrics(reading))

    def collect(self) -> Iterable[Metric]:
        """Every metric, as prometheus_client asks a collector for them."""
        return self._metrics

    def render(self, accept: str) -> tuple[str, bytes]:
        """The content type and the body for a scraper with this `Accept` header."""
        encode, content_type = choose_encoder(accept)
        # An encoder asks for no more of a collector than `collect`.
        return content_type, encode(cast("Collector", self))


def _metrics(reading: Reading) -> Iterator[Metric]:
    measures = reading.measures
    yield from _invocations(measures.invocations)
    yield from _line(measures.invocations, reading)
    yield from _events(reading.events)
    yield from _inits(measures.inits)
    yield from _freezes(measures.freezes)
    yield from _stops(measures.stops, measures.extensions.by_name)
    yield from _extensions(measures.extensions.by_name)
    yield from _deliveries(_by_kept_name(reading.deliveries, measures.extensions.by_name))
    yield from _processes(reading.processes)
    yield from _environment(reading)


def _invocations(invocations: InvocationMeasures) -> Iterator[Metric]:
    yield counters(
        "lambda_invocations", "Invocations by what the caller was told.", "outcome", invocations.outcomes.items()
    )
    yield counters(
        "lambda_invocation_faults", "Failed invocations by fault.", "fault", invocations.faults.counts.items()
    )
    yield histogram("lambda_invocation_duration_seconds", "Duration, as in REPORT.", invocations.durations)
    yield counter(
        "lambda_billed_duration_seconds",
        "Billed Duration of all invocations, as in REPORT.",
        invocations.billed_ms / _MILLISECONDS,
        SECONDS,
    )
    yield histogram(
        "lambda_response_latency_seconds",
        "From handing an invocation to the runtime to the first byte of its response.",
        invocations.response_latencies,
    )
    yield counter("lambda_response_bytes", "Size of all responses.", invocations.response_bytes, BYTES)
    yield histogram(
        "lambda_post_runtime_extensions_duration_seconds",
        "From the end of the runtime's part of an invocation until every extension is done.",
        invocations.extension_overheads,
    )
    yield counter("lambda_timeouts", "Invocations cut off at the function's timeout.", invocations.timeouts)


def _line(invocations: InvocationMeasures, reading: Reading) -> Iterator[Metric]:
    yield GaugeMetricFamily("lambda_queue_depth", "Invocations that wait in the line.", value=reading.queue_depth)
    yield histogram("lambda_queue_wait_seconds", "Time in the line, of every invocation.", invocations.waits)
    yield counter("lambda_throttles", "Invocations refused with 429, the line being full.", reading.throttles)


def _events(events: EventCounts) -> Iterator[Metric]:
    yield GaugeMetricFamily("lambda_events_waiting", "Accepted Events that have not ended.", value=events.waiting)
    yield counter("lambda_events_accepted", "Events whose caller has a 202.", events.accepted)
    yield counter("lambda_event_attempts", "Attempts to run an accepted Event.", events.attempts)
    yield counters(
        "lambda_events_ended",
        "Accepted Events that have ended.",
        "condition",
        [("succeeded", events.succeeded), ("exhausted", events.exhausted), ("expired", events.expired)],
    )


def _freezes(freezes: FreezeMeasures) -> Iterator[Metric]:
    yield counter("lambda_freezes", "Freezes between invocations.", freezes.count)
    yield counter("lambda_frozen_seconds", "Time frozen, of the freezes that are over.", freezes.seconds, SECONDS)


def _inits(inits: InitMeasures) -> Iterator[Metric]:
    yield totals(
        "lambda_init_duration_seconds",
        "Inits, on their own (init) or inside an invocation (invoke), by how they ended.",
        ("phase", "status"),
        (((phase, status), total) for phase, row in inits.durations.items() for status, total in row.items()),
    )
    yield histograms(
        "lambda_init_part_duration_seconds",
        "Parts of an init: until all extensions have registered, until the runtime is ready, until all are.",
        "part",
        inits.parts.items(),
    )
    yield counters("lambda_init_faults", "Failed inits by fault.", "fault", inits.faults.counts.items())


def _stops(stops: StopMeasures, extensions: Mapping[str, ExtensionMeasures]) -> Iterator[Metric]:
    yield counters("lambda_resets", "Resets after a failure or a time-out.", "reason", stops.resets.items())
    yield histograms(
        "lambda_shutdown_duration_seconds", "Shutdowns and resets by reason.", "reason", stops.durations.items()
    )
    yield counters("lambda_runtime_exits", "Ends of the runtime's process.", "way", stops.runtime_exits.counts.items())
    yield labelled_counters(
        "lambda_kills",
        "SIGKILLs to the runtime and to extensions.",
        ("process", "extension"),
        [
            ((ProcessKind.RUNTIME, ""), stops.runtime_kills),
            *(((ProcessKind.EXTENSION, name), extension.kills) for name, extension in extensions.items()),
        ],
    )


def _extensions(extensions: Mapping[str, ExtensionMeasures]) -> Iterator[Metric]:
    yield totals(
        "lambda_extension_init_duration_seconds",
        "From an extension's launch to its first request for an event.",
        ("extension",),
        (((name,), extension.inits) for name, extension in extensions.items()),
    )
    yield totals(
        "lambda_extension_overhead_seconds",
        "How much longer than the runtime an extension needed for an invocation.",
        ("extension",),
        (((name,), extension.overheads) for name, extension in extensions.items()),
    )
    yield totals(
        "lambda_extension_shutdown_duration_seconds",
        "From the SHUTDOWN event to the end of an extension's process.",
        ("extension",),
        (((name,), extension.departures) for name, extension in extensions.items()),
    )
    yield labelled_counters(
        "lambda_extension_exits",
        "Ends of an extension's process.",
        ("extension", "way"),
        (
            ((name, way), count)
            for name, extension in extensions.items()
            for way, count in extension.exits.counts.items()
        ),
    )


def _by_kept_name(
    deliveries: Mapping[str, DeliveryTally], kept: Mapping[str, ExtensionMeasures]
) -> dict[str, list[DeliveryTally]]:
    found: dict[str, list[DeliveryTally]] = {}
    for name, tally in deliveries.items():
        found.setdefault(name if name in kept else OTHER_NAME, []).append(tally)
    return found


def _deliveries(deliveries: Mapping[str, list[DeliveryTally]]) -> Iterator[Metric]:
    for fate in ("delivered", "dropped"):
        for thing, unit in (("records", ""), ("bytes", BYTES)):
            yield counters(
                f"lambda_telemetry_{fate}_{thing}",
                f"Telemetry {fate}, in {thing}, by the extension that subscribed.",
                "extension",
                (
                    (name, sum(getattr(tally, f"{fate}_{thing}") for tally in tallies))
                    for name, tallies in deliveries.items()
                ),
                unit,
            )


def _processes(processes: Iterable[ProcessUsage]) -> Iterator[Metric]:
    labels = ("process", "extension")
    rows = [((process.kind.value, printable(process.extension)), process.usage) for process in processes]
    yield labelled_counters(
        "lambda_process_cpu_seconds",
        "CPU time of a process and its descendants.",
        labels,
        ((keys, usage.cpu_seconds) for keys, usage in rows),
        SECONDS,
    )
    resident = GaugeMetricFamily(
        "lambda_process_resident_memory_bytes",
        "Resident memory of a process and its descendants.",
        labels=labels,
        unit=BYTES,
    )
    peak = GaugeMetricFamily(
        "lambda_process_peak_resident_memory_bytes",
        "Most resident memory that a process and its descendants had, each at its own peak.",
        labels=labels,
        unit=BYTES,
    )
    for keys, usage in rows:
        resident.add_metric(keys, usage.resident_bytes)
        peak.add_metric(keys, usage.peak_bytes)
    yield resident
    yield peak


def _environment(reading: Reading) -> Iterator[Metric]:
    function = reading.function
    yield GaugeMetricFamily(
        "lambda_max_memory_used_bytes", "Max Memory Used so far.", value=reading.max_memory_used, unit=BYTES
    )
    yield GaugeMetricFamily(
        "lambda_function_memory_size_bytes",
        "Memory that the function is entitled to.",
        value=function.memory_mb * _MEGABYTE,
        unit=BYTES,
    )
    yield GaugeMetricFamily(
        "lambda_function_timeout_seconds", "The function's timeout.", value=function.timeout, unit=SECONDS
    )
    yield GaugeMetricFamily(
        "lambda_start_time_seconds", "When the supervisor started, since 1970.", value=reading.started, unit=SECONDS
    )
    yield StateSetMetricFamily(
        "lambda_phase", "Where the environment is.", value={phase.value: phase is reading.phase for phase in Phase}
    )
    yield InfoMetricFamily(
        "lambda_function", "The function.", value={"name": function.name, "version": function.version}
    )
    yield InfoMetricFamily("lambda_supervisor_build", "The supervisor.", value={"version": reading.supervisor_version})
