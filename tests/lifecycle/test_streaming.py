"""Responses that are streamed: who reads along, and how it ends."""

import json

import pytest

from supervisor.lifecycle.effects import AnswerCaller, CutAnswer, Effect, StartAnswer
from supervisor.lifecycle.events import (
    ErrorReceived,
    ErrorStarted,
    Event,
    InvocationArrived,
    ResponseReceived,
    ResponseStarted,
    RuntimeExited,
    RuntimePolled,
    ShutdownRequested,
    UploadOversized,
    UploadTruncated,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import (
    FunctionError,
    FunctionResponse,
    Invocation,
    PlatformError,
    StreamError,
)
from supervisor.lifecycle.milestones import InvocationReported, RuntimeDone
from supervisor.lifecycle.states import Phase
from tests.lifecycle.story import SUCCESS, Story, ready

STREAM = ResponseStarted("first", streaming=True, content_type="text/plain")
ERROR = StreamError("Function.Odd", '{"errorMessage":"odd"}')


def reading(*, wants_stream: bool = True, wants_log_tail: bool = False) -> tuple[Story, Invocation]:
    """An environment whose first invocation, by a caller who reads along, was handed out at 1.0."""
    story = ready()
    invocation = Invocation("first", wants_stream=wants_stream, wants_log_tail=wants_log_tail)
    story.tell(InvocationArrived(invocation), at=1.0)
    return story, invocation


def answers(effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, StartAnswer | AnswerCaller)]


def test_a_caller_reads_along_from_the_moment_in_which_the_runtime_begins() -> None:
    story, invocation = reading()

    assert story.tell(STREAM, at=1.25) == (Phase.INVOKE, [StartAnswer(invocation, "text/plain")])
    assert story.tell(ResponseReceived(b"", streamed_bytes=1000), at=2.25) == (
        Phase.INVOKE,
        [AnswerCaller(invocation, FunctionResponse(b""))],
    )
    assert story.tell(RuntimePolled(), at=2.5) == (
        Phase.READY,
        [
            RuntimeDone(
                invocation,
                SUCCESS,
                1.5,
                1000,
                (1.0, 1.25, 2.25, 2.5),
            ),
            InvocationReported(invocation, SUCCESS, 1.5, 0.5, (2.5, 2.5)),
        ],
    )


@pytest.mark.parametrize(
    ("wants_stream", "start"),
    [(False, STREAM), (True, ResponseStarted("first", content_type="text/plain"))],
    ids=["the caller waits", "the runtime does not stream"],
)
def test_nobody_reads_along_unless_both_want_it(wants_stream: bool, start: Event) -> None:
    story, invocation = reading(wants_stream=wants_stream)
    response = FunctionResponse(b"whole", "text/plain")

    assert story.tell(start) == (Phase.INVOKE, [])
    assert story.tell(ResponseReceived(b"whole", "text/plain")) == (Phase.INVOKE, [AnswerCaller(invocation, response)])


def test_a_stream_may_end_with_an_error_of_the_function_and_counts_as_a_success() -> None:
    story, invocation = reading()
    story.tell(STREAM)

    _, effects = story.tell(ResponseReceived(b"", stream_error=ERROR, streamed_bytes=3))
    assert effects == [AnswerCaller(invocation, FunctionResponse(b"", stream_error=ERROR))]
    phase, effects = story.tell(RuntimePolled())
    assert phase is Phase.READY
    assert [effect.ending for effect in effects if isinstance(effect, RuntimeDone | InvocationReported)] == [
        SUCCESS
    ] * 2


def test_an_error_may_be_reported_instead_of_a_stream_and_not_after_its_beginning() -> None:
    story, invocation = reading()
    _, effects = story.tell(ErrorStarted("first"), ErrorReceived(b"odd"))
    assert effects == [AnswerCaller(invocation, FunctionError(b"odd"))]

    story, _ = reading()
    story.tell(STREAM)
    assert story.refusal(ErrorStarted("first"))[:2] == (403, "InvalidStateTransition")


def test_the_end_of_a_stream_waits_for_the_end_of_the_log_if_its_caller_wants_that() -> None:
    story, invocation = reading(wants_log_tail=True)

    _, effects = story.tell(STREAM, ResponseReceived(b"", streamed_bytes=3))
    assert answers(effects) == [StartAnswer(invocation, "text/plain")]
    _, effects = story.tell(RuntimePolled())
    assert effects[-1] == AnswerCaller(invocation, FunctionResponse(b""))


@pytest.mark.parametrize(
    ("events", "error"),
    [
        (
            (RuntimeExited(ExitStatus(3)),),
            PlatformError("Runtime.ExitError", "RequestId: first Error: Runtime exited with error: exit status 3"),
        ),
        (
            (UploadTruncated(), RuntimeExited(ExitStatus(3))),
            PlatformError("Runtime.ExitError", "RequestId: first Error: Runtime exited with error: exit status 3"),
        ),
        (
            (UploadTruncated(), RuntimePolled()),
            PlatformError("Runtime.TruncatedResponse", "RequestId: first Error: HTTP request detected as truncated"),
        ),
        (
            (UploadOversized(),),
            PlatformError(
                "Function.ResponseSizeTooLarge",
                "Response payload size exceeded maximum allowed payload size (209715200 bytes).",
            ),
        ),
        (
            (ShutdownRequested(),),
            PlatformError("Sandbox.Failure", "RequestId: first Error: The execution environment was shut down"),
        ),
    ],
    ids=["exit", "exit that is seen late", "broken off", "too large", "shutdown"],
)
def test_what_fails_in_the_middle_of_a_stream_ends_it(events: tuple[Event, ...], error: PlatformError) -> None:
    story, invocation = reading()
    story.tell(STREAM)
    effects = [effect for event in events for effect in story.tell(event)[1]]
    while story.lifecycle.deadline is not None and not answers(effects):
        effects += story.wait()[1]

    assert answers(effects) == [AnswerCaller(invocation, error)]


def test_nothing_more_reaches_the_caller_of_a_stream_that_has_failed() -> None:
    for wants_stream in (True, False):
        story, invocation = reading(wants_stream=wants_stream)
        story.tell(STREAM)

        assert (CutAnswer(invocation) in story.wait()[1]) is wants_stream
    story, invocation = reading(wants_log_tail=True)
    story.tell(STREAM, ResponseReceived(b"", streamed_bytes=3))
    assert CutAnswer(invocation) not in story.wait()[1]


def test_a_timeout_in_the_middle_of_a_stream_ends_it() -> None:
    story, invocation = reading()
    story.tell(STREAM)

    error = PlatformError("Sandbox.Timedout", "RequestId: first Error: Task timed out after 3.00 seconds")
    assert answers(story.wait()[1] + story.tell(RuntimeExited(ExitStatus(signal=9)))[1]) == [
        AnswerCaller(invocation, error)
    ]


def test_a_stream_that_is_too_large_for_a_caller_who_waits_is_told_in_the_form_that_was_recorded() -> None:
    story, _ = reading(wants_stream=False)
    (answer,) = story.tell(STREAM, UploadOversized())[1]

    assert isinstance(answer, AnswerCaller)
    assert isinstance(answer.outcome, FunctionError)
    assert len(answer.outcome.payload) == 148
    assert json.loads(bytes(answer.outcome.payload)) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
