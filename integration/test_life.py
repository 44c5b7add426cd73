"""When an environment begins and ends: Init on demand or ahead of the first invocation, and the idle timeout."""

import json
import re

import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment
from integration.processes import wait_until
from integration.subscribers import MakeSubscriber

LOOP = ("register:INVOKE,SHUTDOWN", "loop")


def platform_lines(env: Environment) -> list[str]:
    words = ("INIT_START", "INIT_REPORT", "START", "END", "REPORT")
    return [line.split()[0] for line in env.lines if line.split()[0] in words]


@pytest.mark.rule("lifecycle/init-on-demand")
def test_on_demand_nothing_is_started_before_the_first_invocation(environment: StartEnvironment) -> None:
    env = environment(
        extensions={"ext": LOOP},
        options=["--init", "on-demand", "--log-level", "info"],
        first_line="The runtime and the extensions call at",
    )
    before = (env.processes(), platform_lines(env))

    env.invoke()

    assert before == (set(), [])
    env.wait_for(r"^REPORT .*\tInit Duration: ")
    assert platform_lines(env) == ["INIT_START", "START", "END", "REPORT"]


@pytest.mark.rule("lifecycle/init-on-demand")
def test_an_init_on_demand_that_fails_is_done_again_in_the_invocation(environment: StartEnvironment) -> None:
    env = environment(
        ["exit:1", "/", "loop"],
        options=["--init", "on-demand", "--log-level", "info"],
        first_line="The runtime and the extensions call at",
    )

    assert env.invoke(b"1").body == b"1"
    assert "Init Duration" not in env.wait_for("^REPORT").string
    assert platform_lines(env) == ["INIT_START", "INIT_REPORT", "START", "END", "REPORT"]


@pytest.mark.rule("lifecycle/initialization-type")
@pytest.mark.rule("lifecycle/init-report-ahead")
def test_with_provisioned_concurrency_everybody_is_told_so(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber(types=["platform"], before=["environ"])
    env = environment(
        ["environ", "loop"], {"sub": told.file}, options=["--no-freeze", "--init", "provisioned-concurrency"]
    )

    env.wait_for(r"^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init$")
    told.wait_for("platform.initReport")

    kinds = ("platform.initStart", "platform.initRuntimeDone", "platform.initReport")
    types = [record.content["initializationType"] for kind in kinds for record in told.of(kind)]
    for name in ("runtime", "sub"):
        environ = json.loads(env.wait_for(f"^{name} environ (.*)$")[1])
        types.append(environ["AWS_LAMBDA_INITIALIZATION_TYPE"])
    assert types == ["provisioned-concurrency"] * 5


@pytest.mark.rule("lifecycle/idle-timeout")
def test_after_the_idle_timeout_the_next_invocation_begins_a_fresh_environment(environment: StartEnvironment) -> None:
    env = environment(["pid", "loop"], {"ext": LOOP}, options=["--idle-timeout", "0.1"])
    env.wait_for("^ext got SHUTDOWN spindown")
    wait_until(lambda: not env.processes(), lambda: env.output.text)

    answer = env.invoke(b"1")

    assert answer.body == b"1"
    env.wait_for("^INIT_START", nth=2)
    report = env.wait_for(f"^REPORT RequestId: {answer.headers['x-amzn-requestid']}").string
    assert re.search(r"\tInit Duration: ", report)


@pytest.mark.rule("lifecycle/idle-timeout")
@pytest.mark.parametrize("freeze", [[], ["--no-freeze"]])
def test_the_idle_timeout_may_end_the_supervisor(environment: StartEnvironment, freeze: list[str]) -> None:
    env = environment(
        ["on-sigterm:exit", "loop"],
        {"ext": LOOP},
        options=["--idle-timeout", "0.1", "--idle-action", "exit", *freeze],
    )

    assert env.wait() == 0
    assert env.lines[-2] == "runtime got SIGTERM"
    assert env.lines[-1].startswith("ext got SHUTDOWN spindown ")


@pytest.mark.rule("lifecycle/idle-timeout")
def test_the_idle_timeout_ends_a_supervisor_that_was_never_asked_for_anything(environment: StartEnvironment) -> None:
    env = environment(
        options=["--idle-timeout", "0.1", "--idle-action", "exit", "--init", "on-demand", "--log-level", "info"],
        first_line="The runtime and the extensions call at",
    )

    assert env.wait() == 0
    assert platform_lines(env) == []
