"""SnapStart: Init ends at a snapshot, and the first invocation begins with its restore."""

import json
import sys
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment
from integration.processes import wait_until
from integration.subscribers import MakeSubscriber

SNAP_START = ("--init", "snap-start")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session"}
LOOP = ("register:INVOKE,SHUTDOWN", "loop")

PLATFORM_LINES = ("INIT_START", "INIT_REPORT", "RESTORE_START", "RESTORE_REPORT", "START", "END", "REPORT")


def platform_lines(env: Environment) -> list[str]:
    return [line.split()[0] for line in env.lines if line.split()[0] in PLATFORM_LINES]


def wait_for_text(file: Path) -> str:
    """What is written in *file*, as soon as that is something."""
    wait_until(lambda: file.exists() and file.stat().st_size > 0, lambda: f"{file} is empty")
    return file.read_text()


@pytest.mark.rule("lifecycle/restore-before-first-invocation")
@pytest.mark.rule("lifecycle/restore-lines")
@pytest.mark.rule("lifecycle/restore-duration-on-first-report")
def test_the_first_invocation_begins_with_the_restore(environment: StartEnvironment) -> None:
    env = environment(["restore", "loop"], {"ext": LOOP}, options=SNAP_START)
    env.wait_for("^INIT_REPORT Init Duration: .* ms\tPhase: init$")
    env.wait_until_frozen()
    before = [line for line in env.lines if line.startswith("runtime ")]

    answers = [env.invoke(b"1").body, env.invoke(b"2").body]

    assert answers == [b"1", b"2"]
    assert before == ["runtime ready for a snapshot"]
    env.wait_for("^runtime restored status 200$")
    first, second = (env.wait_for("^REPORT", nth).string for nth in (1, 2))
    assert "Init Duration" not in first
    assert "\tRestore Duration: " in first
    assert "\tBilled Restore Duration: " in first
    assert "Restore Duration" not in second
    assert platform_lines(env) == [
        *("INIT_START", "INIT_REPORT", "RESTORE_START", "RESTORE_REPORT", "START", "END", "REPORT"),
        *("START", "END", "REPORT"),
    ]


@pytest.mark.rule("telemetry-api/restore-records")
@pytest.mark.rule("lifecycle/initialization-type")
def test_a_restore_is_told_to_subscribers(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    told = subscriber(types=["platform"])
    env = environment(["restore", "loop"], {"sub": told.file}, options=["--no-freeze", "--enable-init-caching"])
    env.invoke()

    report = told.wait_for("platform.report").content

    kinds = [kind for kind in told.kinds if kind not in ("platform.telemetrySubscription", "platform.extension")]
    assert kinds == [
        *("platform.initStart", "platform.initRuntimeDone", "platform.initReport"),
        *("platform.restoreStart", "platform.restoreRuntimeDone", "platform.restoreReport"),
        *("platform.start", "platform.runtimeDone", "platform.report"),
    ]
    assert told.of("platform.initStart")[0].content["initializationType"] == "snap-start"
    assert told.of("platform.restoreReport")[0].content["status"] == "success"
    assert {"restoreDurationMs", "billedRestoreDurationMs"} < report["metrics"].keys()


@pytest.mark.rule("lifecycle/restore-error")
def test_a_runtime_that_fails_after_the_restore_refuses_its_caller_and_is_started_anew(
    environment: StartEnvironment,
) -> None:
    failing = ("restore", "restore-error:Runtime.AfterRestoreError", "exit:65")
    env = environment([*failing, "/", "restore", "loop"], {"ext": LOOP}, options=SNAP_START)

    failed, succeeded = env.invoke(b"1"), env.invoke(b"2")

    text = "Runtime.AfterRestoreError: Runtime exited with error: exit status 65"
    assert (failed.status, failed.json()) == (400, {"Type": "User", "Message": text})
    assert failed.headers["x-amzn-errortype"] == "SnapStartException"
    assert (succeeded.status, succeeded.body) == (200, b"2")
    env.wait_for(r"^RESTORE_REPORT .*\tStatus: error\tError Type: Runtime.AfterRestoreError$")
    env.wait_for("^INIT_START", nth=2)


@pytest.mark.rule("invoke-api/event-retries")
def test_an_event_whose_restore_fails_again_and_again_is_given_up(
    environment: StartEnvironment, tmp_path: Path
) -> None:
    places = ("--event-retry-waits", "0", "--event-on-failure", str(tmp_path / "failures"))
    env = environment(["restore", "exit:3"], options=[*SNAP_START, *places])

    env.invoke(b"1", {"X-Amz-Invocation-Type": "Event"})

    record = json.loads(wait_for_text(tmp_path / "failures"))
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 3)
    assert record["responsePayload"]["errorType"] == "SnapStartException"


@pytest.mark.rule("invoke-api/url-function-error")
@pytest.mark.parametrize("mode", ["BUFFERED", "RESPONSE_STREAM"])
def test_a_browser_is_told_of_a_restore_that_fails_as_of_any_failure_of_the_function(
    environment: StartEnvironment, mode: str
) -> None:
    address = ("--function-url-address", "127.0.0.1:8090", "--function-url-invoke-mode", mode)
    env = environment(["restore", "exit:3"], options=[*SNAP_START, *address])

    answer = env.port(8090).request("GET", "/")

    assert (answer.status, answer.body) == (502, b"Internal Server Error")


@pytest.mark.rule("runtime-api/restore-is-optional")
def test_a_runtime_may_do_without_the_restore(environment: StartEnvironment) -> None:
    env = environment(options=SNAP_START)

    assert env.invoke(b"1").body == b"1"
    assert platform_lines(env)[:3] == ["INIT_START", "INIT_REPORT", "START"]


# A real runtime, with its hooks.

HANDLER = """
import json, os, urllib.request
from snapshot_restore_py import register_after_restore, register_before_snapshot


@register_before_snapshot
def before():
    print("before the snapshot", flush=True)


@register_after_restore
def after():
    print("after the restore", flush=True)


def handle(event, context):
    url = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": token})) as answer:
        return {"keys": json.load(answer), "key": os.environ.get("AWS_ACCESS_KEY_ID")}
"""


@pytest.mark.rule("runtime-api/credentials")
@pytest.mark.rule("lifecycle/no-keys-in-snapshot")
def test_awslambdaric_runs_its_hooks_and_gets_its_keys(environment: StartEnvironment) -> None:
    env = environment(
        command=[sys.executable, "-m", "awslambdaric", "app.handle"],
        files={"app.py": HANDLER},
        environ=KEYS,
        options=SNAP_START,
    )
    env.wait_for("^before the snapshot$")
    env.wait_until_frozen()

    answer = json.loads(env.invoke().body)

    keys = answer["keys"]
    assert (answer["key"], keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"]) == (None, *KEYS.values())
    lines = [line for line in env.lines if line.startswith(("INIT_REPORT", "before", "RESTORE", "after", "START"))]
    assert [line.split()[0] for line in lines] == [
        *("before", "INIT_REPORT", "RESTORE_START", "after", "RESTORE_REPORT", "START")
    ]
