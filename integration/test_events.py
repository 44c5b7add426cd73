"""Invocations of the type `Event`: accepted at once, run later, tried again, told of at their end."""

import json
import re
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import boto3
import botocore.config
import pytest

from integration.conftest import StartEnvironment
from integration.environments import INVOCATIONS, Environment
from integration.gates import Gate
from integration.http_calls import Answer
from integration.peers import RuntimePlayer
from integration.processes import wait_until

EVENT: Final = {"X-Amz-Invocation-Type": "Event"}
AT_ONCE: Final = ("--event-retry-waits", "0")
LIMIT: Final = 1024 * 1024


def send_event(env: Environment, payload: bytes = b"{}", **headers: str) -> str:
    """Have an Event accepted; its request id."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = env.invoke(payload, EVENT | fields)
    assert (answer.status, answer.body) == (202, b""), answer
    return answer.headers["x-amzn-requestid"]


def records_in(file: Path, count: int = 0) -> list[Any]:
    """What is told in *file*, when there are *count* records at least."""

    def lines() -> list[str]:
        return file.read_text().splitlines() if file.exists() else []

    wait_until(lambda: len(lines()) >= count, lambda: f"not {count} records: {lines()}")
    return [json.loads(line) for line in lines()]


def facts(record: Any) -> tuple[str, str, int]:
    """Whose record it is, how that ended, and after how many attempts."""
    context = record["requestContext"]
    return context["requestId"], context["condition"], context["approximateInvokeCount"]


def options(folder: Path, *words: str) -> Sequence[str]:
    """The options for records in *folder*."""
    places = ("--event-on-success", str(folder / "successes"), "--event-on-failure", str(folder / "failures"))
    return (*places, *words)


# What the caller is told.


@pytest.mark.rule("invoke-api/event-answers-before-start")
def test_an_event_is_answered_before_the_function_starts(environment: StartEnvironment) -> None:
    env = environment(["pause"])
    runtime = RuntimePlayer(env)

    answer = env.invoke(b'{"a": 1}', EVENT)

    assert answer.status == 202
    assert answer.headers.pop("date")
    request_id = answer.headers.pop("x-amzn-requestid")
    assert answer.headers == {"x-amzn-remapped-content-length": "0", "content-length": "0"}
    assert not any(line.startswith("START") for line in env.lines)
    delivered = runtime.next()
    assert (delivered.headers["lambda-runtime-aws-request-id"], delivered.body) == (request_id, b'{"a": 1}')
    runtime.respond(delivered)


@pytest.mark.rule("invoke-api/invoke-async")
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_old_call_is_answered_with_a_status(environment: StartEnvironment, slash: str) -> None:
    env = environment()

    answer = env.callers.request("POST", f"/2014-11-13/functions/function/invoke-async{slash}", body=b'"old"')

    assert (answer.status, answer.json()) == (202, {"Status": 202})
    env.wait_for('^runtime got .* "old"$')


@pytest.mark.rule("invoke-api/client-context-with-event")
def test_the_client_context_of_an_event_is_ignored(environment: StartEnvironment) -> None:
    env = environment(["pause"])

    send_event(env, X_Amz_Client_Context="{ no base64")

    delivered = RuntimePlayer(env).next()
    assert "lambda-runtime-client-context" not in delivered.headers


@pytest.mark.rule("invoke-api/event-body-limit")
def test_an_event_may_have_one_mebibyte(environment: StartEnvironment) -> None:
    env = environment(["next", "respond:{}", "loop"])
    largest = b'"' + b"x" * (LIMIT - 2) + b'"'

    def refusal(answer: Answer) -> tuple[int, str]:
        return answer.status, answer.headers["x-amzn-errortype"]

    assert send_event(env, largest)
    assert refusal(env.invoke(largest + b" ", EVENT)) == (413, "RequestTooLargeException")
    env.wait_for(f'^runtime got [-0-9a-f]+ "x{{{LIMIT - 2}}}"$')


def test_an_event_that_is_not_json_is_refused(environment: StartEnvironment) -> None:
    answer = environment().invoke(b"{nonsense", EVENT)

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")


def test_boto3_sends_events_in_both_ways(environment: StartEnvironment) -> None:
    env = environment()
    client = boto3.client(
        "lambda",
        endpoint_url="http://127.0.0.1:8080",
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )

    new = env.run_inside(client.invoke, FunctionName="function", InvocationType="Event", Payload=b'"new"')
    old = env.run_inside(client.invoke_async, FunctionName="function", InvokeArgs=b'"old"')

    assert (new["StatusCode"], new["Payload"].read()) == (202, b"")
    assert old["Status"] == 202
    env.wait_for('^runtime got .* "old"$')


# Attempts.


@pytest.mark.rule("invoke-api/event-keeps-request-id")
@pytest.mark.rule("invoke-api/event-failure-record")
def test_an_event_that_fails_three_times_ends_in_the_failure_record(
    environment: StartEnvironment, tmp_path: Path
) -> None:
    env = environment(["pause"], options=options(tmp_path, *AT_ONCE))
    runtime = RuntimePlayer(env)
    request_id = send_event(env, b'{"order": 17}')

    attempts = []
    for _ in range(3):
        attempts.append(runtime.next())
        runtime.fail(attempts[-1], b'{"errorType": "Broken"}')
    runtime.start_next()

    (record,) = records_in(tmp_path / "failures", 1)
    assert facts(record) == (request_id, "RetriesExhausted", 3)
    assert (record["requestPayload"], record["responsePayload"]) == ({"order": 17}, {"errorType": "Broken"})
    assert {attempt.headers["lambda-runtime-aws-request-id"] for attempt in attempts} == {request_id}
    assert len({attempt.headers["lambda-runtime-invocation-id"] for attempt in attempts}) == 3
    assert not (tmp_path / "successes").exists()


@pytest.mark.rule("invoke-api/event-retries")
@pytest.mark.parametrize("failure", ["error:Function.Broken", "exit:1", "pause"], ids=["error", "crash", "timeout"])
def test_whatever_the_function_fails_is_tried_again(
    environment: StartEnvironment, tmp_path: Path, failure: str
) -> None:
    env = environment(
        ["next", failure, "/", "loop"] if failure != "error:Function.Broken" else ["next", failure, "loop"],
        environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"},
        options=options(tmp_path, *AT_ONCE),
    )

    request_id = send_event(env)

    assert list(map(facts, records_in(tmp_path / "successes", 1))) == [(request_id, "Success", 2)]


def test_retries_wait_for_as_long_as_is_chosen(environment: StartEnvironment) -> None:
    """The other invocation comes between, because the environment is free meanwhile."""
    env = environment(["next", "error:Function.Broken", "loop"], options=["--event-retry-waits", "1"])
    env.wait_for("^runtime ready")

    send_event(env, b'"event"')
    env.wait_for("^runtime ready", 2)
    env.invoke(b'"other"')
    env.wait_for('^runtime got .*"event"$', 2)

    got = [match[1] for line in env.lines if (match := re.match(r'runtime got \S+ "(\w+)"', line))]
    assert got == ["event", "other", "event"]


def test_an_event_without_a_failure_record_is_not_given_up_silently(environment: StartEnvironment) -> None:
    env = environment(["next", "error:Function.Broken", "loop"], options=["--event-retries", "0"])

    request_id = send_event(env)

    env.wait_for(
        f"^supervisor: The invocation {request_id}, which its caller does not wait for, "
        "is given up after 1 attempt: RetriesExhausted$"
    )


# Who comes first.


def test_whoever_waits_for_an_answer_comes_before_all_events(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["next", gate.step, "respond", "loop"])
    answer = env.start_invoke(b'"first"')
    env.wait_for("^runtime holds")
    for number in range(3):
        send_event(env, b'"event %d"' % number)
    waiting = env.send_invoke(b'"caller"')

    gate.let_through()

    assert answer.result().status == 200
    env.wait_for('^runtime got .*"event 2"$')
    got = [match[1] for line in env.lines if (match := re.match(r'runtime got \S+ "([\w ]+)"', line))]
    assert got == ["first", "caller", "event 0", "event 1", "event 2"]
    waiting.close()


def test_events_take_no_place_in_the_line_of_those_who_wait(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["next", gate.step, "respond", "loop"], options=["--queue-size", "1"])
    first = env.start_invoke()
    env.wait_for("^runtime holds")
    for number in range(20):
        send_event(env, b"%d" % number)

    second = env.send_invoke()
    throttled = env.invoke()
    gate.let_through()

    assert (first.result().status, throttled.status) == (200, 429)
    env.wait_for("^runtime got .* 19$")
    second.close()


# Destinations.


def test_a_record_may_go_to_a_server(environment: StartEnvironment) -> None:
    """The server is the function itself, which is invoked with the record."""
    env = environment(
        ["next", "error:Function.Broken", "loop"],
        options=["--event-retries", "0", "--event-on-failure", f"http://localhost:8080{INVOCATIONS}"],
    )

    request_id = send_event(env)

    line = env.wait_for(r'^runtime got \S+ (\{"version".*)$')
    assert facts(json.loads(line[1])) == (request_id, "RetriesExhausted", 1)


# The end.


def test_a_shutdown_waits_for_accepted_events_and_for_no_retry(environment: StartEnvironment, tmp_path: Path) -> None:
    env = environment(["next", "error:Function.Broken", "loop"], options=options(tmp_path))
    failing = send_event(env)
    env.wait_for("^END")
    env.wait_for("^runtime ready", 2)

    assert env.terminate() == 0

    assert list(map(facts, records_in(tmp_path / "successes"))) == [(failing, "Success", 2)]


def test_what_a_shutdown_cannot_wait_for_ends_in_the_failure_record(
    environment: StartEnvironment, tmp_path: Path
) -> None:
    env = environment(["next", "pause"], options=options(tmp_path, "--event-drain-timeout", "0.5"))
    under_way, waiting = send_event(env), send_event(env)
    env.wait_for("^runtime got")

    assert env.terminate() == 0

    told = [facts(record) for record in records_in(tmp_path / "failures")]
    assert told == [(under_way, "EventAgeExceeded", 1), (waiting, "EventAgeExceeded", 0)]


def test_without_a_destination_what_a_shutdown_cannot_wait_for_is_shown(environment: StartEnvironment) -> None:
    env = environment(["next", "pause"], options=["--event-drain-timeout", "0"])
    under_way, waiting = send_event(env), send_event(env)
    env.wait_for("^runtime got")

    assert env.terminate() == 0

    for request_id, attempts in ((under_way, "1 attempt"), (waiting, "0 attempts")):
        env.wait_for(f"The invocation {request_id}, .* is given up after {attempts}: EventAgeExceeded$")


ENDS_WHEN_IDLE: Final = ("--idle-timeout", "0.1", "--idle-action", "exit")


@pytest.mark.rule("lifecycle/idle-timeout")
def test_the_end_after_an_idle_timeout_waits_for_accepted_events_and_for_no_retry(
    environment: StartEnvironment, tmp_path: Path, gate: Gate
) -> None:
    env = environment([gate.step, "next", "error:Function.Broken", "loop"], options=options(tmp_path, *ENDS_WHEN_IDLE))
    failing = send_event(env)

    gate.let_through()

    assert env.wait() == 0
    assert list(map(facts, records_in(tmp_path / "successes"))) == [(failing, "Success", 2)]


@pytest.mark.rule("lifecycle/idle-timeout")
def test_the_end_after_an_idle_timeout_does_not_wait_for_events_that_are_kept(
    environment: StartEnvironment, tmp_path: Path, gate: Gate
) -> None:
    words = options(tmp_path, "--event-dir", str(tmp_path / "events"))
    first = environment([gate.step, "next", "error:Function.Broken", "loop"], options=[*words, *ENDS_WHEN_IDLE])
    failing = send_event(first)

    gate.let_through()

    assert first.wait() == 0
    assert not (tmp_path / "successes").exists()
    with closing(sqlite3.connect(tmp_path / "events" / "events.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE accepted SET due = due - 60")
    environment(options=words)
    assert list(map(facts, records_in(tmp_path / "successes", 1))) == [(failing, "Success", 2)]


def test_a_shutdown_that_waits_takes_nothing_new_and_can_be_hurried(environment: StartEnvironment) -> None:
    env = environment(["next", "pause"], options=["--event-drain-timeout", "600"])
    send_event(env)
    env.wait_for("^runtime got")

    env.signal(signal.SIGTERM)
    wait_until(lambda: env.invoke(b"{", EVENT).status == 400 and env.invoke(headers=EVENT).status == 500, str)
    assert env.invoke().status == 500
    env.signal(signal.SIGINT)

    assert env.wait() == 128 + signal.SIGINT


# What outlives the supervisor.


@pytest.mark.rule("invoke-api/event-survives")
def test_a_hundred_events_survive_the_death_of_the_supervisor(environment: StartEnvironment, tmp_path: Path) -> None:
    """Thirty are done when it is killed, one is under way, the others wait."""
    words = options(tmp_path, "--event-dir", str(tmp_path / "events"))
    first = environment([*["next", "respond"] * 30, "next", "pause"], options=words)
    accepted = [send_event(first, b"%d" % number) for number in range(100)]
    first.wait_for("^runtime got", 31)
    done_first = len(records_in(tmp_path / "successes", 29))

    first.signal(signal.SIGKILL)
    first.wait()
    second = environment(options=words)
    records = records_in(tmp_path / "successes", 100)
    assert second.terminate() == 0

    assert done_first in (29, 30)
    runs = dict.fromkeys(accepted, 0)
    for env in (first, second):
        for line in env.lines:
            if match := re.match(r"runtime got (\S+)", line):
                runs[match[1]] += 1
    told = {request_id: count for request_id, _, count in map(facts, records)}
    assert set(told) == set(accepted)
    assert min(runs.values()) == 1
    assert all(count == runs[request_id] for request_id, count in told.items())
    assert runs[accepted[30]] == 2


def test_a_shutdown_does_not_wait_for_events_that_are_kept(environment: StartEnvironment, tmp_path: Path) -> None:
    words = options(tmp_path, "--event-dir", str(tmp_path / "events"), "--event-drain-timeout", "600")
    first = environment(["next", "pause"], options=words)
    under_way, waiting = send_event(first), send_event(first)
    first.wait_for("^runtime got")

    assert first.terminate() == 0
    second = environment(options=words)
    records = records_in(tmp_path / "successes", 2)
    assert second.terminate() == 0

    assert sorted(map(facts, records)) == sorted([(under_way, "Success", 2), (waiting, "Success", 1)])


@pytest.mark.rule("invoke-api/event-maximum-age")
def test_an_event_that_became_too_old_is_given_up(environment: StartEnvironment, tmp_path: Path) -> None:
    words = options(tmp_path, "--event-dir", str(tmp_path / "events"), "--event-maximum-age", "60")
    first = environment(["next", "pause"], options=words)
    send_event(first)
    first.wait_for("^runtime got")
    waiting = send_event(first)
    first.terminate()
    with closing(sqlite3.connect(tmp_path / "events" / "events.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE accepted SET accepted_at = accepted_at - 100 WHERE attempts = 0")

    environment(options=words)

    assert list(map(facts, records_in(tmp_path / "failures", 1))) == [(waiting, "EventAgeExceeded", 0)]


@pytest.mark.rule("invoke-api/event-maximum-age")
def test_an_event_is_given_up_in_time_also_where_it_never_could_have_run(
    environment: StartEnvironment, tmp_path: Path
) -> None:
    """Nobody is idle in an Init that does not end."""
    words = [*options(tmp_path, "--event-dir", str(tmp_path / "events")), "--event-maximum-age", "60"]
    first = environment(["pause"], options=words)
    waiting = send_event(first)
    first.terminate()
    with closing(sqlite3.connect(tmp_path / "events" / "events.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE accepted SET accepted_at = accepted_at - 58")

    environment(["pause"], options=[*words, "--init-timeout", "600"])

    assert list(map(facts, records_in(tmp_path / "failures", 1))) == [(waiting, "EventAgeExceeded", 0)]


def test_a_record_that_nobody_took_is_delivered_in_the_next_life(environment: StartEnvironment, tmp_path: Path) -> None:
    words = options(tmp_path / "missing", "--event-dir", str(tmp_path / "events"))
    first = environment(options=words)
    request_id = send_event(first)
    first.wait_for("^REPORT")
    assert first.terminate() == 0
    tmp_path.joinpath("missing").mkdir()

    second = environment(options=words)
    assert list(map(facts, records_in(tmp_path / "missing" / "successes", 1))) == [(request_id, "Success", 1)]
    assert second.terminate() == 0

    assert not any(line.startswith("runtime got") for line in second.lines)


def test_a_folder_of_another_supervisor_is_refused(environment: StartEnvironment, tmp_path: Path) -> None:
    words = ["--event-dir", str(tmp_path / "events")]
    environment(options=words)

    second = environment(options=words, first_line="^supervisor: ")

    assert second.wait() == 1
    assert second.lines == [
        f"supervisor: cannot keep accepted invocations in {tmp_path}/events/events.sqlite3: another supervisor uses it"
    ]


def test_a_request_id_may_come_twice(environment: StartEnvironment, tmp_path: Path) -> None:
    env = environment(options=options(tmp_path, "--event-dir", str(tmp_path / "events")))
    request_id = str(uuid4())

    for _ in range(2):
        send_event(env, X_Amzn_RequestId=request_id)

    assert list(map(facts, records_in(tmp_path / "successes", 2))) == [(request_id, "Success", 1)] * 2
