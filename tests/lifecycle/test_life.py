"""When an environment begins and when it is given up: Init on demand, and the idle timeout."""

import pytest

from supervisor.errors import Fault
from supervisor.lifecycle.effects import (
    AnswerCaller,
    ClearEnvironment,
    EndEnvironment,
    FreezeEnvironment,
    KillRuntime,
    LaunchRuntime,
    RequestShutdown,
    SendInvocation,
    TerminateRuntime,
    ThawEnvironment,
)
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ExtensionExited,
    InvocationArrived,
    RuntimeExited,
    RuntimePolled,
    ShutdownRequested,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import Invocation, PlatformError
from supervisor.lifecycle.milestones import (
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    ShutdownEnded,
    ShutdownStarted,
)
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import SUCCESS, TIMED_OUT, Story, ready, respond

SPINDOWN = ShutdownReason.SPINDOWN
KILLED = ExitStatus(signal=9)


# Init on demand.


def on_demand() -> Story:
    story = Story(init_on_demand=True)
    assert story.tell(EnvironmentStarted()) == (Phase.COLD, [])
    return story


@pytest.mark.rule("lifecycle/init-on-demand")
def test_on_demand_init_begins_with_the_first_invocation_and_is_reported_apart() -> None:
    story = on_demand()
    invocation = Invocation("first")

    assert story.tell(InvocationArrived(invocation), at=5.0) == (
        Phase.INIT,
        [InitStarted(InitPhase.INIT), LaunchRuntime()],
    )
    assert story.lifecycle.deadline == 15.0
    assert story.tell(RuntimePolled(), at=8.0) == (
        Phase.INVOKE,
        [
            InitRuntimeDone(InitPhase.INIT, SUCCESS),
            InitReported(InitPhase.INIT, SUCCESS, 3.0),
            InvocationStarted(invocation, 3.0),
            SendInvocation(invocation, 11.0),
        ],
    )
    respond(story, invocation)
    _, effects = story.tell(RuntimePolled(), at=8.5)
    assert effects[-1] == InvocationReported(invocation, SUCCESS, 0.5, 3.0, (8.5, 8.5))


@pytest.mark.rule("lifecycle/init-on-demand")
def test_an_init_on_demand_that_fails_is_tried_again_inside_the_invocation_that_caused_it() -> None:
    story = on_demand()
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation))

    _, effects = story.wait()
    assert effects == [
        InitRuntimeDone(InitPhase.INIT, TIMED_OUT),
        InitReported(InitPhase.INIT, TIMED_OUT, 10.0),
        ShutdownStarted(ShutdownReason.FAILURE),
        KillRuntime(),
    ]
    assert story.tell(RuntimeExited(KILLED)) == (
        Phase.INIT,
        [
            ClearEnvironment(),
            ShutdownEnded(ShutdownReason.FAILURE, 0.0),
            InitStarted(InitPhase.INVOKE),
            LaunchRuntime(),
        ],
    )
    assert story.lifecycle.deadline == 13.0
    phase, effects = story.tell(RuntimeExited(ExitStatus(code=1)), at=10.5)
    text = "RequestId: first Error: Runtime exited with error: exit status 1"
    assert (phase, effects[-1]) == (Phase.COLD, AnswerCaller(invocation, PlatformError(Fault.RUNTIME_EXIT_ERROR, text)))


# The idle timeout.


def idle(*, freeze: bool = False) -> Story:
    """An environment of which somebody has got tired after a minute, at 60.5."""
    story = ready({"x": "SHUTDOWN"}, freeze=freeze, idle_timeout=60.0)
    if freeze:
        story.wait()
    phase, effects = story.wait()
    assert story.now == 60.5
    assert phase is Phase.RESET
    thaw = [ThawEnvironment()] if freeze else []
    assert effects == [*thaw, ShutdownStarted(SPINDOWN), TerminateRuntime()]
    return story


@pytest.mark.rule("lifecycle/idle-timeout")
@pytest.mark.parametrize("freeze", [False, True])
def test_the_invocation_after_an_idle_timeout_begins_a_fresh_environment_with_an_init_of_its_own(freeze: bool) -> None:
    story = idle(freeze=freeze)
    story.tell(RuntimeExited(KILLED))
    assert story.tell(ExtensionExited("x", ExitStatus())) == (
        Phase.COLD,
        [ClearEnvironment(), ShutdownEnded(SPINDOWN, 0.0)],
    )

    _, effects = story.tell(InvocationArrived(Invocation("late")), at=100.0)

    assert effects[0] == InitStarted(InitPhase.INIT)
    assert story.lifecycle.deadline == 110.0


@pytest.mark.rule("lifecycle/idle-timeout")
def test_an_idle_timeout_may_ask_for_the_end_which_comes_when_it_is_requested() -> None:
    story = ready({"x": "SHUTDOWN"}, idle_timeout=60.0, ends_when_idle=True)

    assert story.wait() == (Phase.READY, [RequestShutdown()])
    assert (story.now, story.lifecycle.deadline) == (60.5, None)

    story.tell(ShutdownRequested(), RuntimeExited(KILLED))
    assert story.tell(ExtensionExited("x", ExitStatus())) == (
        Phase.ENDED,
        [ClearEnvironment(), ShutdownEnded(SPINDOWN, 0.0), EndEnvironment()],
    )


def test_what_is_left_to_run_after_an_idle_timeout_runs_in_the_same_environment() -> None:
    story = ready(freeze=True, idle_timeout=60.0, ends_when_idle=True)
    story.wait()
    story.wait()
    invocation = Invocation("retry")

    _, effects = story.tell(InvocationArrived(invocation))

    assert effects == [InvocationStarted(invocation), ThawEnvironment(), SendInvocation(invocation, 63.5)]


@pytest.mark.rule("lifecycle/idle-timeout")
def test_the_end_comes_too_where_nothing_runs_because_nobody_ever_invoked() -> None:
    story = Story(init_on_demand=True, idle_timeout=60.0, ends_when_idle=True)
    story.tell(EnvironmentStarted())

    assert story.wait() == (Phase.COLD, [RequestShutdown()])
    assert story.now == 60.0
    assert story.tell(ShutdownRequested())[0] is Phase.ENDED


@pytest.mark.rule("lifecycle/idle-timeout")
def test_the_end_comes_too_where_nothing_runs_after_a_failure() -> None:
    story = ready(timeout=100.0, idle_timeout=60.0, ends_when_idle=True)
    story.tell(RuntimeExited(ExitStatus(code=1)), at=10.0)
    assert (story.lifecycle.phase, story.lifecycle.deadline) == (Phase.COLD, 70.0)

    story.tell(InvocationArrived(Invocation("first")), at=20.0)
    assert (story.lifecycle.phase, story.lifecycle.deadline) == (Phase.INIT, 120.0)


def test_a_cold_environment_that_would_be_renewed_waits_for_nothing() -> None:
    story = ready(idle_timeout=60.0)
    story.tell(RuntimeExited(ExitStatus(code=1)), at=10.0)

    assert (story.lifecycle.phase, story.lifecycle.deadline) == (Phase.COLD, None)


def test_an_invocation_that_comes_while_an_idle_environment_is_shut_down_waits_for_a_fresh_one() -> None:
    story = idle()
    story.tell(InvocationArrived(Invocation("late")))
    story.tell(RuntimeExited(KILLED))

    phase, effects = story.tell(ExtensionExited("x", ExitStatus()))

    assert (phase, effects[2]) == (Phase.INIT, InitStarted(InitPhase.INIT))


def test_the_idle_time_begins_with_the_end_of_the_last_invocation_and_passes_in_the_freeze() -> None:
    story = ready(freeze=True, idle_timeout=60.0)
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation), at=50.0)
    respond(story, invocation)
    story.tell(RuntimePolled(), at=51.0)
    assert story.wait() == (Phase.READY, [FreezeEnvironment()])

    assert story.lifecycle.deadline == 111.0


def test_an_invocation_may_take_longer_than_the_idle_timeout() -> None:
    story = ready(idle_timeout=1.0)
    story.tell(InvocationArrived(Invocation("first")))

    assert story.lifecycle.deadline == 3.5
