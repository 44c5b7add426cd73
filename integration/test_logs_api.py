"""The Logs API beside the Telemetry API, and who may subscribe to either, and when."""

import json
import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest

from integration.conftest import StartEnvironment, unfrozen
from integration.environments import Environment, Setup, running
from integration.http_calls import PATIENCE, Answer
from integration.peers import IDLE, ExtensionPlayer, refusal
from integration.subscribers import MakeSubscriber, Subscriber, subscription_body

LOGS = "/2020-08-15/logs"
TELEMETRY = "/2022-07-01/telemetry"
BODIES = {LOGS: subscription_body(schema=""), TELEMETRY: subscription_body()}

UNHURRIED = ("--init-timeout", "600")
"""For a test that takes its time during Init."""


@pytest.fixture
def environment(environment: StartEnvironment) -> StartEnvironment:
    """What is told here need not wait for the next invocation."""
    return unfrozen(environment)


def subscribe(env: Environment, path: str, identifier: str | None, body: bytes | None = None) -> Answer:
    headers = {} if identifier is None else {"Lambda-Extension-Identifier": identifier}
    return env.peers.request("PUT", path, headers, BODIES[path.rstrip("/")] if body is None else body)


@pytest.fixture(scope="module")
def in_init(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment whose runtime asks for nothing, so that internal extensions may register."""
    with running(tmp_path_factory.mktemp("environment"), Setup(["pid", "pause"], options=UNHURRIED)) as environment:
        environment.wait_for("runtime pid")
        yield environment


# Who may subscribe.


@pytest.mark.rule("telemetry-api/identifier-missing")
@pytest.mark.rule("telemetry-api/identifier-not-uuid")
@pytest.mark.rule("telemetry-api/identifier-unknown")
@pytest.mark.rule("telemetry-api/refusal-body")
@pytest.mark.rule("extensions-api/telemetry-without-identifier")
@pytest.mark.parametrize("path", [TELEMETRY, LOGS])
def test_a_subscription_without_a_known_identifier_is_refused(in_init: Environment, path: str) -> None:
    unknown = str(uuid4())

    refused = [subscribe(in_init, path, identifier) for identifier in (None, "", "me", unknown)]

    assert {(answer.status, answer.headers["content-type"]) for answer in refused} == {(403, "application/json")}
    missing = (
        b'{"errorMessage":"Missing Lambda-Extension-Identifier header",'
        b'"errorType":"Extension.MissingExtensionIdentifier"}\n'
    )
    assert [answer.body for answer in refused] == [
        *(missing, missing),
        b'{"errorMessage":"Invalid Lambda-Extension-Identifier","errorType":"Extension.InvalidExtensionIdentifier"}\n',
        b'{"errorMessage":"Unknown extension %b","errorType":"Extension.UnknownExtensionIdentifier"}\n'
        % unknown.encode(),
    ]


@pytest.mark.rule("telemetry-api/path-with-slash")
@pytest.mark.rule("telemetry-api/no-content-type")
@pytest.mark.parametrize("path", [TELEMETRY, LOGS])
def test_a_path_may_end_with_a_slash_and_a_request_needs_no_content_type(in_init: Environment, path: str) -> None:
    extension = ExtensionPlayer(in_init, f"asks {path}")
    extension.register()

    answers = [subscribe(in_init, one, extension.identifier) for one in (f"{path}/", path)]

    assert [(answer.status, answer.body) for answer in answers] == [(200, b'"OK"'), (200, b'"AlreadySubscribed"')]
    in_init.wait_for(
        rf"^(TELEMETRY|LOGS)\tName: asks {path}\tState: Subscribed\tTypes: \[Platform, Function, Extension\]"
    )
    in_init.wait_for(rf"^(TELEMETRY|LOGS)\tName: asks {path}\tState: Already subscribed\t")


@pytest.mark.rule("telemetry-api/other-api-after-success")
def test_an_extension_stays_with_the_api_that_it_chose(in_init: Environment) -> None:
    extension = ExtensionPlayer(in_init, "undecided")
    extension.register()

    assert refusal(subscribe(in_init, LOGS, extension.identifier, b"[]")) == (400, "Logs.DeserializationError")
    assert subscribe(in_init, TELEMETRY, extension.identifier).status == 200
    answer = subscribe(in_init, LOGS, extension.identifier)

    assert answer.status == 400
    assert answer.body == (
        b'{"errorType":"Logs.AccessDenied","errorMessage":"The extension undecided is already subscribed to the '
        b'TelemetryAPI. You must either subscribe to the LogsAPI or the TelemetryAPI"}'
    )


@pytest.mark.rule("telemetry-api/internal-extension")
@pytest.mark.rule("telemetry-api/tcp-without-listener")
def test_an_internal_extension_subscribes_like_an_external_one(in_init: Environment) -> None:
    extension = ExtensionPlayer(in_init, "internal")
    extension.register(["INVOKE"])
    body = subscription_body(4300, protocol="TCP", types=["platform"])

    assert subscribe(in_init, TELEMETRY, extension.identifier, body).status == 200

    with in_init.run_inside(socket.create_server, ("127.0.0.1", 4300)) as listener:
        listener.settimeout(PATIENCE)
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            first = json.loads(next(stream))
            own = next(record for record in map(json.loads, stream) if record["record"].get("name") == "internal")
    assert first["type"] == "platform.initStart"
    assert own["type"] == "platform.telemetrySubscription"


@pytest.mark.rule("telemetry-api/subscription-open-for-slow-sibling")
@pytest.mark.rule("telemetry-api/subscription-closed")
def test_one_may_subscribe_until_the_last_extension_has_asked_for_an_event(environment: StartEnvironment) -> None:
    env = environment(["loop"], {"fast": IDLE, "slow": IDLE}, options=UNHURRIED)
    fast, slow = ExtensionPlayer(env, "fast"), ExtensionPlayer(env, "slow")
    fast.register()
    slow.register()
    fast.start_next()
    env.wait_for("^runtime ready")

    assert subscribe(env, TELEMETRY, fast.identifier).status == 200
    assert subscribe(env, LOGS, slow.identifier).status == 200
    slow.start_next()
    assert env.invoke().status == 200

    for path, api in ((TELEMETRY, "Telemetry"), (LOGS, "Logs")):
        for body in (BODIES[path], b"{no json", b""):
            answer = subscribe(env, path, fast.identifier, body)
            message = f"{api} API subscription is closed already"
            assert answer.status == 403
            assert answer.json() == {"errorMessage": message, "errorType": f"{api}.SubscriptionClosed"}
            assert answer.body.startswith(b'{"errorMessage":')
            assert answer.body.endswith(b"}\n")


# Both APIs side by side.


def side_by_side(subscriber: MakeSubscriber, **common: object) -> tuple[Subscriber, Subscriber]:
    telemetry = subscriber("telemetry", port=4243, **common)
    return telemetry, subscriber("logs", port=4244, api="logs", schema="2021-03-18", **common)


@pytest.mark.rule("telemetry-api/both-apis-at-once")
def test_either_api_has_its_own_events(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    telemetry, logs = side_by_side(subscriber, types=["platform"])
    env = environment(extensions={one.name: one.file for one in (telemetry, logs)})

    env.invoke()

    report, logs_report = telemetry.wait_for("platform.report"), logs.wait_for("platform.report")
    assert logs.kinds == [
        *("platform.logsSubscription", "platform.extension", "platform.extension"),
        *("platform.start", "platform.runtimeDone", "platform.end", "platform.report"),
    ]
    assert not {"platform.end", "platform.fault", "platform.logsSubscription"} & set(telemetry.kinds)
    assert [one.content["name"] for one in telemetry.of("platform.telemetrySubscription")] == ["telemetry"]
    assert logs_report.content == {key: report.content[key] for key in ("requestId", "metrics")}
    assert logs.wait_for("platform.runtimeDone").content == {
        "requestId": report.content["requestId"],
        "status": "success",
    }


@pytest.mark.rule("telemetry-api/runtime-exit")
@pytest.mark.parametrize("end", ["exit:1", "kill:SIGKILL", "kill:SIGSEGV"])
def test_a_runtime_that_ends_is_an_error_and_in_the_logs_api_a_fault(
    subscriber: MakeSubscriber, environment: StartEnvironment, end: str
) -> None:
    telemetry, logs = side_by_side(subscriber, types=["platform"])
    env = environment(["next", end, "/", "loop"], {one.name: one.file for one in (telemetry, logs)})

    failed = env.invoke().headers["x-amzn-requestid"]
    env.invoke()

    done, report = telemetry.wait_for("platform.runtimeDone"), telemetry.wait_for("platform.report")
    for record in (done, report):
        assert record.content["requestId"] == failed
        assert (record.content["status"], record.content["errorType"]) == ("error", "Runtime.ExitError")
    assert "spans" not in done.content
    fault = logs.wait_for("platform.fault")
    assert fault.content == f"RequestId: {failed}\tStatus: error\tErrorType: Runtime.ExitError\n"
    assert "platform.fault" not in telemetry.kinds
    story = [record for record in logs.records if failed in str(record.content)]
    assert [record.kind.removeprefix("platform.") for record in story] == [
        "start",
        "runtimeDone",
        "fault",
        "end",
        "report",
    ]
    assert story[1].content == {"requestId": failed, "status": "failure"}
    assert len({record.time for record in story[2:]}) == 1


@pytest.mark.rule("telemetry-api/schema-version-missing")
def test_a_logs_subscriber_without_a_schema_version_gets_the_oldest(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    """As an extension does that is older than schema versions."""
    told = subscriber(api="logs", schema="")
    env = environment(["loop"], {"sub": told.file})

    env.invoke(b'"text"')

    told.wait_for("platform.report")
    assert [kind for kind in told.kinds if kind.startswith("platform.")] == [
        *("platform.logsSubscription", "platform.extension", "platform.start", "platform.end", "platform.report")
    ]
    assert "runtime status 202\n" in [record.content for record in told.of("function")]
    assert {type(record.content) for record in told.records if record.kind in ("function", "extension")} == {str}
