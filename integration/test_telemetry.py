"""The Telemetry API from end to end: what real subscribers are told of an environment, and in which order."""

import signal
import time

import pytest

from integration.conftest import StartEnvironment, unfrozen
from integration.environments import Environment
from integration.gates import Gate
from integration.subscribers import MakeSubscriber, Record, Subscriber, subscription_body

FUNCTION = ["platform", "function"]

ONE_SECOND = {"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"}


@pytest.fixture
def environment(environment: StartEnvironment) -> StartEnvironment:
    """What is told here need not wait for the next invocation."""
    return unfrozen(environment)


def start_with(environment: StartEnvironment, *subscribers: Subscriber, **setup: object) -> Environment:
    return environment(extensions={one.name: one.file for one in subscribers}, **setup)


def span_names(record: Record) -> list[str]:
    return [span["name"] for span in record.content.get("spans", ())]


# What goes well.


@pytest.mark.rule("telemetry-api/cold-start-order")
def test_a_cold_start_and_a_warm_invocation_are_told_in_order(
    subscriber: MakeSubscriber, environment: StartEnvironment, gate: Gate
) -> None:
    told = subscriber(types=FUNCTION)
    env = start_with(environment, told, runtime=[gate.step, "loop"])
    env.wait_for("sub ready")
    gate.let_through()

    env.invoke()
    told.wait_for("platform.report")
    env.invoke()
    told.wait_for("platform.report", nth=2)

    function = ["function"] * 3
    invocation = ["platform.start", *function, "platform.runtimeDone", "platform.report"]
    init = ["platform.initRuntimeDone", "platform.extension", "platform.initReport"]
    assert told.kinds == [
        *("platform.initStart", "platform.telemetrySubscription", "function", "function"),
        *(*init, *invocation, *invocation),
    ]
    times = [record.epoch for record in told.records]
    assert times == sorted(times)
    assert {record.target for record in told.records} == {"/told?by=us"}


def test_what_is_told_of_an_invocation_is_true(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    told = subscriber()
    env = start_with(environment, told, environ={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"})

    before = time.perf_counter()
    request_id = env.invoke(b'{"some": "bytes"}').headers["x-amzn-requestid"]
    report = told.wait_for("platform.report")
    elapsed = time.perf_counter() - before

    init_report, start = told.wait_for("platform.initReport"), told.wait_for("platform.start")
    done = told.wait_for("platform.runtimeDone")
    assert start.content == {"requestId": request_id, "version": "$LATEST"}
    assert (done.content["requestId"], done.content["status"]) == (request_id, "success")
    assert done.content["metrics"]["producedBytes"] == len('{"some": "bytes"}')
    assert span_names(done) == ["responseLatency", "responseDuration", "runtimeOverhead"]
    spent = sum(span["durationMs"] for span in done.content["spans"])
    assert 0 < spent <= done.content["metrics"]["durationMs"] + 0.01 < elapsed * 1000
    metrics = report.content["metrics"]
    assert list(metrics) == ["durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"]
    assert metrics["initDurationMs"] == init_report.content["metrics"]["durationMs"]
    assert metrics["memorySizeMB"] == 512
    assert 0 < metrics["maxMemoryUsedMB"] < 512
    assert {type(metrics[name]) for name in ("billedDurationMs", "memorySizeMB", "maxMemoryUsedMB")} == {int}
    assert metrics["durationMs"] >= done.content["metrics"]["durationMs"]
    assert span_names(report) == ["extensionOverhead"]


@pytest.mark.rule("telemetry-api/runtime-done-while-extension-works")
@pytest.mark.rule("telemetry-api/report-after-last-next")
def test_the_end_of_the_runtime_is_told_at_once_and_the_report_after_the_last_extension(
    subscriber: MakeSubscriber, environment: StartEnvironment, gate: Gate
) -> None:
    told = subscriber(then=["next", gate.step, "loop"])
    env = start_with(environment, told)

    assert env.invoke().status == 200
    done = told.wait_for("platform.runtimeDone")
    env.wait_for("sub holds")
    assert not told.of("platform.report")
    gate.let_through()
    report = told.wait_for("platform.report")

    (overhead,) = report.content["spans"]
    assert overhead["name"] == "extensionOverhead"
    assert overhead["durationMs"] > 0
    assert abs(1000 * (report.epoch - done.epoch) - overhead["durationMs"]) < 100
    assert report.content["metrics"]["durationMs"] >= overhead["durationMs"]


@pytest.mark.rule("telemetry-api/handler-exception")
def test_an_exception_of_the_handler_is_told_as_success(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber()
    env = start_with(environment, told, runtime=["next", "error:Function.Odd", "loop"])

    assert env.invoke().headers["x-amz-function-error"] == "Unhandled"

    done, report = told.wait_for("platform.runtimeDone"), told.wait_for("platform.report")
    assert set(done.content) == {"requestId", "status", "metrics"}
    assert (done.content["status"], done.content["metrics"]["producedBytes"]) == ("success", 0)
    assert report.content["status"] == "success"


@pytest.mark.rule("telemetry-api/second-destination")
def test_one_extension_may_subscribe_twice(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    """As the OpenTelemetry collector does: once to learn when the runtime is done, once for the rest."""
    body = subscription_body(4244, types=["platform"], host="sandbox").decode().replace("/told?by=us", "/manager")
    told = subscriber(before=["listen:HTTP:4244:takes", f"subscribe:telemetry:{body}"])
    env = start_with(environment, told)

    env.invoke()
    told.wait_for("platform.report", nth=2)

    assert {record.target for record in told.of("platform.report")} == {"/told?by=us", "/manager"}
    assert [line for line in env.lines if "subscription" in line] == ['sub subscription 200 "OK"'] * 2


@pytest.mark.rule("telemetry-api/record-for-each-schema")
def test_every_subscriber_gets_the_keys_of_its_own_schema(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    versions = ("2022-07-01", "2022-12-13", "2025-01-29")
    subscribers = [subscriber(f"of-{one}", port=4243 + nth, schema=one) for nth, one in enumerate(versions)]
    env = start_with(environment, *subscribers)

    env.invoke()

    keys = {"initializationType", "phase"}
    new_keys = {"functionName", "functionVersion", "instanceId", "instanceMaxMemory"}
    inits = [set(told.wait_for("platform.initStart").content) for told in subscribers]
    assert inits == [keys, keys | new_keys, keys | new_keys]
    reports = [told.wait_for("platform.initReport").content for told in subscribers]
    assert ["status" in report for report in reports] == [False, True, True]
    starts = [told.wait_for("platform.start").content for told in subscribers]
    assert ["functionArn" in start for start in starts] == [False, False, True]


# What fails.


@pytest.mark.rule("telemetry-api/runtime-timeout")
@pytest.mark.rule("telemetry-api/subscription-survives-reset")
def test_a_timeout_is_told_before_the_shutdown_and_its_report_first_after_the_reset(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber()
    env = start_with(environment, told, runtime=["next", "pause", "/", "loop"], environ=ONE_SECOND)

    assert env.invoke().failure()[0] == "Sandbox.Timedout"
    done, shutdown = told.wait_for("platform.runtimeDone"), env.wait_for("^sub got SHUTDOWN timeout ")[0]
    assert not told.of("platform.report")
    before_reset = len(told.records)
    env.invoke()
    told.wait_for("platform.report", nth=2)

    assert set(done.content) == {"requestId", "status", "metrics"}
    assert (done.content["status"], done.content["metrics"]["producedBytes"]) == ("timeout", 0)
    assert 1000 <= done.content["metrics"]["durationMs"] < 2000
    lines = [record.content for record in told.records[: told.records.index(done)] if record.kind == "extension"]
    assert not any(line.startswith(shutdown) for line in lines)
    report, init, *rest = [record for record in told.records[before_reset:] if record.kind.startswith("platform.")]
    assert (report.kind, report.content["status"]) == ("platform.report", "timeout")
    assert not {"spans", "errorType"} & set(report.content)
    assert report.content["metrics"]["durationMs"] == 1000.0
    assert (init.kind, init.content["phase"]) == ("platform.initStart", "invoke")
    assert rest[0].content == {"name": "sub", "state": "Already subscribed", "types": list(told.types)}
    assert [record.kind for record in rest[1:]] == [
        *("platform.initRuntimeDone", "platform.extension", "platform.initReport"),
        *("platform.start", "platform.runtimeDone", "platform.report"),
    ]
    assert "initDurationMs" not in rest[-1].content["metrics"]
    env.wait_for('^sub subscription 200 "AlreadySubscribed"$')


@pytest.mark.rule("telemetry-api/extension-timeout")
def test_a_timeout_after_the_response_is_the_extensions(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber(then=["next", "pause", "/", "loop"])
    env = start_with(environment, told, environ=ONE_SECOND)

    assert env.invoke().json() == {}
    done = told.wait_for("platform.runtimeDone")
    env.invoke()
    report = told.wait_for("platform.report")

    assert (done.content["status"], len(done.content["spans"])) == ("success", 3)
    assert (report.content["status"], report.content["metrics"]["durationMs"]) == ("timeout", 1000.0)
    (overhead,) = report.content["spans"]
    assert overhead["name"] == "extensionOverhead"
    assert overhead["durationMs"] + done.content["metrics"]["durationMs"] == pytest.approx(1000, abs=100)


@pytest.mark.rule("telemetry-api/init-failure")
def test_a_failed_init_and_its_second_try_are_told_with_their_phases(
    subscriber: MakeSubscriber, environment: StartEnvironment, gate: Gate
) -> None:
    told = subscriber(types=["platform"])
    env = start_with(environment, told, runtime=[gate.step, "exit:1", "/", "loop"])
    env.wait_for("sub ready")
    gate.let_through()
    env.wait_for("^INIT_REPORT")

    assert env.invoke().status == 200
    told.wait_for("platform.report")

    def init(phase: str) -> list[tuple[str, str]]:
        state = "Subscribed" if phase == "init" else "Already subscribed"
        kinds = (("initStart", phase), ("telemetrySubscription", state), ("initRuntimeDone", phase))
        return [*kinds, ("extension", "Ready"), ("initReport", phase)]

    story = [
        (record.kind.removeprefix("platform."), record.content.get("phase", record.content.get("state", "")))
        for record in told.records
    ]
    assert story == [*init("init"), *init("invoke"), ("start", ""), ("runtimeDone", ""), ("report", "")]
    endings = [
        record.content for record in told.records if record.kind in ("platform.initRuntimeDone", "platform.initReport")
    ]
    assert [ending["status"] for ending in endings] == ["error", "error", "success", "success"]
    assert [ending.get("errorType") for ending in endings] == ["Runtime.ExitError", "Runtime.ExitError", None, None]
    assert "initDurationMs" not in told.of("platform.report")[0].content["metrics"]


@pytest.mark.rule("telemetry-api/two-resets")
def test_a_subscription_outlives_two_resets(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    told = subscriber(types=["platform"])
    env = start_with(environment, told, runtime=["next", "exit:1", "/", "next", "exit:2", "/", "loop"])

    for _ in range(3):
        env.invoke()
    told.wait_for("platform.report", nth=3)

    assert [record.content["status"] for record in told.of("platform.report")] == ["error", "error", "success"]
    assert len(told.of("platform.start")) == 3


# The end.


@pytest.mark.rule("telemetry-api/flush-before-shutdown")
@pytest.mark.parametrize("events", [("INVOKE", "SHUTDOWN"), ("INVOKE",)])
def test_what_is_queued_is_delivered_before_the_extension_is_told_of_the_end_or_killed(
    subscriber: MakeSubscriber, environment: StartEnvironment, events: tuple[str, ...]
) -> None:
    """The subscriber ends as soon as it gets SHUTDOWN, or is killed, and long before its time for a batch is up."""
    told = subscriber(events=events, buffering={"timeoutMs": 30_000})
    env = start_with(environment, told)
    env.invoke()
    env.wait_for("^REPORT")
    assert "platform.report" not in told.kinds

    assert env.terminate() == 0

    told.wait_for_end()
    assert [kind for kind in told.kinds if kind.startswith("platform.")][-1] == "platform.report"


@pytest.mark.rule("telemetry-api/lines-during-shutdown")
def test_lines_that_are_written_during_the_shutdown_are_delivered(
    subscriber: MakeSubscriber, environment: StartEnvironment, gate: Gate
) -> None:
    told = subscriber(events=["SHUTDOWN"], then=["next", "print:says farewell", gate.step, "exit:0"])
    env = start_with(environment, told)
    env.invoke()

    env.signal(signal.SIGTERM)
    told.wait_for_line("sub says farewell\n", "extension")
    gate.let_through()

    assert env.wait() == 0
    assert not any("Killed" in line for line in env.lines)
