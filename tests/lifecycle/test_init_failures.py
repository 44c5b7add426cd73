"""Failures of Init: who fails it, how it is reported, and how long a peer may linger that said it failed."""

import pytest

from supervisor.lifecycle.effects import (
    AnswerCaller,
    ClearEnvironment,
    KillExtension,
    KillRuntime,
    LaunchExtension,
    SendShutdown,
    TerminateRuntime,
)
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    Event,
    ExtensionExited,
    ExtensionExitErrorReported,
    ExtensionInitErrorReported,
    ExtensionLaunchFailed,
    InvocationArrived,
    RuntimeExited,
    RuntimeInitErrorReported,
    RuntimeLaunchFailed,
    RuntimePolled,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import FunctionError, Invocation, PlatformError
from supervisor.lifecycle.milestones import (
    ExtensionReported,
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    ShutdownEnded,
    ShutdownStarted,
)
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import SUCCESS, Story, cold, error, identifier, polled, registered

FAILURE = ShutdownReason.FAILURE
OK = ExitStatus(0)
PERMISSION = "fork/exec /opt/extensions/x: permission denied"
NO_FILE = "fork/exec /var/task/bootstrap: no such file or directory"

REASON = "Extension.NoConfig"

init_error = ExtensionInitErrorReported(identifier("x"), REASON)
exit_error = ExtensionExitErrorReported(identifier("x"), REASON)
init_error_again = ExtensionInitErrorReported(identifier("x"), "Extension.Again")
exit_error_again = ExtensionExitErrorReported(identifier("x"), "Extension.Again")


@pytest.mark.parametrize(
    ("events", "fault", "text"),
    [
        ((ExtensionLaunchFailed("x", "PermissionDenied", PERMISSION),), "Extension.LaunchError", PERMISSION),
        pytest.param(
            (ExtensionExited("x", OK),),
            "Extension.Crash",
            "exit code 0",
            marks=pytest.mark.rule("extensions-api/exit-zero-in-init"),
        ),
        ((registered("x"), ExtensionExited("x", ExitStatus(4))), "Extension.Crash", "exit status 4"),
        ((registered("x"), polled("x"), ExtensionExited("x", OK)), "Extension.Crash", "exit code 0"),
        ((registered("x"), init_error, ExtensionExited("x", OK)), "Extension.InitError", "exit code 0"),
        ((registered("x"), exit_error, ExtensionExited("x", OK)), "Extension.ExitError", "exit code 0"),
        (
            (registered("x"), RuntimeLaunchFailed("Runtime.InvalidEntrypoint", NO_FILE)),
            "Runtime.InvalidEntrypoint",
            NO_FILE,
        ),
        (
            (registered("x"), RuntimeExited(ExitStatus(1))),
            "Runtime.ExitError",
            "Runtime exited with error: exit status 1",
        ),
    ],
)
def test_whoever_fails_the_second_init_gives_the_caller_its_error(
    events: tuple[Event, ...], fault: str, text: str
) -> None:
    story = cold("x")
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation))
    _, effects = story.tell(*events)
    while story.lifecycle.phase is Phase.RESET:
        effects += story.wait()[1]

    assert InitReported(InitPhase.INVOKE, error(fault), 0.0) in effects
    assert effects[-1] == AnswerCaller(invocation, PlatformError(fault, f"RequestId: first Error: {text}"))


def test_a_launch_that_fails_is_reported_with_its_error_type() -> None:
    story = Story(("x", "y"))
    story.tell(EnvironmentStarted())

    assert story.tell(ExtensionLaunchFailed("x", "PermissionDenied", PERMISSION), at=0.25) == (
        Phase.RESET,
        [
            InitRuntimeDone(InitPhase.INIT, error("Extension.LaunchError")),
            ExtensionReported("x", "LaunchError", (), "PermissionDenied"),
            ExtensionReported("y", "Started", ()),
            InitReported(InitPhase.INIT, error("Extension.LaunchError"), 0.25),
            ShutdownStarted(FAILURE),
            KillExtension("y"),
        ],
    )
    assert story.tell(ExtensionLaunchFailed("y", "UnknownError", "no")) == (
        Phase.COLD,
        [ClearEnvironment(), ShutdownEnded(FAILURE, 0.0)],
    )


def test_the_failure_of_a_launch_that_nobody_ordered_is_nothing() -> None:
    story = Story()
    story.tell(EnvironmentStarted())

    assert story.tell(ExtensionLaunchFailed("x", "UnknownError", "no")) == (Phase.INIT, [])


@pytest.mark.rule("extensions-api/sibling-shut-down-before-retry")
def test_when_one_extension_fails_init_the_other_gets_shutdown_before_the_second_try() -> None:
    story = Story(("x", "y"))
    story.tell(EnvironmentStarted(), InvocationArrived(Invocation("first")), registered("y", "SHUTDOWN"), polled("y"))

    assert story.tell(ExtensionExited("x", ExitStatus(1)), at=1.0) == (
        Phase.RESET,
        [
            InitRuntimeDone(InitPhase.INIT, error("Extension.Crash")),
            ExtensionReported("x", "Started", ()),
            ExtensionReported("y", "Ready", ("SHUTDOWN",)),
            InitReported(InitPhase.INIT, error("Extension.Crash"), 1.0),
            ShutdownStarted(FAILURE),
            SendShutdown(identifier("y"), FAILURE, 3.0),
        ],
    )
    assert story.tell(ExtensionExited("y", OK), at=1.5) == (
        Phase.INIT,
        [
            ClearEnvironment(),
            ShutdownEnded(FAILURE, 0.5),
            InitStarted(InitPhase.INVOKE),
            LaunchExtension("x"),
            LaunchExtension("y"),
        ],
    )


def test_an_extension_that_exits_after_the_runtime_said_next_fails_init_and_stops_the_runtime() -> None:
    story = Story(("x",))
    story.tell(EnvironmentStarted(), registered("x", "INVOKE"))

    assert story.tell(RuntimePolled()) == (Phase.INIT, [InitRuntimeDone(InitPhase.INIT, SUCCESS)])
    assert story.tell(ExtensionExited("x", OK), at=0.5) == (
        Phase.RESET,
        [
            ExtensionReported("x", "Registered", ("INVOKE",)),
            InitReported(InitPhase.INIT, error("Extension.Crash"), 0.5),
            ShutdownStarted(FAILURE),
            TerminateRuntime(),
        ],
    )


# -- Those who say that they failed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "again", "state"),
    [(init_error, init_error_again, "InitError"), (exit_error, exit_error_again, "ExitError")],
)
def test_an_extension_that_reported_an_error_and_stays_is_killed_after_half_a_second(
    report: Event, again: Event, state: str
) -> None:
    story = Story(("x",))
    story.tell(EnvironmentStarted(), registered("x"))
    fault = error(f"Extension.{state}")

    assert story.tell(report, at=1.0) == (Phase.INIT, [])
    assert story.tell(again, at=1.25) == (Phase.INIT, []), "gives no more time, and the first reason stays"
    assert story.lifecycle.deadline == 1.5
    assert story.wait() == (Phase.INIT, [KillExtension("x")])
    assert story.tell(ExtensionExited("x", ExitStatus(signal=9)))[1][:3] == [
        InitRuntimeDone(InitPhase.INIT, fault),
        ExtensionReported("x", state, (), REASON),
        InitReported(InitPhase.INIT, fault, 1.5),
    ]


def test_the_runtime_is_killed_half_a_second_after_an_internal_extension_reported_an_error() -> None:
    story = Story()
    story.tell(EnvironmentStarted(), registered("x", "INVOKE"))
    story.tell(init_error, at=1.0)

    assert story.wait() == (Phase.INIT, [KillRuntime()])
    assert story.tell(RuntimeExited(ExitStatus(signal=9)), at=1.75)[1][:3] == [
        InitRuntimeDone(InitPhase.INIT, error("Extension.InitError")),
        ExtensionReported("x", "InitError", ("INVOKE",), REASON),
        InitReported(InitPhase.INIT, error("Extension.InitError"), 1.75),
    ]


def test_an_internal_extension_may_report_an_error_before_the_runtime_exists() -> None:
    story = Story(("late",))
    story.tell(EnvironmentStarted(), registered("x"), init_error)

    assert story.wait() == (Phase.INIT, [])


def test_a_runtime_that_reported_an_init_error_and_stays_is_killed_after_half_a_second() -> None:
    story = cold()
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation))

    assert story.tell(RuntimeInitErrorReported(b"{}", "application/json", "MyError"), at=1.0) == (Phase.INIT, [])
    assert story.lifecycle.deadline == 1.5
    assert story.wait() == (Phase.INIT, [KillRuntime()])
    _, effects = story.tell(RuntimeExited(ExitStatus(signal=9)), at=1.5)
    assert effects[:2] == [
        InitRuntimeDone(InitPhase.INVOKE, error("Runtime.Unknown")),
        InitReported(InitPhase.INVOKE, error("Runtime.Unknown"), 1.5),
    ]
    assert effects[-1] == AnswerCaller(invocation, FunctionError(b"{}", "application/json"))


def test_a_runtime_that_reports_an_init_error_while_it_is_being_stopped_changes_nothing() -> None:
    story = Story(("x",))
    story.tell(EnvironmentStarted(), registered("x", "SHUTDOWN"), polled("x"))
    story.tell(ExtensionExited("x", ExitStatus(1)))

    assert story.tell(RuntimeInitErrorReported(b"{}")) == (Phase.RESET, [])
    assert story.wait() == (Phase.RESET, [KillRuntime()])
    assert story.lifecycle.deadline == 2.0


@pytest.mark.rule("runtime-api/init-error-twice")
@pytest.mark.rule("runtime-api/next-after-init-error")
def test_after_an_init_error_the_runtime_is_refused_everything() -> None:
    story = Story()
    story.tell(EnvironmentStarted(), RuntimeInitErrorReported(b"{}"))
    refusals = [story.refusal(event) for event in (RuntimeInitErrorReported(b"{}"), RuntimePolled())]
    text = "State transition from InitError to {} failed for runtime. Error: State transition is not allowed"

    assert refusals == [(403, "InvalidStateTransition", text.format(target)) for target in ("InitError", "Ready")]
