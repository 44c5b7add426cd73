"""The metrics port of the whole program: what a scraper, a load balancer and a HEALTHCHECK find there."""

import json
import os
import signal
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from integration.conftest import StartEnvironment
from integration.environments import UNDER_TEST, Environment
from integration.gates import Gate
from integration.http_calls import Answer
from integration.subscribers import MakeSubscriber
from tests.telemetry.metrics_page import documented, parse_openmetrics, scraped

METRICS = 9464
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def get(environment: Environment, path: str, **headers: str) -> Answer:
    return environment.port(METRICS).request("GET", path, headers)


def scrape(environment: Environment) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, in the order of the labels."""
    answer = get(environment, "/metrics", **OPENMETRICS)
    assert answer.status == 200, answer.body
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for metric in parse_openmetrics(answer.body.decode())
        for sample in metric.samples
    }


def test_an_invocation_is_in_the_metrics(environment: StartEnvironment) -> None:
    running = environment(extensions={"x": ["register:INVOKE,SHUTDOWN", "loop"]})
    assert running.invoke().status == 200
    running.wait_for("^REPORT")

    samples = scrape(running)
    assert samples["lambda_invocations_total", "success"] == 1
    assert samples["lambda_invocation_duration_seconds_count",] == 1
    assert samples["lambda_post_runtime_extensions_duration_seconds_count",] == 1
    assert samples["lambda_extension_overhead_seconds_count", "x"] == 1
    assert samples["lambda_init_duration_seconds_count", "init", "success"] == 1
    assert samples["lambda_phase", "Ready"] == 1
    assert samples["lambda_max_memory_used_bytes",] > 2**20
    assert samples["lambda_process_resident_memory_bytes", "x", "extension"] > 2**20
    # The kernel counts it in hundredths of a second, and a scrape takes a part of one.
    assert any(scrape(running)["lambda_process_cpu_seconds_total", "", "supervisor"] > 0 for _ in range(1_000))
    report = running.wait_for(r"^REPORT .*Billed Duration: (\d+) ms")
    assert samples["lambda_billed_duration_seconds_total",] == int(report[1]) / 1000


def test_what_is_scraped_is_what_is_documented(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    told = subscriber()
    running = environment(extensions={"sub": told.file})
    running.invoke()

    said = scraped(get(running, "/metrics", **OPENMETRICS).body.decode())

    assert sorted(said) == sorted(documented())


def test_a_timeout_shows_as_such_and_as_a_reset(environment: StartEnvironment) -> None:
    running = environment(["next", "pause"], environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
    assert json.loads(running.invoke().body)["errorType"] == "Sandbox.Timedout"

    samples = scrape(running)
    assert samples["lambda_invocations_total", "timeout"] == 1
    assert samples["lambda_timeouts_total",] == 1
    assert samples["lambda_resets_total", "timeout"] == 1
    assert samples["lambda_shutdown_duration_seconds_count", "timeout"] == 1


def test_a_full_line_shows_as_throttles(environment: StartEnvironment, gate: Gate) -> None:
    running = environment(["next", gate.step, "respond", "loop"], options=["--queue-size", "1"])
    first = running.start_invoke()
    running.wait_for("^runtime holds")
    second = running.send_invoke()
    assert running.invoke().status == 429

    samples = scrape(running)
    assert samples["lambda_throttles_total",] == 1
    assert samples["lambda_queue_depth",] == 1
    assert samples["lambda_phase", "Invoke"] == 1
    gate.let_through()
    assert first.result().status == 200
    second.close()


def test_whoever_does_not_ask_for_openmetrics_gets_the_text_format(environment: StartEnvironment) -> None:
    running = environment()

    answer = get(running, "/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert any(metric.name == "lambda_invocations" for metric in parse_text(answer.body.decode()))


def test_an_environment_is_live_at_once_and_ready_after_init(environment: StartEnvironment, gate: Gate) -> None:
    running = environment([gate.step, "loop"])

    assert get(running, "/health/live").status == 200
    answer = get(running, "/health/ready")
    assert (answer.status, answer.body) == (503, b"not ready: Init is under way\n")
    gate.let_through()
    running.wait_for("^runtime ready")
    running.invoke()
    assert get(running, "/health/ready").status == 200


def test_from_sigterm_on_it_is_not_ready(environment: StartEnvironment, gate: Gate) -> None:
    running = environment(extensions={"x": ["register:SHUTDOWN", "next", gate.step, "exit:0"]})
    running.invoke()
    running.signal(signal.SIGTERM)
    running.wait_for("^x got SHUTDOWN")

    answer = get(running, "/health/ready")

    assert (answer.status, answer.body) == (503, b"not ready: shutting down\n")
    gate.let_through()
    assert running.wait() == 0


def test_after_an_init_that_failed_it_is_ready_when_another_one_succeeds(environment: StartEnvironment) -> None:
    running = environment(["exit:1", "/", "loop"])
    running.wait_for("^INIT_REPORT")
    answer = get(running, "/health/ready")
    assert (answer.status, answer.body) == (503, b"not ready: Init failed; the next invocation tries again\n")
    assert running.invoke().status == 200

    assert get(running, "/health/ready").status == 200


def test_the_health_check_speaks_for_the_supervisor_of_its_container(environment: StartEnvironment) -> None:
    running = environment()
    running.invoke()

    def check() -> tuple[int, str]:
        result = subprocess.run(
            [*UNDER_TEST, "health"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
        )
        return result.returncode, result.stdout

    assert running.run_inside(check) == (0, "ready\n")


def test_with_metrics_off_nobody_listens(environment: StartEnvironment) -> None:
    running = environment(options=["--metrics-address", "off"])

    with pytest.raises(ConnectionRefusedError):
        get(running, "/metrics")
    assert running.invoke().status == 200
