"""Shutdown of an idle environment: who is told, in which order, and with how much time."""

import pytest

from supervisor.lifecycle.effects import (
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
    ExtensionPollDropped,
    RuntimeExited,
    RuntimePolled,
    ShutdownRequested,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.milestones import ShutdownEnded, ShutdownStarted
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import Story, identifier, polled, ready, registered

SPINDOWN = ShutdownReason.SPINDOWN
TERMINATED = ExitStatus(signal=15)
KILLED = ExitStatus(signal=9)


def ended(duration: float, *killed: str) -> list[Effect]:
    return [ClearEnvironment(), ShutdownEnded(SPINDOWN, duration, killed), EndEnvironment()]


def test_without_extensions_everything_is_killed_at_once() -> None:
    story = ready()

    assert story.tell(ShutdownRequested(), at=2.0) == (Phase.SHUTDOWN, [ShutdownStarted(SPINDOWN), KillRuntime()])
    assert story.tell(RuntimeExited(KILLED), at=2.25) == (Phase.ENDED, ended(0.25))
    assert story.lifecycle.deadline is None


def test_the_runtime_ends_first_then_extensions_are_told_or_killed_and_the_last_exit_is_the_end() -> None:
    story = ready({"both": "INVOKE SHUTDOWN", "invoke": "INVOKE", "nothing": ""}, {"internal": "INVOKE"})

    assert story.tell(ShutdownRequested(), at=2.0) == (Phase.SHUTDOWN, [ShutdownStarted(SPINDOWN), TerminateRuntime()])
    assert story.tell(RuntimeExited(TERMINATED), at=2.25) == (
        Phase.SHUTDOWN,
        [
            SendShutdown(identifier("both"), SPINDOWN, 4.0),
            DismissExtension("invoke"),
            DismissExtension("nothing"),
        ],
    )
    assert story.tell(ExtensionExited("invoke", KILLED), ExtensionExited("nothing", KILLED)) == (Phase.SHUTDOWN, [])
    assert story.tell(ExtensionExited("both", ExitStatus()), at=2.5) == (Phase.ENDED, ended(0.5))


@pytest.mark.parametrize(
    ("externals", "internals", "share", "total"),
    [
        ({}, {"i": "INVOKE"}, 0.5, 0.5),
        ({"e": "INVOKE"}, {}, 0.3, 2.0),
        ({"e": "INVOKE"}, {"i": "INVOKE"}, 0.5, 2.0),
    ],
)
def test_the_extensions_decide_how_much_time_the_runtime_has(
    externals: dict[str, str], internals: dict[str, str], share: float, total: float
) -> None:
    story = ready(externals, internals)
    story.tell(ShutdownRequested(), at=0.0)

    assert story.lifecycle.deadline == share
    assert story.wait()[1][0] == KillRuntime()
    if total > share:
        assert story.lifecycle.deadline == total
        assert story.wait()[1] == [KillRuntime(), KillExtension("e")]
    assert story.lifecycle.deadline == total + 2.0


@pytest.mark.rule("lifecycle/runtime-ignores-sigterm")
@pytest.mark.rule("extensions-api/shutdown-event-deadline")
def test_extensions_of_a_runtime_that_ignores_sigterm_get_what_is_left_of_two_seconds() -> None:
    story = ready({"x": "SHUTDOWN"})
    story.tell(ShutdownRequested(), at=2.0)

    assert story.tell(RuntimePolled(), at=2.125) == (Phase.SHUTDOWN, [])
    assert story.wait() == (Phase.SHUTDOWN, [KillRuntime()])
    assert story.tell(RuntimeExited(KILLED), at=2.375) == (
        Phase.SHUTDOWN,
        [SendShutdown(identifier("x"), SPINDOWN, 4.0)],
    )
    assert story.lifecycle.deadline == 4.0


@pytest.mark.rule("lifecycle/runtime-exits-on-sigterm")
def test_extensions_of_a_runtime_that_exits_at_once_have_all_of_the_two_seconds() -> None:
    story = ready({"x": "SHUTDOWN"})
    story.tell(ShutdownRequested(), RuntimeExited(TERMINATED), at=2.0)

    assert story.wait() == (Phase.SHUTDOWN, []), "the runtime's share is over"
    assert story.wait() == (Phase.SHUTDOWN, [KillExtension("x")])
    assert story.tell(ExtensionExited("x", KILLED), at=4.25) == (Phase.ENDED, ended(2.25, "x"))


@pytest.mark.rule("extensions-api/not-registered-for-shutdown")
def test_an_extension_that_did_not_register_for_shutdown_is_killed_without_being_asked() -> None:
    story = ready({"x": "INVOKE"})
    _, effects = story.tell(ShutdownRequested(), RuntimeExited(TERMINATED))

    assert effects == [ShutdownStarted(SPINDOWN), TerminateRuntime(), DismissExtension("x")]


def test_an_extension_that_never_registered_is_killed_beside_one_that_did() -> None:
    story = Story(("silent", "x"))
    story.tell(EnvironmentStarted(), registered("x", "SHUTDOWN"), polled("x"))

    assert story.tell(ShutdownRequested(), at=1.0) == (
        Phase.SHUTDOWN,
        [
            ShutdownStarted(SPINDOWN),
            DismissExtension("silent"),
            SendShutdown(identifier("x"), SPINDOWN, 3.0),
        ],
    )


def test_an_extension_that_does_not_wait_gets_shutdown_with_its_next_poll() -> None:
    story = ready({"x": "SHUTDOWN"})
    story.tell(ExtensionPollDropped(identifier("x")), ShutdownRequested(), RuntimeExited(TERMINATED), at=2.0)

    assert story.tell(polled("x"), at=2.5) == (Phase.SHUTDOWN, [SendShutdown(identifier("x"), SPINDOWN, 4.0)])


def test_an_extension_that_has_registered_and_not_yet_polled_gets_shutdown_with_its_first_poll() -> None:
    story = Story(("x",))
    story.tell(EnvironmentStarted(), registered("x", "SHUTDOWN"), ShutdownRequested(), RuntimeExited(TERMINATED))

    assert story.tell(polled("x"), at=1.0) == (Phase.SHUTDOWN, [SendShutdown(identifier("x"), SPINDOWN, 2.0)])


def test_an_extension_that_polls_after_shutdown_waits_until_it_is_killed() -> None:
    story = ready({"x": "SHUTDOWN"})
    story.tell(ShutdownRequested(), RuntimeExited(TERMINATED), at=2.0)

    assert story.tell(polled("x")) == (Phase.SHUTDOWN, [])
    story.wait()
    assert story.wait() == (Phase.SHUTDOWN, [KillExtension("x")])


def test_an_environment_ends_even_if_no_exit_is_ever_reported() -> None:
    story = ready({"x": "SHUTDOWN"})
    story.tell(ShutdownRequested(), at=2.0)

    assert story.wait() == (Phase.SHUTDOWN, [KillRuntime()])
    assert story.wait() == (Phase.SHUTDOWN, [KillRuntime(), KillExtension("x")])
    assert story.lifecycle.deadline == 6.0
    assert story.wait() == (Phase.ENDED, ended(4.0, "x"))
