"""Prometheus can read what is said, and it is what the documents say."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from supervisor.function import Function
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    InvocationArrived,
    ResponseReceived,
    ResponseStarted,
    RuntimePolled,
)
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.machine import Lifecycle
from supervisor.lifecycle.model import Settings
from supervisor.lifecycle.states import Phase
from supervisor.telemetry.delivery_tally import DeliveryTally
from supervisor.telemetry.exposition import Exposition
from supervisor.telemetry.measures import Measures
from supervisor.telemetry.reading import EventCounts, ProcessKind, ProcessUsage, Reading, Usage
from tests.lifecycle.story import polled, registered
from tests.telemetry.metrics_page import documented, names_in_queries, parse_openmetrics, scraped

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
ORDERS = Function("orders", "$LATEST", "app.handler", 3, 256, "eu-west-1", "111122223333", "group", "stream")
UNPRINTABLE = "caf\udce9"


def reading(deliveries: Mapping[str, DeliveryTally] | None = None) -> Reading:
    """An environment with one extension that was invoked once."""
    measures, lifecycle = Measures(), Lifecycle(Settings(3.0, (UNPRINTABLE,)))
    for event in (
        EnvironmentStarted(),
        registered(UNPRINTABLE, "INVOKE"),
        RuntimePolled(),
        polled(UNPRINTABLE),
        InvocationArrived(Invocation("first")),
        ResponseStarted("first"),
        ResponseReceived(b"{}"),
        RuntimePolled(),
        polled(UNPRINTABLE),
    ):
        measures.see(event, lifecycle.handle(event, 1.0), 1.0)
    processes = [ProcessUsage(kind, "x" * (kind is ProcessKind.EXTENSION), Usage(1.5, 2, 3)) for kind in ProcessKind]
    return Reading(
        measures,
        ORDERS,
        "1.2.3",
        1_932_984_672.0,
        Phase.READY,
        7,
        3,
        2**20,
        processes,
        deliveries or {UNPRINTABLE: DeliveryTally()},
        EventCounts(waiting=1, accepted=6, attempts=8, succeeded=2, exhausted=2, expired=1),
    )


def sample(body: str, name: str, /, **labels: str) -> float:
    (value,) = (
        sample.value
        for metric in parse_openmetrics(body)
        for sample in metric.samples
        if sample.name == name and sample.labels == labels
    )
    return float(value)


def openmetrics(reading: Reading) -> str:
    content_type, body = Exposition(reading).render(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    return body.decode()


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain", "text/html, application/json"])
def test_whoever_asks_for_nothing_special_gets_the_text_format(accept: str) -> None:
    content_type, body = Exposition(reading()).render(accept)

    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    text = {metric.name for metric in parse_text(body.decode())}
    assert text >= {"lambda_invocations", "lambda_invocation_duration_seconds"}


def test_both_formats_say_the_same() -> None:
    this = reading()
    text = {
        (one.name, tuple(one.labels.items()), one.value)
        for metric in parse_text(Exposition(this).render("")[1].decode())
        for one in metric.samples
    }
    structured = {
        (one.name, tuple(one.labels.items()), one.value)
        for metric in parse_openmetrics(openmetrics(this))
        for one in metric.samples
    }

    assert text == structured


def test_every_metric_is_documented_and_every_documented_metric_is_there() -> None:
    said = sorted(scraped(openmetrics(reading())))

    assert said == sorted(documented())


def test_a_metric_ends_with_its_unit_and_a_counter_with_total() -> None:
    for metric in parse_openmetrics(openmetrics(reading())):
        assert metric.name.startswith("lambda_")
        assert metric.name.endswith(metric.unit)
        if re.search(r"duration|latency|_wait_|_time_|overhead", metric.name):
            assert metric.unit == "seconds"
        elif re.search(r"memory|_bytes", metric.name):
            assert metric.unit == "bytes"


def test_the_dashboard_asks_for_nothing_that_there_is_not() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]

    asked = {name for query in queries for name in re.findall(r"\blambda_\w+", query)}

    assert asked
    assert asked <= names_in_queries(documented())


def test_the_classes_of_a_histogram_are_cumulative() -> None:
    body = openmetrics(reading())

    assert sample(body, "lambda_response_latency_seconds_bucket", le="0.001") == 1
    assert sample(body, "lambda_response_latency_seconds_bucket", le="+Inf") == 1
    assert sample(body, "lambda_response_latency_seconds_count") == 1


def test_a_name_that_is_no_text_can_be_read_all_the_same() -> None:
    body = openmetrics(reading())

    assert sample(body, "lambda_extension_init_duration_seconds_count", extension="caf\\udce9") == 1


def test_what_was_delivered_to_names_that_are_not_kept_is_one_sum() -> None:
    tallies = {name: DeliveryTally() for name in (UNPRINTABLE, "one", "two")}
    for tally in tallies.values():
        tally.drop(2, 30)
    body = openmetrics(reading(tallies))

    assert sample(body, "lambda_telemetry_dropped_records_total", extension="caf\\udce9") == 2
    assert sample(body, "lambda_telemetry_dropped_records_total", extension="other") == 4
    assert sample(body, "lambda_telemetry_dropped_bytes_total", extension="other") == 60


def test_the_moment_of_the_scrape_is_in_it() -> None:
    body = openmetrics(reading())

    assert sample(body, "lambda_queue_depth") == 7
    assert sample(body, "lambda_throttles_total") == 3
    assert sample(body, "lambda_max_memory_used_bytes") == 2**20
    assert sample(body, "lambda_events_waiting") == 1
    assert sample(body, "lambda_event_attempts_total") == 8
    assert sample(body, "lambda_events_ended_total", condition="exhausted") == 2
    assert sample(body, "lambda_phase", lambda_phase="Ready") == 1
    assert sample(body, "lambda_phase", lambda_phase="Init") == 0
    assert sample(body, "lambda_process_cpu_seconds_total", process="extension", extension="x") == 1.5
    assert sample(body, "lambda_function_info", name="orders", version="$LATEST") == 1
    assert sample(body, "lambda_supervisor_build_info", version="1.2.3") == 1
