"""Init inside an invocation: after a failed init or a reset, or when an invocation comes before everything else."""

import pytest

from supervisor.lifecycle.effects import (
    AnswerCaller,
    ClearEnvironment,
    LaunchExtension,
    LaunchRuntime,
    SendInvocation,
    SendInvoke,
    SendShutdown,
    TerminateRuntime,
)
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ExtensionExited,
    InvocationArrived,
    RuntimeExited,
    RuntimeInitErrorReported,
    RuntimePolled,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import FunctionError, FunctionResponse, Invocation, PlatformError
from supervisor.lifecycle.milestones import (
    ExtensionReported,
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
)
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import (
    SUCCESS,
    TIMED_OUT,
    Story,
    cold,
    error,
    identifier,
    initialise,
    polled,
    registered,
    respond,
)

EXITED_WITH_1 = ExitStatus(1)
EXIT_ERROR = error("Runtime.ExitError")
CRASH = error("Extension.Crash")


def initialising(invocation: Invocation) -> Story:
    """An init that began at 0.0, and an invocation that has been waiting for its end since 1.0."""
    story = Story()
    story.tell(EnvironmentStarted(), at=0.0)
    story.tell(InvocationArrived(invocation), at=1.0)
    return story


@pytest.mark.rule("lifecycle/failed-init-is-retried")
@pytest.mark.rule("lifecycle/init-fails-once-succeeds")
@pytest.mark.rule("lifecycle/init-fails-once-duration")
@pytest.mark.rule("lifecycle/no-init-duration-after-suppressed-init")
def test_an_init_that_failed_is_tried_again_inside_the_first_invocation_and_counts_in_its_duration() -> None:
    invocation = Invocation("first")
    story = initialising(invocation)

    assert story.tell(RuntimeExited(EXITED_WITH_1), at=2.0) == (
        Phase.INIT,
        [
            InitRuntimeDone(InitPhase.INIT, EXIT_ERROR),
            InitReported(InitPhase.INIT, EXIT_ERROR, 2.0),
            ShutdownStarted(ShutdownReason.FAILURE),
            ClearEnvironment(),
            ShutdownEnded(ShutdownReason.FAILURE, 0.0),
            InitStarted(InitPhase.INVOKE),
            LaunchRuntime(),
        ],
    )
    assert story.tell(RuntimePolled(), at=2.5) == (
        Phase.INVOKE,
        [
            InitRuntimeDone(InitPhase.INVOKE, SUCCESS),
            InitReported(InitPhase.INVOKE, SUCCESS, 0.5),
            InvocationStarted(invocation, waited=1.0),
            SendInvocation(invocation, 5.5),
        ],
    )
    assert respond(story, invocation) == (Phase.INVOKE, [AnswerCaller(invocation, FunctionResponse(b"{}"))])
    assert story.tell(RuntimePolled(), at=3.0) == (
        Phase.READY,
        [
            RuntimeDone(
                invocation,
                SUCCESS,
                0.5,
                2,
                (2.5, 2.5, 2.5, 3.0),
            ),
            InvocationReported(invocation, SUCCESS, 1.0, None, (3.0, 3.0)),
        ],
    )


@pytest.mark.rule("lifecycle/init-fails-twice-reports")
@pytest.mark.rule("lifecycle/init-fails-twice-answer")
def test_an_init_that_fails_twice_fails_the_invocation_with_the_second_failure() -> None:
    invocation = Invocation("first")
    story = initialising(invocation)
    story.tell(RuntimeExited(EXITED_WITH_1), at=2.0)

    assert story.tell(RuntimeExited(ExitStatus(2)), at=2.5) == (
        Phase.COLD,
        [
            InitRuntimeDone(InitPhase.INVOKE, EXIT_ERROR),
            InitReported(InitPhase.INVOKE, EXIT_ERROR, 0.5),
            InvocationStarted(invocation, waited=1.0),
            RuntimeDone(invocation, EXIT_ERROR, 0.0),
            ShutdownStarted(ShutdownReason.FAILURE),
            ClearEnvironment(),
            ShutdownEnded(ShutdownReason.FAILURE, 0.0),
            InvocationReported(invocation, EXIT_ERROR, 0.5),
            AnswerCaller(
                invocation,
                PlatformError("Runtime.ExitError", "RequestId: first Error: Runtime exited with error: exit status 2"),
            ),
        ],
    )


def test_the_invocation_after_one_whose_init_failed_has_an_init_of_its_own() -> None:
    story = initialising(Invocation("first"))
    story.tell(RuntimeExited(EXITED_WITH_1), RuntimeExited(EXITED_WITH_1))

    assert story.tell(InvocationArrived(Invocation("second"))) == (
        Phase.INIT,
        [InitStarted(InitPhase.INVOKE), LaunchRuntime()],
    )


def test_extensions_are_launched_anew_for_the_second_try_and_get_their_invoke_event() -> None:
    invocation = Invocation("first")
    story = Story(("x",))
    story.tell(EnvironmentStarted(), InvocationArrived(invocation))

    assert story.tell(ExtensionExited("x", ExitStatus(0)), at=1.0) == (
        Phase.INIT,
        [
            InitRuntimeDone(InitPhase.INIT, CRASH),
            ExtensionReported("x", "Started", ()),
            InitReported(InitPhase.INIT, CRASH, 1.0),
            ShutdownStarted(ShutdownReason.FAILURE),
            ClearEnvironment(),
            ShutdownEnded(ShutdownReason.FAILURE, 0.0),
            InitStarted(InitPhase.INVOKE),
            LaunchExtension("x"),
        ],
    )
    assert initialise(story, {"x": "INVOKE"}, {}) == (
        Phase.INVOKE,
        [
            LaunchRuntime(),
            InitRuntimeDone(InitPhase.INVOKE, SUCCESS),
            ExtensionReported("x", "Ready", ("INVOKE",)),
            InitReported(InitPhase.INVOKE, SUCCESS, 0.0),
            InvocationStarted(invocation, waited=1.0),
            SendInvocation(invocation, 4.0),
            SendInvoke(identifier("x"), invocation, 4.0),
        ],
    )


def test_an_invocation_that_comes_before_the_environment_started_waits_for_its_init() -> None:
    story = Story()
    invocation = Invocation("first")

    assert story.tell(InvocationArrived(invocation)) == (
        Phase.INIT,
        [InitStarted(InitPhase.INIT), LaunchRuntime()],
    )
    assert story.tell(EnvironmentStarted()) == (Phase.INIT, [])
    assert story.tell(RuntimePolled(), at=0.5)[0] is Phase.INVOKE


@pytest.mark.rule("lifecycle/deadline-after-suppressed-init")
@pytest.mark.rule("lifecycle/time-limit-after-suppressed-init")
def test_after_an_init_of_two_seconds_the_function_has_its_whole_timeout_of_three() -> None:
    story = cold()
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation), at=0.0)
    _, effects = story.tell(RuntimePolled(), at=2.0)

    assert effects[-1] == SendInvocation(invocation, 5.0)
    assert story.lifecycle.deadline == 5.0
    assert story.wait()[0] is Phase.RESET
    assert story.tell(RuntimeExited(ExitStatus(0, 9)), at=5.25)[1][2:] == [
        InvocationReported(invocation, TIMED_OUT, 5.0),
        AnswerCaller(
            invocation,
            PlatformError("Sandbox.Timedout", "RequestId: first Error: Task timed out after 3.00 seconds"),
        ),
    ]


def test_an_init_that_uses_up_the_timeout_of_the_function_is_a_timeout_of_the_invocation() -> None:
    story = cold("x")
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation), registered("x", "SHUTDOWN"), polled("x"), at=1.0)

    assert story.lifecycle.deadline == 4.0
    assert story.wait(late=0.25) == (
        Phase.RESET,
        [
            InitRuntimeDone(InitPhase.INVOKE, TIMED_OUT),
            ExtensionReported("x", "Ready", ("SHUTDOWN",)),
            InitReported(InitPhase.INVOKE, TIMED_OUT, 3.25),
            InvocationStarted(invocation),
            RuntimeDone(invocation, TIMED_OUT, 0.0),
            ShutdownStarted(ShutdownReason.TIMEOUT),
            TerminateRuntime(),
        ],
    )
    assert story.tell(RuntimeExited(EXITED_WITH_1), at=4.5) == (
        Phase.RESET,
        [SendShutdown(identifier("x"), ShutdownReason.TIMEOUT, 6.25)],
    )
    assert story.tell(ExtensionExited("x", ExitStatus(0)), at=4.75) == (
        Phase.COLD,
        [
            ClearEnvironment(),
            ShutdownEnded(ShutdownReason.TIMEOUT, 0.5),
            InvocationReported(invocation, TIMED_OUT, 3.0),
            AnswerCaller(
                invocation,
                PlatformError("Sandbox.Timedout", "RequestId: first Error: Task timed out after 3.00 seconds"),
            ),
        ],
    )


def test_what_the_runtime_reported_of_its_init_is_the_answer() -> None:
    story = cold()
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation))
    story.tell(RuntimeInitErrorReported(b'{"errorMessage":"no handler"}', "application/json", "Runtime.ImportError"))
    fault = error("Runtime.ImportError")

    assert story.tell(RuntimeExited(EXITED_WITH_1), at=0.25) == (
        Phase.COLD,
        [
            InitRuntimeDone(InitPhase.INVOKE, fault),
            InitReported(InitPhase.INVOKE, fault, 0.25),
            InvocationStarted(invocation),
            RuntimeDone(invocation, fault, 0.0),
            ShutdownStarted(ShutdownReason.FAILURE),
            ClearEnvironment(),
            ShutdownEnded(ShutdownReason.FAILURE, 0.0),
            InvocationReported(invocation, fault, 0.25),
            AnswerCaller(invocation, FunctionError(b'{"errorMessage":"no handler"}', "application/json")),
        ],
    )


def test_what_the_runtime_reported_of_its_init_is_the_answer_whoever_exits_first() -> None:
    story = cold("x")
    invocation = Invocation("first")
    story.tell(
        InvocationArrived(invocation), registered("x"), RuntimeInitErrorReported(b"{}", "", "Runtime.ImportError")
    )
    story.tell(ExtensionExited("x", EXITED_WITH_1))
    _, effects = story.tell(RuntimeExited(EXITED_WITH_1))

    assert effects[-2:] == [
        InvocationReported(invocation, error("Runtime.ImportError"), 0.0),
        AnswerCaller(invocation, FunctionError(b"{}")),
    ]
