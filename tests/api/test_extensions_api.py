"""The extensions' requests and answers, as values."""

import json

import pytest

from supervisor.api import extensions_api
from supervisor.api.http import JSON, Request, Response
from supervisor.errors import ProtocolError
from supervisor.lifecycle.events import ExtensionExitErrorReported, ExtensionInitErrorReported, ExtensionRegistered
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.states import ShutdownReason

ID = "5b0d7a36-1f3c-4a55-9b0e-6b3d5f0c1a77"


def request(body: bytes = b"", **headers: str) -> Request:
    names = {f"lambda-extension-{name.replace('_', '-')}": value for name, value in headers.items()}
    return Request("POST", "/", headers=names, body=body)


def refusal(error: pytest.ExceptionInfo[ProtocolError]) -> tuple[int, str, str]:
    return error.value.http_status, error.value.error_type, error.value.message


@pytest.mark.parametrize(
    "written", [ID, ID.upper(), f"{{{ID}}}", f"urn:uuid:{ID}", f"URN:UUID:{ID}", ID.replace("-", "")]
)
def test_an_identifier_may_be_written_in_every_form_that_the_platform_reads(written: str) -> None:
    assert extensions_api.identifier(request(identifier=written)) == ID


@pytest.mark.parametrize("written", ["x", ID[:-1], f"{{{ID}", f"{ID} ", "5b0d7a36"])
def test_what_is_no_identifier_is_refused(written: str) -> None:
    with pytest.raises(ProtocolError) as error:
        extensions_api.identifier(request(identifier=written))

    expected = (403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
    assert refusal(error) == expected


def test_a_missing_identifier_is_refused() -> None:
    with pytest.raises(ProtocolError) as error:
        extensions_api.identifier(request())

    expected = (403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
    assert refusal(error) == expected


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"{}", ()),
        (b"null", ()),
        (b'{"events": null}', ()),
        (b'{"events": [], "configurationKeys": []}', ()),
        (b'{"events": ["INVOKE", "SHUTDOWN"], "unknown": 1}', ("INVOKE", "SHUTDOWN")),
        (b'{"events": ["invoke"]}', ("invoke",)),
    ],
)
def test_a_registration_says_which_events_are_wanted(body: bytes, events: tuple[str, ...]) -> None:
    assert extensions_api.registered(request(body, name="x.sh"), ID) == ExtensionRegistered(ID, "x.sh", events)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b" \n", "unexpected end of JSON input"),
        (b"[]", "the body is not a JSON object"),
        (b'{"events": "INVOKE"}', "events is not a list of strings"),
        (b'{"events": [1]}', "events is not a list of strings"),
        (
            b'{"configurationKeys": ["a"]}',
            "configurationKeys are deprecated; use environment variables instead",
        ),
    ],
)
def test_a_registration_that_is_not_understood_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(ProtocolError) as error:
        extensions_api.registered(request(body, name="x.sh"), ID)

    assert refusal(error) == (403, "InvalidRequestFormat", message)


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff"])
def test_a_registration_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError) as error:
        extensions_api.registered(request(body, name="x.sh"), ID)

    assert refusal(error)[:2] == (403, "InvalidRequestFormat")


def test_the_name_is_looked_at_before_the_body() -> None:
    with pytest.raises(ProtocolError) as error:
        extensions_api.registered(request(b""), ID)

    assert refusal(error) == (403, "Extension.InvalidExtensionName", "Empty extension name")


def test_an_error_report_needs_its_type_and_before_that_its_identifier() -> None:
    complete = request(identifier=ID, function_error_type="Extension.Bad")

    assert extensions_api.init_error_reported(complete) == ExtensionInitErrorReported(ID, "Extension.Bad")
    assert extensions_api.exit_error_reported(complete) == ExtensionExitErrorReported(ID, "Extension.Bad")
    with pytest.raises(ProtocolError) as error:
        extensions_api.init_error_reported(request(identifier=ID))
    assert refusal(error) == (403, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
    with pytest.raises(ProtocolError) as error:
        extensions_api.exit_error_reported(request())
    assert refusal(error)[1] == "Extension.MissingExtensionIdentifier"


@pytest.mark.parametrize(
    ("features", "wanted"),
    [("", False), ("accountId", True), ("foo, accountId ,bar", True), ("accountid", False), ("xaccountId", False)],
)
def test_the_account_is_told_to_those_who_ask_for_it_by_its_exact_name(features: str, *, wanted: bool) -> None:
    assert extensions_api.wants_account_id(request(accept_feature=features)) == wanted


def test_an_invoke_event_has_the_keys_in_the_order_of_the_platform() -> None:
    invocation = Invocation("8d6e", b"payload", "arn:1", trace_id="Root=1-2-3")

    event = extensions_api.next_event(extensions_api.invoke_event(invocation, 1795459898216), ID)

    assert event.head() == Response(200, (JSON, ("Lambda-Extension-Event-Identifier", ID)), event.body).head()
    assert bytes(event.body) == (
        b'{"eventType":"INVOKE","deadlineMs":1795459898216,"requestId":"8d6e","invokedFunctionArn":"arn:1",'
        b'"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-2-3"}}\n'
    )


@pytest.mark.rule("extensions-api/no-trace-no-tracing")
def test_an_invoke_event_without_a_trace_has_no_key_for_it() -> None:
    event = extensions_api.invoke_event(Invocation("8d6e"), 0)

    assert "tracing" not in json.loads(event)


def test_a_shutdown_event_is_text_without_a_final_newline() -> None:
    event = extensions_api.shutdown_event(ShutdownReason.TIMEOUT, 1795459600261)

    assert event.headers == (("Content-Type", "text/plain; charset=utf-8"),)
    assert bytes(event.body) == b'{"eventType":"SHUTDOWN","deadlineMs":1795459600261,"shutdownReason":"timeout"}'
