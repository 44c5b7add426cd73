"""SnapStart: Init ends at a snapshot, and the first invocation begins with its restore."""

import pytest

from supervisor.lifecycle.effects import (
    AnswerCaller,
    Effect,
    FreezeEnvironment,
    KillRuntime,
    LaunchRuntime,
    SendInvocation,
    SendRestore,
    ThawEnvironment,
)
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    Event,
    InvocationArrived,
    RestoreErrorReported,
    RestorePolled,
    RuntimeExited,
    RuntimeInitErrorReported,
    RuntimePollDropped,
    RuntimePolled,
    ShutdownRequested,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import FunctionError, Invocation, Outcome, Unavailable
from supervisor.lifecycle.milestones import (
    Ending,
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    RestoreReported,
    RestoreRuntimeDone,
    RestoreStarted,
    ShutdownStarted,
    Status,
)
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import SUCCESS, TIMED_OUT, Story, cold, error, respond

FAILURE = ShutdownReason.FAILURE
FIRST = Invocation("first")


def snapshot(freeze: bool = False) -> Story:
    """An environment whose snapshot was taken at 0.5."""
    story = Story(freeze=freeze)
    story.tell(EnvironmentStarted(), at=0.0)
    assert story.tell(RestorePolled(), at=0.5) == (
        Phase.READY,
        [InitRuntimeDone(InitPhase.INIT, SUCCESS), InitReported(InitPhase.INIT, SUCCESS, 0.5)],
    )
    if freeze:
        assert story.wait() == (Phase.READY, [FreezeEnvironment()])
    return story


def restoring(freeze: bool = False) -> Story:
    """An environment that is being restored since 10.0."""
    story = snapshot(freeze)
    thaw: list[Effect] = [ThawEnvironment()] if freeze else []
    assert story.tell(InvocationArrived(FIRST), at=10.0) == (Phase.RESTORE, [RestoreStarted(), *thaw, SendRestore()])
    assert story.lifecycle.deadline == 20.0
    return story


@pytest.mark.rule("lifecycle/restore-before-first-invocation")
@pytest.mark.parametrize("freeze", [False, True])
def test_the_first_invocation_begins_when_the_runtime_says_next_after_the_restore(freeze: bool) -> None:
    story = restoring(freeze)

    assert story.tell(RuntimePolled(), at=10.25) == (
        Phase.INVOKE,
        [
            RestoreRuntimeDone(SUCCESS),
            RestoreReported(SUCCESS, 0.25),
            InvocationStarted(FIRST, 0.25),
            SendInvocation(FIRST, 13.25),
        ],
    )


@pytest.mark.rule("lifecycle/restore-duration-on-first-report")
def test_the_first_report_has_a_restore_duration_and_no_init_duration_and_the_second_neither() -> None:
    story = restoring()
    story.tell(RuntimePolled(), at=10.25)
    respond(story, FIRST)
    _, effects = story.tell(RuntimePolled(), at=10.5)
    assert story.lifecycle.deadline is None
    assert effects[-1] == InvocationReported(FIRST, SUCCESS, 0.25, None, (10.5, 10.5), 0.25)

    second = Invocation("second")
    story.tell(InvocationArrived(second))
    respond(story, second)
    _, effects = story.tell(RuntimePolled())
    assert effects[-1] == InvocationReported(second, SUCCESS, 0.0, None, (10.5, 10.5))


@pytest.mark.rule("runtime-api/restore-is-optional")
def test_a_runtime_that_asks_for_an_invocation_at_once_is_not_restored() -> None:
    story = Story()
    story.tell(EnvironmentStarted(), RuntimePolled())

    assert story.tell(InvocationArrived(FIRST)) == (
        Phase.INVOKE,
        [InvocationStarted(FIRST), SendInvocation(FIRST, 3.0)],
    )


def refused_with(outcome: Outcome, ending: Ending, seconds: float) -> list[Effect]:
    return [
        RestoreRuntimeDone(ending),
        RestoreReported(ending, seconds),
        AnswerCaller(FIRST, outcome),
        ShutdownStarted(FAILURE),
        KillRuntime(),
    ]


@pytest.mark.rule("lifecycle/restore-limit")
def test_a_restore_may_take_ten_seconds() -> None:
    story = restoring()
    text = "Runtime.RestoreHookUserTimeout: not restored within 10 seconds"

    assert story.wait() == (
        Phase.RESET,
        refused_with(Unavailable(text, 408, "SnapStartTimeoutException"), TIMED_OUT, 10.0),
    )


@pytest.mark.rule("lifecycle/restore-error")
@pytest.mark.parametrize(
    "report",
    [
        RestoreErrorReported("Runtime.AfterRestoreError"),
        RuntimeInitErrorReported(b"{}", "", "Runtime.AfterRestoreError"),
    ],
)
def test_a_runtime_that_fails_after_the_restore_has_half_a_second_to_exit_and_its_caller_is_refused(
    report: Event,
) -> None:
    story = restoring()

    assert story.tell(report, at=11.0) == (Phase.RESTORE, [])
    assert story.lifecycle.deadline == 11.5
    assert story.wait() == (Phase.RESTORE, [KillRuntime()])
    text = "Runtime.AfterRestoreError: Runtime exited with error: signal: killed"
    outcome = Unavailable(text, 400, "SnapStartException")
    assert (
        story.tell(RuntimeExited(ExitStatus(signal=9)))[1][:4]
        == refused_with(outcome, error("Runtime.AfterRestoreError"), 1.5)[:4]
    )


def test_a_runtime_that_just_exits_in_a_restore_has_failed_too() -> None:
    story = restoring()

    _, effects = story.tell(RuntimeExited(ExitStatus(code=3)), at=11.0)

    text = "Runtime.ExitError: Runtime exited with error: exit status 3"
    assert AnswerCaller(FIRST, Unavailable(text, 400, "SnapStartException")) in effects


def test_the_invocation_after_a_restore_that_failed_waits_for_a_new_snapshot_and_its_restore() -> None:
    story = restoring()
    story.tell(RuntimeExited(ExitStatus(code=3)))
    second = Invocation("second")

    assert story.tell(InvocationArrived(second)) == (Phase.INIT, [InitStarted(InitPhase.INIT), LaunchRuntime()])
    phase, effects = story.tell(RestorePolled())
    assert (phase, effects[-2:]) == (Phase.RESTORE, [RestoreStarted(), SendRestore()])
    assert story.tell(RuntimePolled())[0] is Phase.INVOKE


def test_those_who_wait_behind_a_restore_that_fails_get_the_next_one() -> None:
    story = restoring()
    story.tell(InvocationArrived(Invocation("second")))

    phase, effects = story.tell(RuntimeExited(ExitStatus(code=3)))

    assert (phase, effects[-2:]) == (Phase.INIT, [InitStarted(InitPhase.INIT), LaunchRuntime()])


def test_an_init_inside_an_invocation_is_restored_at_once() -> None:
    story = cold()
    story.tell(InvocationArrived(FIRST))

    assert story.tell(RestorePolled()) == (Phase.INIT, [SendRestore()])
    phase, effects = story.tell(RuntimePolled())
    assert (phase, effects[-1]) == (Phase.INVOKE, SendInvocation(FIRST, 3.0))


def test_what_the_runtime_reports_after_that_is_a_failure_of_the_init() -> None:
    story = cold()
    story.tell(InvocationArrived(FIRST), RestorePolled())
    story.tell(RuntimeInitErrorReported(b'"why"', "application/json", "Runtime.Odd"))

    _, effects = story.tell(RuntimeExited(ExitStatus(code=3)))

    assert effects[-1] == AnswerCaller(FIRST, FunctionError(b'"why"', "application/json"))


def test_a_runtime_that_has_given_up_waiting_for_its_restore_is_told_nothing() -> None:
    story = snapshot()
    story.tell(RuntimePollDropped())

    assert story.tell(InvocationArrived(FIRST)) == (Phase.RESTORE, [RestoreStarted()])


@pytest.mark.rule("lifecycle/sigterm-during-restore")
def test_a_shutdown_during_a_restore_refuses_those_who_wait_and_reports_it() -> None:
    story = restoring()
    cut_off = Ending(Status.FAILURE, "Sandbox.Failure")

    assert story.tell(ShutdownRequested(), at=10.25) == (
        Phase.SHUTDOWN,
        [
            AnswerCaller(FIRST, Unavailable("The execution environment was shut down")),
            RestoreRuntimeDone(cut_off),
            RestoreReported(cut_off, 0.25),
            ShutdownStarted(ShutdownReason.SPINDOWN),
            KillRuntime(),
        ],
    )
