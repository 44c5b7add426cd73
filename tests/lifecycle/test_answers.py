"""The runtime's answers: whose they are, which ones are refused, and which ones cannot be used."""

import pytest

from supervisor.lifecycle.effects import AnswerCaller, SendInvocation
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ErrorReceived,
    ErrorStarted,
    Event,
    InvocationArrived,
    ResponseModeRefused,
    ResponseReceived,
    ResponseStarted,
    RuntimeExited,
    RuntimePolled,
    UploadOversized,
    UploadTruncated,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import FunctionResponse, Invocation, PlatformError
from supervisor.lifecycle.milestones import InvocationReported, InvocationStarted, RuntimeDone
from supervisor.lifecycle.states import Phase
from tests.lifecycle.story import SUCCESS, Story, invoking, ready, respond

INVALID_ID = (400, "InvalidRequestID", "Invalid request ID")
OTHER_ATTEMPT = (410, "InvokeTimeout", "Invoke timeout")


def invalid_transition(target: str) -> tuple[int, str, str]:
    text = f"State transition from RuntimeResponseSentState to {target} failed for runtime."
    return 403, "InvalidStateTransition", f"{text} Error: State transition is not allowed"


@pytest.mark.rule("runtime-api/response-wrong-request-id")
@pytest.mark.rule("runtime-api/right-response-after-wrong")
def test_a_response_with_another_request_id_is_refused_and_the_right_one_then_accepted() -> None:
    story, invocation = invoking()

    assert story.refusal(ResponseStarted("another")) == INVALID_ID
    assert respond(story, invocation)[1] == [AnswerCaller(invocation, FunctionResponse(b"{}"))]


@pytest.mark.rule("runtime-api/response-twice")
@pytest.mark.rule("runtime-api/error-after-response")
def test_a_second_answer_is_refused() -> None:
    story, invocation = invoking()
    respond(story, invocation)

    assert story.refusal(ResponseStarted("first")) == invalid_transition("InvocationResponse")
    assert story.refusal(ErrorStarted("first")) == invalid_transition("InvocationErrorResponse")


@pytest.mark.rule("runtime-api/late-response")
def test_a_late_response_to_the_previous_invocation_answers_nobody() -> None:
    story, first = invoking()
    second = Invocation("second")
    respond(story, first)
    story.tell(RuntimePolled(), InvocationArrived(second))

    assert story.refusal(ResponseStarted("first")) == INVALID_ID
    assert respond(story, second)[1] == [AnswerCaller(second, FunctionResponse(b"{}"))]


@pytest.mark.rule("runtime-api/invocation-id-of-other-attempt")
@pytest.mark.rule("runtime-api/right-invocation-id-after-other")
def test_an_answer_that_echoes_another_attempt_is_refused_and_the_right_one_then_accepted() -> None:
    story = ready()
    story.tell(InvocationArrived(Invocation("again", invocation_id="attempt 2")))
    refusals = [
        story.refusal(event)
        for event in (
            ResponseStarted("again", "attempt 1"),
            ErrorStarted("again", "attempt 1"),
            ResponseModeRefused("again", "attempt 1"),
            ResponseStarted("another", "attempt 1"),
            ResponseReceived(b"{}", started=ResponseStarted("again", "attempt 1")),
        )
    ]

    assert refusals == [OTHER_ATTEMPT] * 5
    assert story.tell(ResponseStarted("again", "attempt 2")) == (Phase.INVOKE, [])


def test_a_response_in_one_piece_is_the_same_as_one_that_begins_and_ends_in_one_moment() -> None:
    story, invocation = invoking()
    response = ResponseReceived(b"12", "text/x", started=ResponseStarted("first"))

    assert story.tell(response, at=1.25) == (
        Phase.INVOKE,
        [AnswerCaller(invocation, FunctionResponse(b"12", "text/x"))],
    )
    assert story.refusal(response) == invalid_transition("InvocationResponse")
    spans = (1.0, 1.25, 1.25, 2.0)
    assert story.tell(RuntimePolled(), at=2.0)[1][0] == RuntimeDone(invocation, SUCCESS, 1.0, 2, spans)


def test_an_answer_that_echoes_no_attempt_is_accepted() -> None:
    story = ready()
    story.tell(InvocationArrived(Invocation("again", invocation_id="attempt 2")))

    assert story.tell(ErrorStarted("again")) == (Phase.INVOKE, [])


@pytest.mark.rule("runtime-api/response-before-first-next")
def test_an_answer_before_the_first_next_is_refused() -> None:
    story = Story()
    story.tell(EnvironmentStarted(), InvocationArrived(Invocation("first")))

    assert story.refusal(ResponseStarted("first")) == INVALID_ID
    assert story.refusal(ErrorStarted("first", "attempt 1")) == INVALID_ID


def test_an_answer_after_the_invocation_is_over_is_refused() -> None:
    story, invocation = invoking()
    respond(story, invocation)
    story.tell(RuntimePolled())

    assert story.refusal(ResponseStarted("first")) == INVALID_ID


@pytest.mark.parametrize("answer", [ResponseStarted("first"), ErrorStarted("first"), ResponseModeRefused("first")])
def test_an_answer_after_the_timeout_is_refused(answer: Event) -> None:
    story, _ = invoking({"x": "INVOKE"})
    story.wait()

    assert story.refusal(answer) == INVALID_ID


UPLOAD_ENDS: list[Event] = [ResponseReceived(b"{}"), ErrorReceived(b"{}"), UploadOversized(), UploadTruncated()]


@pytest.mark.parametrize("end", UPLOAD_ENDS)
def test_an_answer_that_was_begun_before_the_timeout_and_ends_after_it_is_refused(end: Event) -> None:
    story, _ = invoking({"x": "INVOKE"})
    story.tell(ResponseStarted("first"))
    story.wait()

    assert story.refusal(end) == INVALID_ID


@pytest.mark.parametrize("end", UPLOAD_ENDS)
def test_an_answer_that_nobody_began_does_not_end(end: Event) -> None:
    idle, (running, _) = ready(), invoking()

    assert [idle.refusal(end), running.refusal(end)] == [INVALID_ID, INVALID_ID]


# -- Answers that cannot be used ---------------------------------------------------------------------------------------

TOO_LARGE = PlatformError(
    "Function.ResponseSizeTooLarge",
    "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
)
TRUNCATED = PlatformError("Runtime.TruncatedResponse", "RequestId: first Error: HTTP request detected as truncated")
WRONG_MODE = PlatformError(
    "Runtime.InvalidResponseModeHeader", "RequestId: first Error: Invalid function response mode"
)


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        pytest.param(
            (ResponseStarted("first"), UploadOversized()),
            TOO_LARGE,
            marks=[
                pytest.mark.rule("runtime-api/oversized-response-fails-invocation"),
                pytest.mark.rule("runtime-api/next-after-oversized-response"),
            ],
        ),
        ((ErrorStarted("first"), UploadOversized()), TOO_LARGE),
        pytest.param(
            (ResponseModeRefused("first"),),
            WRONG_MODE,
            marks=pytest.mark.rule("runtime-api/next-after-unknown-response-mode"),
        ),
    ],
)
def test_an_answer_that_cannot_be_used_fails_the_invocation_and_the_runtime_goes_on(
    events: tuple[Event, ...], answer: PlatformError
) -> None:
    story, first = invoking()
    second = Invocation("second")

    assert story.tell(*events) == (Phase.INVOKE, [AnswerCaller(first, answer)])
    assert story.tell(RuntimePolled(), InvocationArrived(second), at=1.5) == (
        Phase.INVOKE,
        [
            RuntimeDone(first, SUCCESS, 0.5),
            InvocationReported(first, SUCCESS, 0.5, 0.5, (1.5, 1.5)),
            InvocationStarted(second),
            SendInvocation(second, 4.5),
        ],
    )


@pytest.mark.rule("runtime-api/truncated-response")
@pytest.mark.parametrize("start", [ResponseStarted("first"), ErrorStarted("first")])
def test_an_answer_that_broke_off_fails_the_invocation_when_it_is_no_exit_that_broke_it_off(start: Event) -> None:
    story, first = invoking()

    assert story.tell(start, UploadTruncated(), at=1.0) == (Phase.INVOKE, [])
    assert story.wait() == (Phase.INVOKE, [AnswerCaller(first, TRUNCATED)])
    assert story.now == 1.5
    phase, effects = story.tell(RuntimePolled())
    assert (phase, [effect for effect in effects if isinstance(effect, AnswerCaller)]) == (Phase.READY, [])


def test_an_answer_that_broke_off_fails_the_invocation_as_soon_as_the_runtime_asks_for_the_next_event() -> None:
    story, first = invoking()
    story.tell(ResponseStarted("first"), UploadTruncated())

    assert story.tell(RuntimePolled(), at=1.25) == (
        Phase.READY,
        [
            AnswerCaller(first, TRUNCATED),
            RuntimeDone(first, SUCCESS, 0.25),
            InvocationReported(first, SUCCESS, 0.25, 0.5, (1.25, 1.25)),
        ],
    )
    assert story.lifecycle.deadline is None


@pytest.mark.rule("runtime-api/truncated-by-exit")
def test_an_exit_that_broke_an_answer_off_is_what_the_caller_learns() -> None:
    story, first = invoking()
    story.tell(ResponseStarted("first"), UploadTruncated())
    phase, effects = story.tell(RuntimeExited(ExitStatus(3)), at=1.25)

    exit_error = PlatformError("Runtime.ExitError", "RequestId: first Error: Runtime exited with error: exit status 3")
    assert phase is Phase.COLD
    assert [effect for effect in effects if isinstance(effect, AnswerCaller)] == [AnswerCaller(first, exit_error)]


def test_a_response_in_a_wrong_mode_is_checked_for_its_request_id_and_its_state_first() -> None:
    story, invocation = invoking()

    assert story.refusal(ResponseModeRefused("another")) == INVALID_ID
    respond(story, invocation)
    assert story.refusal(ResponseModeRefused("first")) == invalid_transition("InvocationResponse")
