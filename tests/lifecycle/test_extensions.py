"""The extensions' own calls: who may register, for what, under which name, and what their errors lead to."""

import pytest

from supervisor.lifecycle.effects import (
    AnswerCaller,
    DismissExtension,
    KillExtension,
    LaunchRuntime,
    SendInvocation,
    TerminateRuntime,
)
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    Event,
    ExtensionExited,
    ExtensionExitErrorReported,
    ExtensionInitErrorReported,
    ExtensionRegistered,
    InvocationArrived,
    RuntimeExited,
    RuntimeInitErrorReported,
    RuntimePolled,
    ShutdownRequested,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import Invocation, PlatformError
from supervisor.lifecycle.milestones import (
    ExtensionReported,
    InitPhase,
    InitRuntimeDone,
    InvocationStarted,
    RuntimeDone,
    ShutdownStarted,
)
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import Story, error, identifier, polled, ready, registered

exit_error = ExtensionExitErrorReported(identifier("x"), "Extension.Reason")


def started(*externals: str) -> Story:
    story = Story(externals)
    story.tell(EnvironmentStarted())
    return story


# -- Registration ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["FOO", "", "Shutdown"])
def test_an_event_that_does_not_exist_is_refused(event: str) -> None:
    refusal = (403, "Extension.InvalidEventType", f"{event}: ErrorInvalidEventType")

    assert started("x").refusal(registered("x", "INVOKE", event)) == refusal
    assert started().refusal(registered("internal", event)) == refusal


@pytest.mark.rule("extensions-api/register-lower-case-event")
@pytest.mark.rule("extensions-api/register-after-refusal")
def test_event_names_are_case_sensitive_and_a_correct_registration_then_succeeds() -> None:
    story = started("x")

    assert story.refusal(registered("x", "invoke")) == (
        403,
        "Extension.InvalidEventType",
        "invoke: ErrorInvalidEventType",
    )
    assert story.tell(registered("x", "INVOKE")) == (Phase.INIT, [LaunchRuntime()])


@pytest.mark.rule("extensions-api/internal-shutdown-refused")
@pytest.mark.rule("extensions-api/internal-invoke-accepted")
def test_an_internal_extension_may_register_for_invoke_alone() -> None:
    story = started()

    assert story.refusal(registered("internal", "INVOKE", "SHUTDOWN")) == (
        403,
        "Extension.InvalidEventType",
        "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
    )
    assert story.tell(registered("internal", "INVOKE")) == (Phase.INIT, [])


def test_an_event_that_is_named_twice_counts_once() -> None:
    story = started("x")
    story.tell(registered("x", "INVOKE", "SHUTDOWN", "INVOKE"), polled("x"))

    assert story.tell(RuntimePolled())[1][1] == ExtensionReported("x", "Ready", ("INVOKE", "SHUTDOWN"))


@pytest.mark.rule("extensions-api/internal-under-external-name")
def test_the_name_of_an_external_extension_that_has_registered_is_refused() -> None:
    story = started("x")
    story.tell(registered("x"))
    text = "State transition from Registered to Registered failed for extension x."

    assert story.refusal(ExtensionRegistered("another identifier", "x", ("INVOKE",))) == (
        403,
        "Extension.InvalidExtensionState",
        f"{text} Error: State transition is not allowed",
    )


@pytest.mark.rule("extensions-api/internal-registration-closed")
def test_after_the_first_next_of_the_runtime_internal_extensions_are_refused() -> None:
    refusal = (403, "Extension.RegistrationClosed", "Extension registration closed already")
    during_init = started("x")
    during_init.tell(registered("x"), RuntimePolled())
    resetting = started("x")
    resetting.wait()

    assert during_init.refusal(registered("internal")) == refusal
    assert ready().refusal(registered("internal")) == refusal
    assert resetting.refusal(registered("internal")) == refusal


@pytest.mark.rule("extensions-api/ten-externals-and-an-internal")
def test_beside_ten_external_extensions_an_internal_one_is_refused() -> None:
    names = [f"x{number}" for number in range(10)]
    story = started(*names)

    assert story.tell(*(registered(name) for name in names)) == (Phase.INIT, [LaunchRuntime()])
    assert story.refusal(registered("internal")) == (
        403,
        "Extension.TooManyExtensions",
        "Extension limit (10) reached",
    )


def test_ten_internal_extensions_may_register_and_an_eleventh_is_refused_whatever_its_name() -> None:
    story = started()
    names = [f"x{number}" for number in range(10)]

    assert story.tell(*(registered(name) for name in names)) == (Phase.INIT, [])
    assert story.refusal(registered("eleventh"))[1] == "Extension.TooManyExtensions"
    assert story.refusal(registered("x0"))[1] == "Extension.TooManyExtensions", "asked before the name"
    story.tell(RuntimePolled())
    assert story.refusal(registered("eleventh"))[1] == "Extension.RegistrationClosed", "asked before the number"


def test_the_events_are_looked_at_before_the_state_and_before_the_window() -> None:
    story = started("x")
    story.tell(registered("x"), RuntimePolled())

    assert story.refusal(registered("x", "FOO"))[1] == "Extension.InvalidEventType"
    assert story.refusal(registered("internal", "SHUTDOWN"))[1] == "Extension.InvalidEventType"


def test_an_extension_that_registered_for_nothing_is_told_nothing() -> None:
    story = ready({"x": ""})
    invocation = Invocation("first")

    assert story.tell(InvocationArrived(invocation), at=1.0)[1] == [
        InvocationStarted(invocation),
        SendInvocation(invocation, 4.0),
    ]
    assert story.refusal(polled("x"))[0] == 403
    story.tell(ShutdownRequested())
    assert story.tell(RuntimeExited(ExitStatus(0))) == (Phase.SHUTDOWN, [DismissExtension("x")])


# -- Errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("extensions-api/exit-error-while-next-waits")
def test_an_exit_error_is_accepted_while_a_poll_waits_and_the_poll_gets_nothing() -> None:
    story = ready({"x": "INVOKE SHUTDOWN"})
    invocation = Invocation("first")

    assert story.tell(exit_error) == (Phase.READY, [])
    assert story.tell(InvocationArrived(invocation), at=0.75)[1] == [
        InvocationStarted(invocation),
        SendInvocation(invocation, 3.75),
    ]
    assert story.tell(ShutdownRequested(), RuntimeExited(ExitStatus(0)))[1][-1] == TerminateRuntime()
    assert story.refusal(polled("x"))[0] == 403


def test_an_idle_extension_that_reported_an_exit_error_and_stays_is_killed_and_fails_what_arrived() -> None:
    story = ready({"x": ""})
    invocation = Invocation("first")
    story.tell(exit_error, at=1.0)
    story.tell(InvocationArrived(invocation), at=1.25)

    assert story.wait() == (Phase.INVOKE, [KillExtension("x")])
    assert story.tell(ExtensionExited("x", ExitStatus(signal=9)), at=1.5) == (
        Phase.RESET,
        [
            RuntimeDone(invocation, error("Extension.ExitError"), 0.25),
            ShutdownStarted(ShutdownReason.FAILURE),
            TerminateRuntime(),
        ],
    )
    assert story.tell(RuntimeExited(ExitStatus(0)))[1][-1] == AnswerCaller(
        invocation, PlatformError("Extension.ExitError", "RequestId: first Error: signal: killed")
    )


@pytest.mark.parametrize(
    "second_error",
    [
        ExtensionInitErrorReported(identifier("y"), "Extension.Other"),
        RuntimeInitErrorReported(b"{}", "", "Runtime.Other"),
    ],
)
def test_the_first_error_names_the_failure_whoever_reported_it(second_error: Event) -> None:
    story = started("x", "y")
    story.tell(registered("x"), registered("y"), exit_error, second_error)
    _, effects = story.tell(ExtensionExited("y", ExitStatus(1)))

    assert effects[0] == InitRuntimeDone(InitPhase.INIT, error("Extension.ExitError"))


def test_an_exit_error_during_a_shutdown_starts_no_grace() -> None:
    story = ready({"x": "SHUTDOWN"})
    story.tell(ShutdownRequested(), RuntimeExited(ExitStatus(0)), at=1.0)

    assert story.tell(exit_error) == (Phase.SHUTDOWN, [])
    story.wait()
    assert story.wait() == (Phase.SHUTDOWN, [KillExtension("x")])
    assert story.now == 3.0
