"""Every state of an extension and every call (RIE 1.170 `core/externalagent_states.go` and its internal twin)."""

import pytest

from supervisor.errors import ProtocolError
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    Event,
    ExtensionExited,
    ExtensionExitErrorReported,
    ExtensionInitErrorReported,
    ExtensionLaunchFailed,
    InvocationArrived,
    RuntimeExited,
    RuntimePolled,
    ShutdownRequested,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.states import (
    ExtensionCall,
    ExtensionState,
    Phase,
    extension_after,
)
from tests.lifecycle.cells import cells
from tests.lifecycle.story import Story, identifier, initialise, polled, ready, registered

EXTENSION_CELLS = """
    state           register    next   init/error  exit/error
    Started         Registered  -      -           -
    Registered      -           Ready  InitError   ExitError
    Ready           -           -      -           ExitError
    Running         -           Ready  -           ExitError
    InitError       -           -      InitError   -
    ExitError       -           -      -           ExitError
    LaunchError     -           -      -           -
    Exited          -           -      -           -
    ShutdownFailed  -           -      -           -
"""

EXTENSION_CALLS = {
    "register": (ExtensionCall.REGISTER, "Registered"),
    "next": (ExtensionCall.NEXT, "Ready"),
    "init/error": (ExtensionCall.INIT_ERROR, "InitError"),
    "exit/error": (ExtensionCall.EXIT_ERROR, "Exited"),
}


def test_the_table_here_names_every_state_and_every_call() -> None:
    named = {(state, call) for state, call, _ in cells(EXTENSION_CELLS)}

    assert named == {(state, call) for state in ExtensionState for call in EXTENSION_CALLS}


@pytest.mark.parametrize(("state", "call", "cell"), cells(EXTENSION_CELLS))
def test_a_call_of_an_extension_leads_where_the_table_says(state: str, call: str, cell: str) -> None:
    extension_call, target = EXTENSION_CALLS[call]
    if cell != "-":
        assert extension_after(ExtensionState(state), extension_call, "x") == cell
        return
    with pytest.raises(ProtocolError) as refusal:
        extension_after(ExtensionState(state), extension_call, "x")

    assert (refusal.value.http_status, refusal.value.error_type, refusal.value.message) == (
        403,
        "Extension.InvalidExtensionState",
        f"State transition from {state} to {target} failed for extension x. Error: State transition is not allowed",
    )


EXTENSION_ANSWERS = """
    state           register  next     init/error  exit/error
    Started         ok        unknown  unknown     unknown
    Registered      403       ok       ok          ok
    Ready           403       403      403         ok
    Running         403       ok       403         ok
    InitError       403       403      ok          403
    ExitError       403       403      403         ok
    LaunchError     403       unknown  unknown     unknown
    Exited          403       403      403         403
    ShutdownFailed  403       403      403         403
"""
"""What an external extension is answered. It learns its identifier from its registration and has none before."""


def external_in(state: str) -> Story:
    """A story in which the external extension `x` is in *state*, beside another one that outlives it in a shutdown."""
    story = Story(("other", "x"))
    story.tell(EnvironmentStarted(), registered("other", "SHUTDOWN"))
    if state == "LaunchError":
        story.tell(ExtensionLaunchFailed("x", "PermissionDenied", "fork/exec /opt/extensions/x: permission denied"))
    if state in ("Started", "LaunchError"):
        return story
    story.tell(registered("x", "INVOKE", "SHUTDOWN"))
    initialised = (polled("other"), polled("x"), RuntimePolled())
    shut_down = (*initialised, ShutdownRequested(), RuntimeExited(ExitStatus()))
    since: dict[str, tuple[Event, ...]] = {
        "Registered": (),
        "Ready": (polled("x"),),
        "Running": (*initialised, InvocationArrived(Invocation("first"))),
        "InitError": (ExtensionInitErrorReported(identifier("x"), "Extension.Reason"),),
        "ExitError": (ExtensionExitErrorReported(identifier("x"), "Extension.Reason"),),
        "Exited": (*shut_down, ExtensionExited("x", ExitStatus(0))),
        "ShutdownFailed": (*shut_down, ExtensionExited("x", ExitStatus(3))),
    }
    story.tell(*since[state])
    return story


def internal_in(state: str) -> Story:
    """A story in which the internal extension `x` is in *state*, while Init may still be going on."""
    story = Story()
    story.tell(EnvironmentStarted(), registered("x", "INVOKE"))
    since: dict[str, tuple[Event, ...]] = {
        "Registered": (),
        "Ready": (polled("x"),),
        "Running": (polled("x"), RuntimePolled(), InvocationArrived(Invocation("first"))),
        "InitError": (ExtensionInitErrorReported(identifier("x"), "Extension.Reason"),),
        "ExitError": (ExtensionExitErrorReported(identifier("x"), "Extension.Reason"),),
    }
    story.tell(*since[state])
    return story


def extension_event(call: str) -> Event:
    events: dict[str, Event] = {
        "register": registered("x", "INVOKE"),
        "next": polled("x"),
        "init/error": ExtensionInitErrorReported(identifier("x"), "Extension.Reason"),
        "exit/error": ExtensionExitErrorReported(identifier("x"), "Extension.Reason"),
    }
    return events[call]


def transition_refused(state: str, call: str) -> tuple[int, str, str]:
    _, target = EXTENSION_CALLS[call]
    subject = "x" if call == "register" else identifier("x")
    text = f"State transition from {state} to {target} failed for extension {subject}."
    return 403, "Extension.InvalidExtensionState", f"{text} Error: State transition is not allowed"


def unknown_refused(call: str) -> tuple[int, str, str]:
    text = f"Unknown extension {identifier('x')}" if call == "next" else "Unknown Lambda-Extension-Identifier"
    return 403, "Extension.UnknownExtensionIdentifier", text


@pytest.mark.parametrize(("state", "call", "answer"), cells(EXTENSION_ANSWERS))
def test_an_external_extension_is_answered_by_its_state(state: str, call: str, answer: str) -> None:
    story = external_in(state)
    if answer == "ok":
        story.tell(extension_event(call))
        return

    assert story.refusal(extension_event(call)) == (
        unknown_refused(call) if answer == "unknown" else transition_refused(state, call)
    )


INTERNAL_ANSWERS = """
    state       register  next  init/error  exit/error
    Registered  in-use    ok    ok          ok
    Ready       in-use    403   403         ok
    Running     closed    ok    403         ok
    InitError   in-use    403   ok          403
    ExitError   in-use    403   403         ok
"""


@pytest.mark.parametrize(("state", "call", "answer"), cells(INTERNAL_ANSWERS))
def test_an_internal_extension_is_answered_by_its_state(state: str, call: str, answer: str) -> None:
    story = internal_in(state)
    if answer == "ok":
        story.tell(extension_event(call))
        return

    assert (
        story.refusal(extension_event(call))
        == {
            "in-use": (403, "Extension.InvalidExtensionState", "Extension with this name already registered"),
            "closed": (403, "Extension.RegistrationClosed", "Extension registration closed already"),
            "403": transition_refused(state, call),
        }[answer]
    )


@pytest.mark.rule("extensions-api/init-error-after-first-next")
def test_an_init_error_after_the_first_next_is_refused() -> None:
    story = external_in("Ready")

    assert story.refusal(extension_event("init/error")) == transition_refused("Ready", "init/error")


@pytest.mark.rule("extensions-api/old-identifier-after-reset")
@pytest.mark.rule("lifecycle/identifiers-end-at-reset")
def test_after_a_reset_an_old_identifier_is_unknown() -> None:
    story = ready({"x": "INVOKE"})
    story.tell(ExtensionExited("x", ExitStatus(1)), RuntimeExited(ExitStatus(0, 15)))
    story.tell(InvocationArrived(Invocation("first")))
    refusals = [story.refusal(extension_event(call)) for call in ("next", "init/error", "exit/error")]
    phase, _ = initialise(story, {"x": "INVOKE"}, {})

    assert refusals == [unknown_refused(call) for call in ("next", "init/error", "exit/error")]
    assert phase is Phase.INVOKE
