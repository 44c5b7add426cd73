"""Extensions: their registration, their events and their errors, on the wire and as processes."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment, Setup, extension_file, running
from integration.gates import Gate
from integration.peers import EXTENSION_NEXT, IDLE, ExtensionPlayer, RuntimePlayer, refusal

LOOP = ("register:INVOKE,SHUTDOWN", "loop")
"""The script of an extension that does all that is asked of it."""

UNHURRIED = ("--init-timeout", "600")
"""For a test that takes its time during Init."""


@pytest.fixture(scope="module")
def in_init(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment whose runtime asks for nothing: internal extensions may register, ten in all."""
    setup = Setup(["pid", "pause"], options=UNHURRIED)
    with running(tmp_path_factory.mktemp("environment"), setup) as environment:
        environment.wait_for("runtime pid")
        yield environment


# Registration.


@pytest.mark.rule("extensions-api/register-empty-body")
@pytest.mark.rule("extensions-api/register-list")
@pytest.mark.rule("extensions-api/register-lower-case-event")
@pytest.mark.rule("extensions-api/internal-shutdown-refused")
@pytest.mark.rule("extensions-api/register-after-refusal")
@pytest.mark.rule("extensions-api/internal-invoke-accepted")
def test_a_wrong_registration_is_refused_and_a_correct_one_afterwards_succeeds(in_init: Environment) -> None:
    extension = ExtensionPlayer(in_init, "corrected")
    wrong = (b"", b"[]", b'{"configurationKeys": ["KEY"]}', b'{"events": ["invoke"]}', b'{"events": ["SHUTDOWN"]}')

    refused = [extension.register(body=body).json() for body in wrong]

    assert refused == [
        {"errorMessage": message, "errorType": error_type}
        for message, error_type in (
            ("unexpected end of JSON input", "InvalidRequestFormat"),
            ("the body is not a JSON object", "InvalidRequestFormat"),
            ("configurationKeys are deprecated; use environment variables instead", "InvalidRequestFormat"),
            ("invoke: ErrorInvalidEventType", "Extension.InvalidEventType"),
            ("SHUTDOWN: ShutdownEventNotSupportedForInternalExtension", "Extension.InvalidEventType"),
        )
    ]
    assert extension.register(["INVOKE"]).status == 200
    assert extension.register(["INVOKE"]).json() == {
        "errorMessage": "Extension with this name already registered",
        "errorType": "Extension.InvalidExtensionState",
    }


def test_an_extension_without_a_name_is_refused(in_init: Environment) -> None:
    assert ExtensionPlayer(in_init, "").register().json() == {
        "errorMessage": "Empty extension name",
        "errorType": "Extension.InvalidExtensionName",
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", marks=pytest.mark.rule("extensions-api/register-empty-object")),
        pytest.param(b"null", marks=pytest.mark.rule("extensions-api/register-null")),
        pytest.param(b'{"events":null}', marks=pytest.mark.rule("extensions-api/register-null-events")),
    ],
)
def test_a_registration_without_events_is_for_none(in_init: Environment, body: bytes) -> None:
    answer = ExtensionPlayer(in_init, f"registered with {body.decode()}").register(body=body)

    assert answer.status == 200
    assert answer.body == b'{"functionName":"test_function","functionVersion":"$LATEST","handler":"pause"}\n'
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.rule("extensions-api/account-id-on-request")
@pytest.mark.rule("extensions-api/account-id-case-sensitive")
def test_the_account_is_told_to_those_who_ask_for_it(in_init: Environment) -> None:
    asked = ExtensionPlayer(in_init, "asks").register(features="foo, accountId ,bar")
    asked_wrongly = ExtensionPlayer(in_init, "asks wrongly").register(features="accountid")

    assert json.loads(asked.body)["accountId"] == "012345678912"
    assert "accountId" not in json.loads(asked_wrongly.body)


@pytest.mark.rule("extensions-api/identifier-in-upper-case")
@pytest.mark.rule("extensions-api/identifier-in-braces")
@pytest.mark.rule("extensions-api/identifier-without-hyphens")
@pytest.mark.rule("extensions-api/init-error-after-first-next")
def test_an_identifier_is_recognised_in_every_form_of_a_uuid(in_init: Environment) -> None:
    extension = ExtensionPlayer(in_init, "identified")
    extension.register()
    identifier = extension.identifier
    with in_init.peers.connect() as connection:
        connection.sendall(
            f"GET {EXTENSION_NEXT} HTTP/1.1\r\nLambda-Extension-Identifier: {identifier}\r\n\r\n".encode()
        )
        answers = []
        for form in (identifier.upper(), f"{{{identifier}}}", identifier.replace("-", ""), f"urn:uuid:{identifier}"):
            extension.identifier = form
            answers.append(extension.report("init/error").json())

        assert (
            answers
            == [
                {
                    "errorMessage": f"State transition from Ready to InitError failed for extension {identifier}. "
                    "Error: State transition is not allowed",
                    "errorType": "Extension.InvalidExtensionState",
                }
            ]
            * 4
        )


@pytest.mark.parametrize(
    ("identifier", "error_type", "message"),
    [
        ("", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"),
        ("nonsense", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"),
        (
            "3f0e3c0a-2f07-4b0e-8a55-0d6a8d8f8b6b",
            "Extension.UnknownExtensionIdentifier",
            "Unknown extension 3f0e3c0a-2f07-4b0e-8a55-0d6a8d8f8b6b",
        ),
    ],
)
def test_an_identifier_that_nobody_has_is_refused(
    in_init: Environment, identifier: str, error_type: str, message: str
) -> None:
    answer = in_init.peers.request("GET", EXTENSION_NEXT, {"Lambda-Extension-Identifier": identifier})

    assert (answer.status, answer.json()) == (403, {"errorMessage": message, "errorType": error_type})


@pytest.mark.rule("extensions-api/telemetry-without-identifier")
@pytest.mark.parametrize("path", ["/2022-07-01/telemetry", "/2020-08-15/logs"])
def test_a_subscription_without_an_identifier_is_refused(in_init: Environment, path: str) -> None:
    assert refusal(in_init.peers.request("PUT", path, body=b"{}")) == (403, "Extension.MissingExtensionIdentifier")


@pytest.mark.rule("extensions-api/register-name-in-other-case")
@pytest.mark.rule("extensions-api/register-name-with-folder")
@pytest.mark.rule("extensions-api/wrong-name-keeps-gate-shut")
def test_an_extension_under_another_name_is_an_internal_one_and_keeps_the_gate_shut(
    environment: StartEnvironment,
) -> None:
    env = environment(["pid", "pause"], {"Ext": IDLE}, options=UNHURRIED)
    names = ("ext", "/opt/extensions/Ext")

    answers = [ExtensionPlayer(env, name).register(["SHUTDOWN"]) for name in names]

    assert [refusal(answer) for answer in answers] == [(403, "Extension.InvalidEventType")] * 2
    assert [ExtensionPlayer(env, name).register(["INVOKE"]).status for name in names] == [200, 200]
    assert not any("runtime" in line for line in env.lines)
    assert len(env.processes()) == 1
    assert ExtensionPlayer(env, "Ext").register().status == 200
    env.wait_for("runtime pid")


@pytest.mark.rule("extensions-api/internal-registration-closed")
@pytest.mark.rule("extensions-api/internal-under-external-name")
@pytest.mark.rule("lifecycle/extension-next-before-runtime")
def test_registration_is_closed_once_the_runtime_is_ready(environment: StartEnvironment) -> None:
    env = environment(["pid", "pause"], {"external": IDLE}, options=UNHURRIED)
    external, internal = ExtensionPlayer(env, "external"), ExtensionPlayer(env, "internal")
    external.register()
    external.start_next()
    env.wait_for("runtime pid")

    again = ExtensionPlayer(env, "external").register(["INVOKE"])
    RuntimePlayer(env).start_next()
    call = env.start_invoke()
    env.wait_for("^START")

    assert again.json() == {
        "errorMessage": "State transition from Ready to Registered failed for extension external. "
        "Error: State transition is not allowed",
        "errorType": "Extension.InvalidExtensionState",
    }
    assert internal.register(["INVOKE"]).json() == {
        "errorMessage": "Extension registration closed already",
        "errorType": "Extension.RegistrationClosed",
    }
    env.terminate()
    assert call.result().status == 200


@pytest.mark.rule("extensions-api/ten-externals-and-an-internal")
def test_an_internal_extension_beside_ten_external_ones_is_one_too_many(environment: StartEnvironment) -> None:
    names = [f"extension-{number}" for number in range(10)]
    env = environment(["pid", "pause"], dict.fromkeys(names, IDLE), options=UNHURRIED)

    assert {ExtensionPlayer(env, name).register().status for name in names} == {200}
    env.wait_for("runtime pid")
    assert ExtensionPlayer(env, "internal").register().json() == {
        "errorMessage": "Extension limit (10) reached",
        "errorType": "Extension.TooManyExtensions",
    }


@pytest.mark.rule("extensions-api/eleventh-external")
def test_an_eleventh_extension_fails_init(environment: StartEnvironment) -> None:
    env = environment(extensions={f"extension-{number:02}": IDLE for number in range(11)})

    answer = env.invoke()

    assert answer.failure() == ("Extension.LaunchError", "Extension limit (10) reached")
    env.wait_for(
        r"^EXTENSION\tName: extension-10\tState: LaunchError\tEvents: \[\]\tError Type: TooManyExtensions$", nth=2
    )
    env.wait_for(r"^EXTENSION\tName: extension-09\tState: Started\tEvents: \[\]$", nth=2)


# Launching.


@pytest.mark.rule("extensions-api/crlf-interpreter")
def test_an_extension_that_cannot_be_started_fails_init(environment: StartEnvironment, tmp_path: Path) -> None:
    """Every invocation tries again, with another file."""
    file = tmp_path / "folder" / "broken.sh"
    file.parent.mkdir()
    file.touch()
    env = environment(options=["--extensions-dir", str(file.parent)])
    broken = [
        (b"#!/bin/sh\r\nexit 0\r\n", 0o755, "no such file or directory", "UnknownError"),
        (b"#!/bin/sh\n", 0o644, "permission denied", "PermissionDenied"),
        (b"no program", 0o755, "exec format error", "UnknownError"),
    ]
    for content, mode, reason, error_type in broken:
        file.write_bytes(content)
        file.chmod(mode)

        answer = env.invoke()
        assert answer.failure() == ("Extension.LaunchError", f"fork/exec {file}: {reason}")
        env.wait_for(f"^REPORT RequestId: {answer.headers['x-amzn-requestid']}")
        line = [line for line in env.lines if line.startswith("EXTENSION")][-1]
        assert line == f"EXTENSION\tName: broken.sh\tState: LaunchError\tEvents: []\tError Type: {error_type}"


def test_links_to_files_are_extensions_and_folders_are_not(environment: StartEnvironment, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "subfolder").mkdir(parents=True)
    (folder / "subfolder" / "hidden").write_bytes(IDLE)
    program = tmp_path / "program"
    program.write_bytes(extension_file(["register", "loop"]))
    program.chmod(0o755)
    (folder / "link").symlink_to(program)
    env = environment(options=["--extensions-dir", str(folder)])

    assert env.invoke().status == 200
    assert [line for line in env.lines if line.startswith("EXTENSION")] == [
        "EXTENSION\tName: link\tState: Ready\tEvents: []"
    ]


def test_extensions_start_side_by_side_and_the_runtime_after_the_last_registration(
    environment: StartEnvironment, gate: Gate
) -> None:
    env = environment(["loop"], {"fast": LOOP, "slow": [gate.step, *LOOP]})
    env.wait_for("slow holds")
    env.wait_for("fast ready")

    assert "runtime ready" not in env.lines
    gate.let_through()
    assert env.invoke().status == 200
    assert env.lines.index(env.wait_for("slow registered").string) < env.lines.index("runtime ready")


def test_the_name_of_an_extension_may_be_any_bytes(environment: StartEnvironment, tmp_path: Path) -> None:
    """The bytes of the file's name are those of the header."""
    names = [b"umlaut-\xc3\xbc", b"no-text-\xff"]
    for name in names:
        path = os.path.join(os.fsencode(tmp_path), b"folder", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(IDLE)
        os.chmod(path, 0o755)
    env = environment(["pid", "pause"], options=["--extensions-dir", str(tmp_path / "folder"), "--init-timeout", "600"])
    for name in names:
        assert ExtensionPlayer(env, name.decode("latin-1")).register().status == 200
    env.wait_for("^runtime pid")

    assert env.terminate() == 0


# Events.


@pytest.mark.rule("extensions-api/shutdown-event-deadline")
def test_the_deadline_of_the_shutdown_is_two_seconds_after_its_start(environment: StartEnvironment) -> None:
    env = environment(["loop"], {"ext": LOOP})
    env.invoke()

    before = time.time()
    assert env.terminate() == 0
    after = time.time()

    event = env.wait_for(r"^ext got SHUTDOWN spindown (\d+) (\d+)$")
    deadline, remaining = int(event[1]) / 1000, int(event[2]) / 1000
    assert before + 1.99 <= deadline <= after + 2.01
    assert 0 < remaining <= 2


def test_what_an_extension_is_told_of_an_invocation(environment: StartEnvironment) -> None:
    env = environment(["loop"], {"ext": IDLE}, environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "30"})
    extension = ExtensionPlayer(env, "ext")
    extension.register(["INVOKE"])
    poll = extension.start_next()
    before = time.time()
    answer = env.invoke(headers={"X-Amzn-Trace-Id": "Root=1-2-3"})
    after = time.time()

    event = poll.result()
    body = json.loads(event.body)
    assert before + 29.99 <= body.pop("deadlineMs") / 1000 <= after + 30.01
    assert event.headers["content-type"] == "application/json"
    assert event.headers["lambda-extension-event-identifier"]
    assert "lambda-extension-identifier" not in event.headers
    assert body == {
        "eventType": "INVOKE",
        "requestId": answer.headers["x-amzn-requestid"],
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:012345678912:function:test_function",
        "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-2-3"},
    }
    assert refusal(extension.report("init/error")) == (403, "Extension.InvalidExtensionState")


def test_a_shutdown_event_is_plain_text_without_an_event_identifier(environment: StartEnvironment) -> None:
    env = environment(["loop"], {"ext": IDLE})
    extension = ExtensionPlayer(env, "ext")
    extension.register(["SHUTDOWN"])
    poll = extension.start_next()
    env.invoke()

    assert env.terminate() == 0
    event = poll.result()
    assert event.headers["content-type"] == "text/plain; charset=utf-8"
    assert "lambda-extension-event-identifier" not in event.headers
    assert list(json.loads(event.body)) == ["eventType", "deadlineMs", "shutdownReason"]
    assert not event.body.endswith(b"\n")
    env.wait_for("^supervisor: Killed at the deadline of the shutdown, because still running: ext$")


def test_an_extension_that_registered_for_shutdown_alone_is_not_woken_by_an_invocation(
    environment: StartEnvironment,
) -> None:
    env = environment(["loop"], {"ext": ["register:SHUTDOWN", "loop"], "none": ["register", "loop"]})
    env.invoke()
    env.terminate()

    assert [line.split()[2] for line in env.lines if line.startswith("ext got")] == ["SHUTDOWN"]
    assert not any(line.startswith("none got") for line in env.lines)


def test_a_poll_whose_connection_was_closed_takes_no_event_away(environment: StartEnvironment) -> None:
    env = environment(["loop"], {"ext": IDLE})
    extension = ExtensionPlayer(env, "ext")
    extension.register(["INVOKE"])
    with env.peers.connect() as connection:
        connection.sendall(
            f"GET {EXTENSION_NEXT} HTTP/1.1\r\nLambda-Extension-Identifier: {extension.identifier}\r\n\r\n".encode()
        )
        env.wait_for("runtime ready")
        assert refusal(extension.next()) == (403, "Extension.InvalidExtensionState")
    call = env.start_invoke()

    assert json.loads(extension.next().body)["eventType"] == "INVOKE"
    assert call.result().status == 200


# Errors that are announced.


@pytest.mark.rule("extensions-api/error-type-missing")
@pytest.mark.rule("extensions-api/error-type-after-missing")
def test_an_error_without_a_type_is_refused_and_changes_nothing(environment: StartEnvironment) -> None:
    env = environment(["loop"], {"ext": IDLE}, options=UNHURRIED)
    extension = ExtensionPlayer(env, "ext")
    extension.register()

    assert extension.report("init/error", "").json() == {
        "errorMessage": "Lambda-Extension-Function-Error-Type not found",
        "errorType": "Extension.MissingHeader",
    }
    accepted = extension.report("init/error", "Extension.Odd")
    again = extension.report("init/error", "Extension.Other")
    assert (accepted.status, accepted.body, again.status) == (202, b'{"status":"OK"}\n', 202)
    assert refusal(extension.next()) == (403, "Extension.InvalidExtensionState")
    env.wait_for(r"^INIT_REPORT .*\tPhase: init\tStatus: error\tError Type: Extension.InitError$")


@pytest.mark.rule("extensions-api/exit-error-while-next-waits")
@pytest.mark.rule("extensions-api/exit-error-wins-over-crash")
def test_an_exit_error_beside_a_waiting_poll_ends_the_extension_with_that_error(environment: StartEnvironment) -> None:
    env = environment(["next", "pause"], {"ext": IDLE})
    extension = ExtensionPlayer(env, "ext")
    extension.register(["SHUTDOWN"])
    poll = extension.start_next()
    call = env.start_invoke()
    env.wait_for("runtime got")

    assert extension.report("exit/error", "Extension.Odd").status == 202
    assert call.result().failure() == ("Extension.ExitError", "signal: killed")
    with suppress(HTTPException, OSError):
        assert not poll.result()


def test_an_announced_exit_is_reported_under_its_announcement(environment: StartEnvironment) -> None:
    env = environment(["next", "pause"], {"ext": ["register:INVOKE", "next", "exit-error:Extension.Odd", "exit:3"]})

    answer = env.invoke()

    env.wait_for("^ext status 202$")
    assert answer.failure() == ("Extension.ExitError", "exit status 3")


def test_an_extension_that_reported_an_init_error_is_killed_when_it_does_not_exit(
    environment: StartEnvironment,
) -> None:
    env = environment(["loop"], {"ext": ["register", "init-error:Extension.Odd", "pause", "/", *LOOP]})

    assert env.invoke().status == 200
    env.wait_for(r"^EXTENSION\tName: ext\tState: InitError\tEvents: \[\]\tError Type: Extension.Odd$")
    env.wait_for(r"^INIT_REPORT .*\tPhase: init\tStatus: error\tError Type: Extension.InitError$")
