"""The exit of the runtime or of an extension while the environment runs: the reset, the report and the answer."""

import pytest

from supervisor.lifecycle.effects import (
    AnswerCaller,
    ClearEnvironment,
    LaunchExtension,
    LaunchRuntime,
    SendShutdown,
    TerminateRuntime,
)
from supervisor.lifecycle.events import (
    ExtensionExited,
    ExtensionExitErrorReported,
    InvocationArrived,
    RuntimeExited,
    RuntimePolled,
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
from tests.lifecycle.story import SUCCESS, error, identifier, initialise, invoking, ready, respond

FAILURE = ShutdownReason.FAILURE
EXIT_ERROR = error("Runtime.ExitError")
CRASH = error("Extension.Crash")
OK, TERMINATED, KILLED = ExitStatus(0), ExitStatus(signal=15), ExitStatus(signal=9)


# -- The runtime's exit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(
            OK,
            "Runtime exited without providing a reason",
            marks=pytest.mark.rule("lifecycle/runtime-exits-with-zero"),
        ),
        (ExitStatus(17), "Runtime exited with error: exit status 17"),
        pytest.param(
            KILLED,
            "Runtime exited with error: signal: killed",
            marks=pytest.mark.rule("lifecycle/plain-kill"),
        ),
        (ExitStatus(signal=11), "Runtime exited with error: signal: segmentation fault"),
        (ExitStatus(signal=42), "Runtime exited with error: signal: signal 42"),
    ],
)
def test_the_exit_of_the_runtime_fails_the_invocation_with_the_words_for_it(status: ExitStatus, text: str) -> None:
    story, invocation = invoking()

    assert story.tell(RuntimeExited(status), at=1.5) == (
        Phase.COLD,
        [
            RuntimeDone(invocation, EXIT_ERROR, 0.5),
            ShutdownStarted(FAILURE),
            ClearEnvironment(),
            ShutdownEnded(FAILURE, 0.0),
            InvocationReported(invocation, EXIT_ERROR, 0.5, 0.5),
            AnswerCaller(invocation, PlatformError("Runtime.ExitError", f"RequestId: first Error: {text}")),
        ],
    )


def test_extensions_are_shut_down_before_the_caller_of_a_runtime_that_exited_has_its_answer() -> None:
    story, _ = invoking({"x": "SHUTDOWN"})

    assert story.tell(RuntimeExited(OK), at=2.0)[1][1:] == [
        ShutdownStarted(FAILURE),
        SendShutdown(identifier("x"), FAILURE, 4.0),
    ]
    assert [type(effect) for effect in story.tell(ExtensionExited("x", OK))[1]] == [
        ClearEnvironment,
        ShutdownEnded,
        InvocationReported,
        AnswerCaller,
    ]


@pytest.mark.rule("lifecycle/one-answer-for-each-invocation")
def test_a_runtime_that_exits_after_its_answer_gives_no_second_one() -> None:
    story, invocation = invoking()
    respond(story, invocation)

    assert story.tell(RuntimeExited(OK), at=1.5) == (
        Phase.COLD,
        [
            RuntimeDone(
                invocation,
                EXIT_ERROR,
                0.5,
                2,
                (1.0, 1.0, 1.0, 1.5),
            ),
            ShutdownStarted(FAILURE),
            ClearEnvironment(),
            ShutdownEnded(FAILURE, 0.0),
            InvocationReported(invocation, EXIT_ERROR, 0.5, 0.5),
        ],
    )


@pytest.mark.rule("lifecycle/runtime-exits-between-invocations")
def test_after_a_runtime_that_exited_between_two_invocations_the_second_begins_with_an_init() -> None:
    story, first = invoking()
    respond(story, first)
    story.tell(RuntimePolled())

    assert story.tell(RuntimeExited(OK)) == (
        Phase.COLD,
        [ShutdownStarted(FAILURE), ClearEnvironment(), ShutdownEnded(FAILURE, 0.0)],
    )
    assert story.tell(InvocationArrived(Invocation("second"))) == (
        Phase.INIT,
        [InitStarted(InitPhase.INVOKE), LaunchRuntime()],
    )


def test_an_init_duration_that_nobody_was_told_is_forgotten_with_the_environment() -> None:
    story = ready()
    story.tell(RuntimeExited(OK), InvocationArrived(Invocation("first")), RuntimePolled())
    story.tell(RuntimePolled())
    _, effects = story.wait()
    _, effects = story.tell(RuntimeExited(KILLED))

    assert [effect.init_duration for effect in effects if isinstance(effect, InvocationReported)] == [None]


# -- An extension's exit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "text"),
    [(OK, "exit code 0"), (ExitStatus(17), "exit status 17"), (KILLED, "signal: killed")],
)
def test_the_exit_of_an_extension_fails_the_invocation_and_stops_the_runtime(status: ExitStatus, text: str) -> None:
    story, invocation = invoking({"x": "INVOKE"})

    assert story.tell(ExtensionExited("x", status), at=1.5) == (
        Phase.RESET,
        [RuntimeDone(invocation, CRASH, 0.5), ShutdownStarted(FAILURE), TerminateRuntime()],
    )
    assert story.tell(RuntimeExited(TERMINATED), at=1.75) == (
        Phase.COLD,
        [
            ClearEnvironment(),
            ShutdownEnded(FAILURE, 0.25),
            InvocationReported(invocation, CRASH, 0.5, 0.5),
            AnswerCaller(invocation, PlatformError("Extension.Crash", f"RequestId: first Error: {text}")),
        ],
    )


@pytest.mark.rule("lifecycle/crash-after-response-keeps-answer")
@pytest.mark.rule("lifecycle/init-after-crash-after-response")
def test_an_extension_that_crashes_after_the_response_leaves_the_caller_its_answer() -> None:
    story, first = invoking({"x": "INVOKE"})
    second = Invocation("second")
    answer = respond(story, first)[1]
    story.tell(RuntimePolled(), at=1.25)

    assert answer == [AnswerCaller(first, FunctionResponse(b"{}"))]
    assert story.tell(ExtensionExited("x", ExitStatus(1)), at=1.5) == (
        Phase.RESET,
        [ShutdownStarted(FAILURE), TerminateRuntime()],
    )
    assert story.tell(InvocationArrived(second), RuntimeExited(TERMINATED)) == (
        Phase.INIT,
        [
            ClearEnvironment(),
            ShutdownEnded(FAILURE, 0.0),
            InvocationReported(first, CRASH, 0.5, 0.5, (1.25, 1.5)),
            InitStarted(InitPhase.INVOKE),
            LaunchExtension("x"),
        ],
    )
    initialise(story, {"x": ""}, {})
    respond(story, second)
    assert story.tell(RuntimePolled())[1][-1] == InvocationReported(second, SUCCESS, 0.0, None, (1.5, 1.5))


@pytest.mark.rule("extensions-api/exit-error-wins-over-crash")
def test_an_extension_that_announced_its_exit_did_not_crash() -> None:
    story, invocation = invoking({"x": "INVOKE"})
    story.tell(ExtensionExitErrorReported(identifier("x"), "Extension.Reason"))
    story.tell(ExtensionExited("x", OK))
    _, effects = story.tell(RuntimeExited(TERMINATED))

    assert effects[-1] == AnswerCaller(
        invocation, PlatformError("Extension.ExitError", "RequestId: first Error: exit code 0")
    )


def test_an_announced_exit_is_forgotten_with_the_environment() -> None:
    story, _ = invoking({"x": "INVOKE"})
    second = Invocation("second")
    story.tell(ExtensionExitErrorReported(identifier("x"), "Extension.Reason"))
    story.tell(ExtensionExited("x", OK), RuntimeExited(TERMINATED), InvocationArrived(second))
    initialise(story, {"x": "INVOKE"}, {})
    story.tell(ExtensionExited("x", OK))
    _, effects = story.tell(RuntimeExited(TERMINATED))

    assert effects[-1] == AnswerCaller(second, PlatformError("Extension.Crash", "RequestId: second Error: exit code 0"))


@pytest.mark.rule("extensions-api/no-events-exit-is-crash")
def test_an_extension_that_registered_for_nothing_and_exits_between_two_invocations_has_crashed() -> None:
    story = ready({"x": ""})

    assert story.tell(ExtensionExited("x", OK)) == (Phase.RESET, [ShutdownStarted(FAILURE), TerminateRuntime()])


def test_the_exit_of_an_extension_that_nobody_launched_is_nothing() -> None:
    assert ready().tell(ExtensionExited("x", OK)) == (Phase.READY, [])
