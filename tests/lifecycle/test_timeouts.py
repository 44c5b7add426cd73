"""The timeout of the function, and the reset that follows it or any other failure."""

import pytest

from supervisor.lifecycle.effects import (
    AnswerCaller,
    ClearEnvironment,
    KillRuntime,
    LaunchExtension,
    SendShutdown,
    TerminateRuntime,
)
from supervisor.lifecycle.events import (
    ExtensionExited,
    InvocationArrived,
    RuntimeExited,
    RuntimePolled,
    TimePassed,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import FunctionResponse, Invocation, PlatformError
from supervisor.lifecycle.milestones import (
    InitPhase,
    InitStarted,
    InvocationReported,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
)
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import TIMED_OUT, identifier, initialise, invoking, polled, respond

TIMEOUT = ShutdownReason.TIMEOUT
OK, TERMINATED, KILLED = ExitStatus(0), ExitStatus(signal=15), ExitStatus(signal=9)


def timed_out(request_id: str) -> PlatformError:
    text = f"RequestId: {request_id} Error: Task timed out after 3.00 seconds"
    return PlatformError("Sandbox.Timedout", text)


@pytest.mark.rule("lifecycle/timeout-without-extension")
def test_without_extensions_a_runtime_that_runs_into_the_timeout_is_killed_at_once() -> None:
    story, invocation = invoking()

    assert story.tell(TimePassed(), at=3.75) == (Phase.INVOKE, [])
    assert story.wait() == (
        Phase.RESET,
        [RuntimeDone(invocation, TIMED_OUT, 3.0), ShutdownStarted(TIMEOUT), KillRuntime()],
    )
    assert story.tell(RuntimeExited(KILLED), at=4.25) == (
        Phase.COLD,
        [
            ClearEnvironment(),
            ShutdownEnded(TIMEOUT, 0.25),
            InvocationReported(invocation, TIMED_OUT, 3.0, 0.5),
            AnswerCaller(invocation, timed_out("first")),
        ],
    )


@pytest.mark.rule("lifecycle/timeout-with-internal-extension")
def test_with_an_internal_extension_the_runtime_has_half_a_second_after_the_timeout() -> None:
    story, _ = invoking({}, {"internal": "INVOKE"})

    assert story.wait()[1][1:] == [ShutdownStarted(TIMEOUT), TerminateRuntime()]
    assert story.lifecycle.deadline == 4.5
    assert story.wait() == (Phase.RESET, [KillRuntime()])


def test_a_timeout_that_is_noticed_late_is_reported_as_the_timeout_and_takes_no_time_from_the_shutdown() -> None:
    story, invocation = invoking({"x": "SHUTDOWN"})

    assert story.wait(late=3.0) == (
        Phase.RESET,
        [RuntimeDone(invocation, TIMED_OUT, 6.0), ShutdownStarted(TIMEOUT), TerminateRuntime()],
    )
    assert story.tell(RuntimeExited(TERMINATED)) == (
        Phase.RESET,
        [SendShutdown(identifier("x"), TIMEOUT, 9.0)],
    )
    assert story.tell(ExtensionExited("x", OK))[1][2] == InvocationReported(invocation, TIMED_OUT, 3.0, 0.5)


def test_a_runtime_that_says_next_after_a_timeout_that_nobody_noticed_yet_has_no_time_before_it() -> None:
    story, invocation = invoking({"x": "INVOKE"})
    respond(story, invocation)
    story.tell(RuntimePolled(), at=4.25)
    story.tell(TimePassed(), RuntimeExited(TERMINATED))

    assert story.tell(ExtensionExited("x", KILLED))[1][2] == InvocationReported(
        invocation, TIMED_OUT, 3.0, 0.5, (4.25, 4.25)
    )


@pytest.mark.rule("lifecycle/timeout-after-answer-keeps-answer")
@pytest.mark.rule("lifecycle/timeout-after-answer-resets")
@pytest.mark.rule("extensions-api/busy-extension-gets-shutdown")
def test_an_extension_that_works_until_the_timeout_gets_shutdown_and_the_caller_keeps_its_answer() -> None:
    story, invocation = invoking({"x": "INVOKE SHUTDOWN"})
    answer = respond(story, invocation)[1]
    story.tell(RuntimePolled(), at=1.5)

    assert answer == [AnswerCaller(invocation, FunctionResponse(b"{}"))]
    assert story.wait() == (Phase.RESET, [ShutdownStarted(TIMEOUT), TerminateRuntime()])
    assert story.tell(RuntimeExited(TERMINATED), at=4.25) == (Phase.RESET, [])
    assert story.tell(polled("x"), at=4.5) == (Phase.RESET, [SendShutdown(identifier("x"), TIMEOUT, 6.0)])
    assert story.tell(ExtensionExited("x", OK), at=4.75) == (
        Phase.COLD,
        [
            ClearEnvironment(),
            ShutdownEnded(TIMEOUT, 0.75),
            InvocationReported(invocation, TIMED_OUT, 3.0, 0.5, (1.5, 4.0)),
        ],
    )


def test_a_runtime_that_asks_for_the_next_invocation_during_a_reset_waits_for_its_end() -> None:
    story, _ = invoking({"x": "SHUTDOWN"})
    story.wait()

    assert story.tell(RuntimePolled()) == (Phase.RESET, [])


def test_a_runtime_that_responds_and_never_says_next_runs_into_the_timeout() -> None:
    story, invocation = invoking(timeout=1.5)
    respond(story, invocation)
    spans = (1.0, 1.0, 1.0, 2.5)

    assert story.wait()[1][0] == RuntimeDone(invocation, TIMED_OUT, 1.5, 2, spans)


# -- The reset ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("lifecycle/failure-during-reset")
def test_a_failure_while_a_reset_is_under_way_starts_no_second_one() -> None:
    story, _ = invoking({"x": "SHUTDOWN", "y": "SHUTDOWN"})
    story.wait()

    assert story.tell(ExtensionExited("x", ExitStatus(1))) == (Phase.RESET, [])
    assert story.tell(RuntimeExited(ExitStatus(1))) == (
        Phase.RESET,
        [SendShutdown(identifier("y"), TIMEOUT, 6.0)],
    )


@pytest.mark.rule("lifecycle/reset-after-reset")
@pytest.mark.rule("extensions-api/new-process-after-reset")
def test_after_two_resets_in_a_row_the_next_invocation_is_served() -> None:
    story, first = invoking({"x": "INVOKE"})
    second, third = Invocation("second"), Invocation("third")
    story.tell(InvocationArrived(second), InvocationArrived(third))
    answered = []
    for _ in range(2):
        _, effects = story.tell(RuntimeExited(OK), ExtensionExited("x", KILLED))
        answered += [effect.invocation for effect in effects if isinstance(effect, AnswerCaller)]
        assert effects[-2:] == [InitStarted(InitPhase.INVOKE), LaunchExtension("x")]
        initialise(story, {"x": "INVOKE"}, {})

    assert answered == [first, second]
    assert respond(story, third) == (Phase.INVOKE, [AnswerCaller(third, FunctionResponse(b"{}"))])
