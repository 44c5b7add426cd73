"""Every state of the runtime and every call (RIE 1.170 `core/states.go`)."""

import pytest

from supervisor.errors import ProtocolError
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ErrorStarted,
    Event,
    InvocationArrived,
    ResponseReceived,
    ResponseStarted,
    RestoreErrorReported,
    RestorePolled,
    RuntimeExited,
    RuntimeInitErrorReported,
    RuntimePolled,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.states import (
    RuntimeCall,
    RuntimeState,
    runtime_after,
)
from tests.lifecycle.cells import cells
from tests.lifecycle.story import Story, invoking, ready

RUNTIME_CELLS = """
    state                     next     response            error                    init/error                restore/next  restore/error
    Started                   Ready    -                   -                        InitError                 RestoreReady  -
    RestoreReady              -        -                   -                        -                         -             -
    Restoring                 Ready    -                   -                        RuntimeRestoreErrorState  -             RuntimeRestoreErrorState
    Ready                     Ready    -                   -                        -                         -             -
    Running                   Running  InvocationResponse  InvocationErrorResponse  -                         -             -
    InvocationResponse        -        -                   -                        -                         -             -
    InvocationErrorResponse   -        -                   -                        -                         -             -
    RuntimeResponseSentState  Ready    -                   -                        -                         -             -
    InitError                 -        -                   -                        -                         -             -
    RuntimeRestoreErrorState  -        -                   -                        -                         -             -
"""  # noqa: E501 -- a table
"""The state in which a call leaves the runtime; `-` is a refusal."""

RUNTIME_CALLS = {
    "next": (RuntimeCall.NEXT, "Ready"),
    "response": (RuntimeCall.RESPONSE, "InvocationResponse"),
    "error": (RuntimeCall.ERROR, "InvocationErrorResponse"),
    "init/error": (RuntimeCall.INIT_ERROR, "InitError"),
    "restore/next": (RuntimeCall.RESTORE_NEXT, "Ready"),
    "restore/error": (RuntimeCall.RESTORE_ERROR, "RuntimeRestoreErrorState"),
}
"""Each call, and the target that a refusal of it names."""


def test_the_table_here_names_every_state_and_every_call() -> None:
    named = {(state, call) for state, call, _ in cells(RUNTIME_CELLS)}

    assert named == {(state, call) for state in RuntimeState for call in RUNTIME_CALLS}


@pytest.mark.parametrize(("state", "call", "cell"), cells(RUNTIME_CELLS))
def test_a_call_of_the_runtime_leads_where_the_table_says(state: str, call: str, cell: str) -> None:
    runtime_call, target = RUNTIME_CALLS[call]
    if cell != "-":
        assert runtime_after(RuntimeState(state), runtime_call) == cell
        return
    with pytest.raises(ProtocolError) as refusal:
        runtime_after(RuntimeState(state), runtime_call)

    assert (refusal.value.http_status, refusal.value.error_type, refusal.value.message) == (
        403,
        "InvalidStateTransition",
        f"State transition from {state} to {target} failed for runtime. Error: State transition is not allowed",
    )


RUNTIME_ANSWERS = """
    state                     next  response  error  init/error  restore/next  restore/error
    Started                   ok    400       400    ok          ok            403
    RestoreReady              403   400       400    403         403           403
    Restoring                 ok    400       400    ok          403           ok
    Ready                     ok    400       400    403         403           403
    Ready/invoke              ok    403       403    403         403           403
    Running                   ok    ok        ok     403         403           403
    InvocationResponse        403   403       403    403         403           403
    InvocationErrorResponse   403   403       403    403         403           403
    RuntimeResponseSentState  ok    403       403    403         403           403
    InitError                 403   400       400    403         403           403
    RuntimeRestoreErrorState  403   400       400    403         403           403
"""
"""What the runtime is answered, with the right request id where there is one. `Ready/invoke`: an extension is busy."""


def runtime_in(state: str) -> tuple[Story, str]:
    """A story in which the runtime is in *state*, and the request id of what runs, or ran."""
    before_an_invocation: dict[str, tuple[Event, ...]] = {
        "Started": (),
        "InitError": (RuntimeInitErrorReported(b"{}"),),
        "RestoreReady": (RestorePolled(),),
        "Restoring": (RestorePolled(), InvocationArrived(Invocation("waiting"))),
        "RuntimeRestoreErrorState": (
            *(RestorePolled(), InvocationArrived(Invocation("waiting"))),
            RestoreErrorReported(),
        ),
    }
    if state in before_an_invocation:
        story = Story()
        story.tell(EnvironmentStarted(), *before_an_invocation[state])
        return story, "none"
    if state == "Ready":
        return ready(), "none"
    story, invocation = invoking({"extension": "INVOKE"})
    request_id = invocation.request_id
    answered = (ResponseStarted(request_id), ResponseReceived(b""))
    since: dict[str, tuple[Event, ...]] = {
        "Running": (),
        "InvocationResponse": (ResponseStarted(request_id),),
        "InvocationErrorResponse": (ErrorStarted(request_id),),
        "RuntimeResponseSentState": answered,
        "Ready/invoke": (*answered, RuntimePolled()),
    }
    story.tell(*since[state])
    return story, request_id


def runtime_event(call: str, request_id: str) -> Event:
    events: dict[str, Event] = {
        "next": RuntimePolled(),
        "response": ResponseStarted(request_id),
        "error": ErrorStarted(request_id),
        "init/error": RuntimeInitErrorReported(b"{}"),
        "restore/next": RestorePolled(),
        "restore/error": RestoreErrorReported(),
    }
    return events[call]


@pytest.mark.parametrize(("state", "call", "answer"), cells(RUNTIME_ANSWERS))
def test_the_runtime_is_answered_by_its_state(state: str, call: str, answer: str) -> None:
    story, request_id = runtime_in(state)
    event = runtime_event(call, request_id)
    if answer == "ok":
        story.tell(event)
        return
    _, target = RUNTIME_CALLS[call]
    name = state.removesuffix("/invoke")

    assert (
        story.refusal(event)
        == {
            "400": (400, "InvalidRequestID", "Invalid request ID"),
            "403": (
                403,
                "InvalidStateTransition",
                f"State transition from {name} to {target} failed for runtime. Error: State transition is not allowed",
            ),
        }[answer]
    )


@pytest.mark.parametrize("state", [state for state, call, _ in cells(RUNTIME_ANSWERS) if call == "next"])
@pytest.mark.parametrize("call", ["response", "error"])
def test_a_wrong_request_id_is_refused_before_the_state_is_looked_at(state: str, call: str) -> None:
    story, _ = runtime_in(state)

    assert story.refusal(runtime_event(call, "another")) == (400, "InvalidRequestID", "Invalid request ID")


def test_a_runtime_that_is_gone_is_refused_everything() -> None:
    story = ready({"extension": "SHUTDOWN"})
    story.tell(RuntimeExited(ExitStatus(1)))
    failed = "failed for runtime. Error: State transition is not allowed"

    assert [story.refusal(RuntimePolled()), story.refusal(RuntimeInitErrorReported(b""))] == [
        (403, "InvalidStateTransition", f"State transition from Ready to Ready {failed}"),
        (403, "InvalidStateTransition", f"State transition from Ready to InitError {failed}"),
    ]
