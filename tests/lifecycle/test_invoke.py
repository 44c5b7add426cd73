"""Invoke: who is told, who answers, when the caller has the answer, and when the invocation is over."""

import pytest

from supervisor.lifecycle.effects import AnswerCaller, SendInvocation, SendInvoke
from supervisor.lifecycle.events import (
    ErrorReceived,
    ErrorStarted,
    ExtensionPollDropped,
    InvocationArrived,
    ResponseReceived,
    ResponseStarted,
    RuntimePollDropped,
    RuntimePolled,
)
from supervisor.lifecycle.invocation import FunctionError, FunctionResponse, Invocation
from supervisor.lifecycle.milestones import InvocationReported, InvocationStarted, RuntimeDone
from supervisor.lifecycle.states import Phase
from tests.lifecycle.story import SUCCESS, identifier, invoking, polled, ready, respond


def test_an_invocation_goes_to_the_extensions_that_registered_for_it_and_to_the_runtime_at_once() -> None:
    externals = {"both": "INVOKE SHUTDOWN", "invoke": "INVOKE", "shutdown": "SHUTDOWN", "nothing": ""}
    story = ready(externals, {"internal": "INVOKE"})
    invocation = Invocation("first")

    assert story.tell(InvocationArrived(invocation), at=1.0) == (
        Phase.INVOKE,
        [
            InvocationStarted(invocation),
            SendInvocation(invocation, 4.0),
            SendInvoke(identifier("both"), invocation, 4.0),
            SendInvoke(identifier("invoke"), invocation, 4.0),
            SendInvoke(identifier("internal"), invocation, 4.0),
        ],
    )
    assert story.lifecycle.deadline == 4.0


def test_a_whole_invocation_with_its_spans() -> None:
    story, invocation = invoking({"x": "INVOKE"})

    assert story.tell(ResponseStarted("first"), at=1.25) == (Phase.INVOKE, [])
    assert story.tell(ResponseReceived(b"[1]", "application/json"), at=1.375) == (
        Phase.INVOKE,
        [AnswerCaller(invocation, FunctionResponse(b"[1]", "application/json"))],
    )
    spans = (1.0, 1.25, 1.375, 1.5)
    assert story.tell(RuntimePolled(), at=1.5) == (
        Phase.INVOKE,
        [RuntimeDone(invocation, SUCCESS, 0.5, 3, spans)],
    )
    assert story.tell(polled("x"), at=2.5) == (
        Phase.READY,
        [InvocationReported(invocation, SUCCESS, 1.5, 0.5, (1.5, 2.5))],
    )
    assert story.lifecycle.deadline is None


def test_an_invocation_whose_extension_is_done_first_ends_with_the_next_of_the_runtime() -> None:
    story, invocation = invoking({"x": "INVOKE"})
    story.tell(polled("x"))
    respond(story, invocation)
    _, effects = story.tell(RuntimePolled(), at=1.5)

    assert effects[-1] == InvocationReported(invocation, SUCCESS, 0.5, 0.5, (1.5, 1.5))


def test_an_error_of_the_function_goes_to_the_caller_and_is_a_success_of_the_runtime() -> None:
    story, invocation = invoking()

    assert story.tell(ErrorStarted("first"), ErrorReceived(b'{"errorType":"E"}', "application/json"), at=1.25) == (
        Phase.INVOKE,
        [AnswerCaller(invocation, FunctionError(b'{"errorType":"E"}', "application/json"))],
    )
    assert story.tell(RuntimePolled(), at=1.5) == (
        Phase.READY,
        [
            RuntimeDone(invocation, SUCCESS, 0.5),
            InvocationReported(invocation, SUCCESS, 0.5, 0.5, (1.5, 1.5)),
        ],
    )


# -- The callers -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("lifecycle/answer-before-extensions-are-done")
@pytest.mark.rule("lifecycle/busy-extension-holds-next-invocation")
def test_a_busy_extension_holds_up_the_next_invocation_but_not_the_answer() -> None:
    story, first = invoking({"x": "INVOKE"})
    second = Invocation("second")
    story.tell(InvocationArrived(second))

    assert respond(story, first) == (Phase.INVOKE, [AnswerCaller(first, FunctionResponse(b"{}"))])
    assert story.tell(RuntimePolled())[0] is Phase.INVOKE
    phase, effects = story.tell(polled("x"), at=2.0)
    assert (phase, effects[1:]) == (
        Phase.INVOKE,
        [
            InvocationStarted(second, waited=1.0),
            SendInvocation(second, 5.0),
            SendInvoke(identifier("x"), second, 5.0),
        ],
    )


def test_invocations_are_served_in_the_order_in_which_they_arrived() -> None:
    story, first = invoking()
    waiting = [first, Invocation("second"), Invocation("third")]
    story.tell(*map(InvocationArrived, waiting[1:]))
    answered = []
    for invocation in waiting:
        answered += respond(story, invocation)[1]
        story.tell(RuntimePolled())

    assert answered == [AnswerCaller(invocation, FunctionResponse(b"{}")) for invocation in waiting]


def test_an_invocation_is_refused_when_the_line_is_full_and_accepted_when_it_is_not() -> None:
    story = ready(queue_size=1)
    first, second, third = map(Invocation, ("first", "second", "third"))
    story.tell(InvocationArrived(first), InvocationArrived(second))

    assert story.refusal(InvocationArrived(third)) == (429, "TooManyRequestsException", "Rate Exceeded.")
    respond(story, first)
    story.tell(RuntimePolled())
    assert story.tell(InvocationArrived(third)) == (Phase.INVOKE, [])


def test_an_idle_environment_needs_no_line() -> None:
    story = ready(queue_size=0)

    assert story.tell(InvocationArrived(Invocation("first")))[0] is Phase.INVOKE


# -- Polls -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("runtime-api/next-twice-in-running")
def test_a_runtime_that_asks_again_before_it_has_answered_gets_the_same_invocation_again() -> None:
    story, invocation = invoking()

    assert story.tell(RuntimePolled(), at=2.0) == (Phase.INVOKE, [SendInvocation(invocation, 4.0)])
    assert story.tell(RuntimePolled()) == (Phase.INVOKE, [SendInvocation(invocation, 4.0)])
    assert respond(story, invocation)[1] == [AnswerCaller(invocation, FunctionResponse(b"{}"))]


@pytest.mark.rule("runtime-api/one-event-wakes-one-waiter")
@pytest.mark.rule("runtime-api/other-waiter-gets-second-event")
def test_of_two_waiting_polls_one_gets_the_first_invocation_and_the_other_the_second() -> None:
    story = ready()
    first, second = Invocation("first"), Invocation("second")
    story.tell(RuntimePolled(), at=1.0)

    assert story.tell(InvocationArrived(first)) == (
        Phase.INVOKE,
        [InvocationStarted(first), SendInvocation(first, 4.0)],
    )
    _, effects = respond(story, first)
    assert [type(effect) for effect in effects] == [AnswerCaller, RuntimeDone, InvocationReported]
    assert story.tell(InvocationArrived(second)) == (
        Phase.INVOKE,
        [InvocationStarted(second), SendInvocation(second, 4.0)],
    )


@pytest.mark.rule("runtime-api/event-survives-dropped-poll")
def test_a_runtime_that_dropped_its_poll_gets_the_invocation_with_the_next_one() -> None:
    story = ready()
    invocation = Invocation("first")
    story.tell(RuntimePollDropped())

    assert story.tell(InvocationArrived(invocation), at=1.0) == (Phase.INVOKE, [InvocationStarted(invocation)])
    assert story.tell(RuntimePolled(), at=2.0) == (Phase.INVOKE, [SendInvocation(invocation, 4.0)])


def test_a_runtime_that_dropped_one_of_two_polls_gets_the_invocation_with_the_other() -> None:
    story = ready()
    invocation = Invocation("first")
    story.tell(RuntimePolled(), RuntimePollDropped())

    assert story.tell(InvocationArrived(invocation), at=1.0)[1][-1] == SendInvocation(invocation, 4.0)


def test_an_extension_that_dropped_its_poll_gets_the_event_with_the_next_one() -> None:
    story = ready({"x": "INVOKE"})
    invocation = Invocation("first")
    story.tell(ExtensionPollDropped(identifier("x")))

    assert story.tell(InvocationArrived(invocation), at=1.0) == (
        Phase.INVOKE,
        [InvocationStarted(invocation), SendInvocation(invocation, 4.0)],
    )
    respond(story, invocation)
    assert story.tell(RuntimePolled())[0] is Phase.INVOKE
    assert story.tell(polled("x")) == (Phase.INVOKE, [SendInvoke(identifier("x"), invocation, 4.0)])
    assert story.tell(polled("x"))[0] is Phase.READY


def test_an_extension_that_dropped_its_poll_while_nothing_happened_may_ask_again() -> None:
    story = ready({"x": "SHUTDOWN"})
    story.tell(ExtensionPollDropped(identifier("x")))

    assert story.tell(polled("x")) == (Phase.READY, [])
    assert story.refusal(polled("x"))[0] == 403


def test_polls_that_nobody_knows_drop_without_a_consequence() -> None:
    story = ready()
    invocation = Invocation("first")

    assert story.tell(ExtensionPollDropped("nobody"), RuntimePollDropped(), RuntimePollDropped()) == (Phase.READY, [])
    assert story.tell(InvocationArrived(invocation), at=1.0) == (Phase.INVOKE, [InvocationStarted(invocation)])
