"""Shutdown asked for in every phase, once or more often: it comes to an end and nobody stays without an answer."""

import pytest

from supervisor.lifecycle.effects import (
    AnswerCaller,
    ClearEnvironment,
    DismissExtension,
    Effect,
    EndEnvironment,
    KillExtension,
    KillRuntime,
    SendShutdown,
    TerminateRuntime,
)
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ExtensionExited,
    ExtensionLaunchFailed,
    InvocationArrived,
    RuntimeExited,
    RuntimePolled,
    ShutdownRequested,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import FunctionResponse, Invocation, PlatformError, Unavailable
from supervisor.lifecycle.milestones import (
    Ending,
    InvocationReported,
    InvocationStarted,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
    Status,
)
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import Story, cold, identifier, invoking, polled, ready, registered, respond

SPINDOWN = ShutdownReason.SPINDOWN
TERMINATED = ExitStatus(signal=15)
KILLED = ExitStatus(signal=9)
EXITED_WITH_1 = PlatformError("Runtime.ExitError", "RequestId: first Error: Runtime exited with error: exit status 1")
CUT_OFF = Ending(Status.FAILURE, "Sandbox.Failure")


def ended(duration: float, *killed: str) -> list[Effect]:
    return [ClearEnvironment(), ShutdownEnded(SPINDOWN, duration, killed), EndEnvironment()]


def test_a_shutdown_before_the_start_is_the_end() -> None:
    assert Story().tell(ShutdownRequested()) == (Phase.ENDED, [ShutdownStarted(SPINDOWN), *ended(0.0)])


@pytest.mark.rule("lifecycle/sigterm-during-init")
def test_a_shutdown_during_init_stops_the_runtime_and_answers_those_who_wait() -> None:
    story = Story(("x",))
    waiting = Invocation("first")
    story.tell(EnvironmentStarted(), registered("x", "SHUTDOWN"), polled("x"), InvocationArrived(waiting))

    assert story.tell(ShutdownRequested(), at=1.0) == (
        Phase.SHUTDOWN,
        [
            AnswerCaller(waiting, Unavailable("The execution environment was shut down")),
            ShutdownStarted(SPINDOWN),
            TerminateRuntime(),
        ],
    )
    assert story.tell(RuntimeExited(TERMINATED), at=1.25) == (
        Phase.SHUTDOWN,
        [SendShutdown(identifier("x"), SPINDOWN, 3.0)],
    )
    assert story.tell(ExtensionExited("x", ExitStatus()), at=1.5) == (Phase.ENDED, ended(0.5))


def test_a_launch_that_fails_after_the_shutdown_began_is_an_exit() -> None:
    story = Story(("x",))
    story.tell(EnvironmentStarted(), ShutdownRequested())

    assert story.tell(ExtensionLaunchFailed("x", "UnknownError", "no")) == (Phase.ENDED, ended(0.0))


def test_a_shutdown_during_an_init_inside_an_invocation_answers_its_caller() -> None:
    story = cold()
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation), at=0.0)

    assert story.tell(ShutdownRequested(), RuntimeExited(KILLED), at=1.0) == (
        Phase.ENDED,
        [
            InvocationStarted(invocation),
            RuntimeDone(invocation, CUT_OFF, 0.0),
            ShutdownStarted(SPINDOWN),
            KillRuntime(),
            ClearEnvironment(),
            ShutdownEnded(SPINDOWN, 0.0),
            InvocationReported(invocation, CUT_OFF, 1.0),
            AnswerCaller(invocation, shut_down("first")),
            EndEnvironment(),
        ],
    )


def shut_down(request_id: str) -> PlatformError:
    text = f"RequestId: {request_id} Error: The execution environment was shut down"
    return PlatformError("Sandbox.Failure", text)


@pytest.mark.rule("lifecycle/sigterm-during-invocation")
def test_a_shutdown_during_an_invocation_answers_its_caller_at_the_end() -> None:
    story, invocation = invoking({"x": "INVOKE SHUTDOWN"})

    assert story.tell(ShutdownRequested(), at=2.0) == (
        Phase.SHUTDOWN,
        [RuntimeDone(invocation, CUT_OFF, 1.0), ShutdownStarted(SPINDOWN), TerminateRuntime()],
    )
    assert story.tell(RuntimeExited(TERMINATED)) == (Phase.SHUTDOWN, [])
    assert story.tell(polled("x")) == (Phase.SHUTDOWN, [SendShutdown(identifier("x"), SPINDOWN, 4.0)])
    assert story.tell(ExtensionExited("x", ExitStatus()), at=3.0) == (
        Phase.ENDED,
        [
            ClearEnvironment(),
            ShutdownEnded(SPINDOWN, 1.0),
            InvocationReported(invocation, CUT_OFF, 1.0, 0.5),
            AnswerCaller(invocation, shut_down("first")),
            EndEnvironment(),
        ],
    )


def test_a_shutdown_after_the_answer_gives_no_second_one() -> None:
    story, invocation = invoking({"x": "INVOKE"})
    answer = respond(story, invocation)[1]
    story.tell(RuntimePolled(), at=1.5)
    _, effects = story.tell(ShutdownRequested(), RuntimeExited(TERMINATED), ExtensionExited("x", KILLED), at=2.0)

    assert answer == [AnswerCaller(invocation, FunctionResponse(b"{}"))]
    assert effects == [
        ShutdownStarted(SPINDOWN),
        TerminateRuntime(),
        DismissExtension("x"),
        ClearEnvironment(),
        ShutdownEnded(SPINDOWN, 0.0),
        InvocationReported(invocation, CUT_OFF, 1.0, 0.5, (1.5, 2.0)),
        EndEnvironment(),
    ]


@pytest.mark.rule("lifecycle/sigterm-during-reset")
def test_a_shutdown_during_a_reset_makes_the_reset_the_end() -> None:
    story, invocation = invoking({"x": "SHUTDOWN"})
    waiting = Invocation("second")
    story.tell(InvocationArrived(waiting), RuntimeExited(ExitStatus(1)), at=2.0)

    assert story.tell(ShutdownRequested()) == (
        Phase.SHUTDOWN,
        [AnswerCaller(waiting, Unavailable("The execution environment was shut down"))],
    )
    phase, effects = story.tell(ExtensionExited("x", ExitStatus()), at=2.5)
    assert (phase, [type(effect) for effect in effects]) == (
        Phase.ENDED,
        [ClearEnvironment, ShutdownEnded, InvocationReported, AnswerCaller, EndEnvironment],
    )
    assert effects[1] == ShutdownEnded(ShutdownReason.FAILURE, 0.5)
    assert effects[3] == AnswerCaller(invocation, EXITED_WITH_1)


def test_a_second_shutdown_hurries_and_a_third_changes_nothing() -> None:
    story = ready({"x": "SHUTDOWN"})
    story.tell(ShutdownRequested(), at=2.0)

    assert story.tell(ShutdownRequested(), at=2.125) == (Phase.SHUTDOWN, [KillRuntime(), KillExtension("x")])
    assert story.tell(ShutdownRequested(), at=3.0) == (Phase.SHUTDOWN, [])
    assert story.lifecycle.deadline == 4.125
    assert story.tell(RuntimeExited(KILLED), ExtensionExited("x", KILLED), at=3.0) == (Phase.ENDED, ended(1.0, "x"))


def test_a_second_shutdown_hurries_a_reset_that_became_the_end() -> None:
    story, _ = invoking({"x": "SHUTDOWN"})
    story.tell(RuntimeExited(ExitStatus(1)), ShutdownRequested())

    assert story.tell(ShutdownRequested()) == (Phase.SHUTDOWN, [KillExtension("x")])


def test_the_reason_of_the_shutdown_reaches_the_extensions() -> None:
    story = ready({"x": "SHUTDOWN"})
    _, effects = story.tell(ShutdownRequested(ShutdownReason.FAILURE), RuntimeExited(TERMINATED), at=2.0)

    assert effects[-1] == SendShutdown(identifier("x"), ShutdownReason.FAILURE, 4.0)


def test_nobody_is_invited_into_an_environment_that_ends_or_has_ended() -> None:
    story = ready()
    refusal = (500, "ServiceException", "The execution environment was shut down")
    story.tell(ShutdownRequested())

    assert story.refusal(InvocationArrived(Invocation("late"))) == refusal
    story.tell(RuntimeExited(KILLED))
    assert story.refusal(InvocationArrived(Invocation("late"))) == refusal


def test_nothing_follows_the_end() -> None:
    story = ready()
    story.tell(ShutdownRequested(), RuntimeExited(KILLED))
    late = (EnvironmentStarted(), ShutdownRequested(), RuntimeExited(KILLED), ExtensionExited("x", KILLED))

    assert story.tell(*late) == (Phase.ENDED, [])
