"""The freeze between invocations: when it comes, when it ends, and that no time passes in it."""

import pytest

from supervisor.lifecycle.effects import (
    FreezeEnvironment,
    KillExtension,
    KillRuntime,
    SendInvocation,
    SendInvoke,
    TerminateRuntime,
    ThawEnvironment,
)
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ExtensionExited,
    ExtensionExitErrorReported,
    InvocationArrived,
    RuntimeExited,
    RuntimePolled,
    ShutdownRequested,
    TimePassed,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.limits import FREEZE_AFTER_SECONDS
from supervisor.lifecycle.milestones import InvocationStarted, ShutdownStarted
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import Story, identifier, initialise, polled, ready, respond

FROZEN = (Phase.READY, [FreezeEnvironment()])


def frozen(*names: str) -> Story:
    """A frozen environment with the extensions *names*, at 0.502."""
    story = ready(dict.fromkeys(names, "INVOKE SHUTDOWN"), freeze=True)
    assert story.wait() == FROZEN
    return story


@pytest.mark.rule("lifecycle/frozen-after-init")
def test_an_environment_that_nobody_invokes_is_frozen_a_moment_after_init() -> None:
    story = ready(freeze=True)

    assert story.lifecycle.deadline == 0.5 + FREEZE_AFTER_SECONDS
    assert story.wait() == FROZEN
    assert story.lifecycle.deadline is None


@pytest.mark.rule("lifecycle/frozen-after-invocation")
def test_an_environment_is_frozen_a_moment_after_the_last_peer_has_said_next() -> None:
    story = ready({"x": "INVOKE"}, freeze=True)
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation), at=1.0)
    respond(story, invocation)
    story.tell(RuntimePolled(), at=1.25)
    runtime_done = story.lifecycle.deadline
    story.tell(polled("x"), at=1.5)

    assert runtime_done == 4.0
    assert story.lifecycle.deadline == 1.5 + FREEZE_AFTER_SECONDS
    assert story.wait() == FROZEN


def test_without_the_freeze_nothing_is_ever_due_between_invocations() -> None:
    assert ready().lifecycle.deadline is None


@pytest.mark.rule("lifecycle/no-freeze-while-invocations-wait")
def test_what_comes_before_that_moment_finds_everything_running() -> None:
    story = ready(freeze=True)
    invocation = Invocation("first")

    _, effects = story.tell(InvocationArrived(invocation))

    assert effects == [InvocationStarted(invocation), SendInvocation(invocation, 3.5)]
    assert story.tell(TimePassed(), at=1.0) == (Phase.INVOKE, [])


def test_an_environment_is_not_frozen_when_the_next_invocation_waits_already() -> None:
    story = ready(freeze=True)
    first, second = Invocation("first"), Invocation("second")
    story.tell(InvocationArrived(first), InvocationArrived(second))
    respond(story, first)
    story.tell(RuntimePolled(), at=1.0)

    assert story.lifecycle.deadline == 4.0


@pytest.mark.rule("lifecycle/thawed-before-event")
def test_a_frozen_environment_is_thawed_before_anybody_gets_the_event() -> None:
    story = frozen("x")
    invocation = Invocation("first")

    assert story.tell(InvocationArrived(invocation), at=100.0) == (
        Phase.INVOKE,
        [
            InvocationStarted(invocation),
            ThawEnvironment(),
            SendInvocation(invocation, 103.0),
            SendInvoke(identifier("x"), invocation, 103.0),
        ],
    )


@pytest.mark.rule("lifecycle/thawed-before-shutdown")
def test_a_frozen_environment_is_thawed_before_it_is_shut_down() -> None:
    story = frozen("x")

    assert story.tell(ShutdownRequested(), at=100.0) == (
        Phase.SHUTDOWN,
        [ThawEnvironment(), ShutdownStarted(ShutdownReason.SPINDOWN), TerminateRuntime()],
    )
    assert story.lifecycle.deadline == 100.3


@pytest.mark.parametrize("exit_", [RuntimeExited(ExitStatus(signal=9)), ExtensionExited("x", ExitStatus(signal=9))])
def test_an_exit_in_a_frozen_environment_resets_it_at_once(exit_: RuntimeExited | ExtensionExited) -> None:
    story = frozen("x")

    phase, effects = story.tell(exit_, at=100.0)

    assert (phase, effects[:2]) == (Phase.RESET, [ThawEnvironment(), ShutdownStarted(ShutdownReason.FAILURE)])


def test_no_time_of_an_extension_passes_in_the_freeze() -> None:
    story = ready({"x": "INVOKE"}, freeze=True)
    story.tell(ExtensionExitErrorReported(identifier("x"), "Extension.Odd"), at=0.5)

    assert story.wait() == FROZEN
    assert story.tell(TimePassed(), at=100.0) == (Phase.READY, [])
    story.tell(InvocationArrived(Invocation("first")), at=200.0)
    assert story.lifecycle.deadline == pytest.approx(200.5 - FREEZE_AFTER_SECONDS)
    assert story.wait() == (Phase.INVOKE, [KillExtension("x")])


def test_what_an_extension_said_before_it_was_stopped_gives_it_all_of_its_time_after_the_thaw() -> None:
    story = frozen("x")

    story.tell(ExtensionExitErrorReported(identifier("x"), "Extension.Odd"), at=0.6)

    assert story.lifecycle.deadline is None
    story.tell(InvocationArrived(Invocation("first")), at=200.0)
    assert story.lifecycle.deadline == 200.5


def test_after_a_reset_out_of_the_freeze_everything_begins_anew() -> None:
    story = frozen()
    story.tell(RuntimeExited(ExitStatus(signal=9)), at=1.0)
    invocation = Invocation("first")
    phase, _ = story.tell(InvocationArrived(invocation), at=2.0)
    assert phase is Phase.INIT

    story.tell(RuntimePolled(), at=2.5)
    respond(story, invocation)
    story.tell(RuntimePolled(), at=3.0)

    assert story.wait() == FROZEN


def test_an_environment_that_shuts_down_before_the_freeze_is_neither_frozen_nor_thawed() -> None:
    story = ready(freeze=True)

    phase, effects = story.tell(ShutdownRequested())

    assert (phase, effects) == (Phase.SHUTDOWN, [ShutdownStarted(ShutdownReason.SPINDOWN), KillRuntime()])
    assert story.tell(TimePassed(), at=0.5 + FREEZE_AFTER_SECONDS) == (Phase.SHUTDOWN, [])


def test_an_init_that_an_invocation_waits_for_is_not_followed_by_a_freeze() -> None:
    story = Story(("x",), freeze=True)
    story.tell(EnvironmentStarted())
    story.tell(InvocationArrived(Invocation("first")))

    phase, _ = initialise(story, {"x": "INVOKE"}, {})

    assert phase is Phase.INVOKE
    assert story.lifecycle.deadline == 3.0
