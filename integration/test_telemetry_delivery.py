"""Deliveries to subscribers as they are in the wild: good ones lose nothing, bad ones cost nobody but themselves."""

import statistics
import time

import pytest

from integration.conftest import StartEnvironment, unfrozen
from integration.environments import Environment
from integration.gates import Gate
from integration.processes import status_of, wait_until
from integration.subscribers import MakeSubscriber

BAD: dict[str, dict[str, str]] = {
    "never answers": {"manner": "silent"},
    "answers 500": {"manner": "fails"},
    "answers 400": {"manner": "refuses"},
    "dies": {"manner": "dies"},
    "reads a byte a second": {"manner": "slow"},
    "never reads": {"manner": "silent", "protocol": "TCP"},
}

LISTENS_NOT = ("register:INVOKE,SHUTDOWN", "loop")
"""The script of an extension that subscribes to nothing."""

MEGABYTES = 1024  # VmRSS is in KiB


@pytest.fixture
def environment(environment: StartEnvironment) -> StartEnvironment:
    """What is told here need not wait for the next invocation."""
    return unfrozen(environment)


def resident(env: Environment) -> int:
    """The memory of the supervisor in KiB."""
    return int(status_of(env.pid)["VmRSS"].split()[0])


# Good subscribers.


@pytest.mark.rule("telemetry-api/tcp-with-listener")
def test_a_tcp_subscriber_gets_a_record_a_line(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    told = subscriber(protocol="TCP", types=["platform"])
    env = environment(extensions={"sub": told.file})

    env.invoke()

    told.wait_for("platform.report")
    assert [told.kinds[0], told.kinds[-1]] == ["platform.initStart", "platform.report"]


@pytest.mark.rule("telemetry-api/retry-keeps-order")
def test_a_subscriber_that_fails_at_first_misses_nothing(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber(manner="fails-twice", types=["platform"])
    env = environment(extensions={"sub": told.file})

    env.invoke()
    told.wait_for("platform.report")

    assert [kind for kind in told.kinds if kind != "platform.telemetrySubscription"] == [
        *("platform.initStart", "platform.initRuntimeDone", "platform.extension", "platform.initReport"),
        *("platform.start", "platform.runtimeDone", "platform.report"),
    ]


@pytest.mark.rule("telemetry-api/receiver-logs-its-batches")
def test_a_subscriber_that_logs_its_batches_is_told_of_that_and_of_everything_else(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber(manner="logs")
    env = environment(extensions={"sub": told.file})

    for nth in (1, 2, 3):
        env.invoke()
        told.wait_for("platform.report", nth)
    env.wait_for("^sub took", nth=20)

    assert any(record.content.startswith("sub took") for record in told.of("extension"))


# Bad ones.


@pytest.mark.rule("telemetry-api/subscriber-never-reads")
@pytest.mark.rule("telemetry-api/refusing-subscriber")
def test_bad_subscribers_slow_no_invocation_down(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    """Every environment in turn, so that whatever else this machine does, it does to all of them."""
    unhindered = environment(["loop"], {"ext": LISTENS_NOT})
    hindered = {
        what: environment(["loop"], {"ext": subscriber(what.replace(" ", "-"), **how).file})
        for what, how in BAD.items()
    }
    environments = {"nobody listens": unhindered, **hindered}
    for env in environments.values():
        env.invoke()
    memory = {what: resident(env) for what, env in environments.items()}
    durations: dict[str, list[float]] = {what: [] for what in environments}

    for _ in range(200):
        for what, env in environments.items():
            start = time.perf_counter()
            assert env.invoke().status == 200
            durations[what].append(time.perf_counter() - start)

    usual = statistics.median(durations.pop("nobody listens"))
    ratios = {what: statistics.median(one) / usual for what, one in durations.items()}
    assert max(ratios.values()) < 3, ratios
    growth = {what: (resident(env) - memory[what]) / MEGABYTES for what, env in environments.items()}
    assert max(growth.values()) < 24, growth


@pytest.mark.rule("telemetry-api/subscriber-never-reads")
@pytest.mark.rule("telemetry-api/logs-dropped-for-every-type")
def test_what_a_subscriber_missed_is_counted_when_it_listens_again(
    subscriber: MakeSubscriber, environment: StartEnvironment, gate: Gate
) -> None:
    told = subscriber(manner="late", types=["function"], before=[f"gate:{gate.path}"], buffering={"maxItems": 1000})
    chatty = [*["print:x"] * 700, "respond"]
    env = environment(["next", *chatty, "next", *chatty, "next", *chatty, "next", *chatty, "loop"], {"sub": told.file})
    for nth in (1, 2, 3, 4):
        env.invoke()
        env.wait_for("^REPORT", nth)
    assert not told.records
    gate.let_through()

    def accounted_for() -> int:
        dropped: list[int] = [record.content["droppedRecords"] for record in told.of("platform.logsDropped")]
        assert dropped == sorted(dropped)
        return len(told.of("function")) + sum(dropped[-1:])

    def written() -> int:
        return sum(line.startswith("runtime ") for line in env.lines)

    wait_until(lambda: accounted_for() == written(), lambda: f"{accounted_for()} of {written()}")
    dropped = told.wait_for("platform.logsDropped").content
    assert dropped["droppedRecords"] > 0
    assert dropped["droppedBytes"] >= 90 * dropped["droppedRecords"]


@pytest.mark.rule("telemetry-api/subscriber-never-reads")
def test_the_log_itself_loses_nothing_to_a_bad_subscriber(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber(manner="silent")
    words = ["next", *[f"print:{number}" for number in range(3000)], "respond", "loop"]
    env = environment(words, {"sub": told.file})

    env.invoke()

    # The caller's answer does not wait for the log.
    env.wait_for("^runtime 2999$")
    assert [line for line in env.lines if line.removeprefix("runtime ").isdigit()] == [
        f"runtime {number}" for number in range(3000)
    ]
    assert resident(env) < 100 * MEGABYTES
