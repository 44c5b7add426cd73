"""Init on its own: who is started when, what ends it, its limit, and how it is reported."""

import pytest

from supervisor.lifecycle.effects import KillExtension, LaunchExtension, LaunchRuntime, TerminateRuntime
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ExtensionPollDropped,
    InvocationArrived,
    RuntimePollDropped,
    RuntimePolled,
)
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.machine import Lifecycle
from supervisor.lifecycle.milestones import (
    ExtensionReported,
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    ShutdownStarted,
)
from supervisor.lifecycle.model import Settings
from supervisor.lifecycle.states import Phase, ShutdownReason
from tests.lifecycle.story import SUCCESS, TIMED_OUT, Story, error, identifier, polled, ready, registered, respond


def test_without_extensions_the_runtime_is_launched_at_once_and_its_next_ends_init() -> None:
    story = Story()

    assert story.tell(EnvironmentStarted()) == (Phase.INIT, [InitStarted(InitPhase.INIT), LaunchRuntime()])
    assert story.tell(RuntimePolled(), at=0.75) == (
        Phase.READY,
        [InitRuntimeDone(InitPhase.INIT, SUCCESS), InitReported(InitPhase.INIT, SUCCESS, 0.75)],
    )
    assert story.lifecycle.deadline is None


def test_all_extensions_are_launched_at_once_and_the_runtime_when_all_have_registered() -> None:
    story = Story(("a", "b"))

    assert story.tell(EnvironmentStarted()) == (
        Phase.INIT,
        [InitStarted(InitPhase.INIT), LaunchExtension("a"), LaunchExtension("b")],
    )
    assert story.tell(registered("b", "INVOKE")) == (Phase.INIT, [])
    assert story.tell(registered("a")) == (Phase.INIT, [LaunchRuntime()])


@pytest.mark.rule("lifecycle/extension-next-before-runtime")
def test_an_extension_may_say_next_before_the_runtime_exists() -> None:
    story = Story(("a", "b"))
    story.tell(EnvironmentStarted(), registered("a"))

    assert story.tell(polled("a")) == (Phase.INIT, [])
    assert story.tell(registered("b")) == (Phase.INIT, [LaunchRuntime()])
    assert story.tell(polled("b")) == (Phase.INIT, [])
    assert story.tell(RuntimePolled())[0] is Phase.READY


def test_init_ends_when_the_runtime_and_the_last_extension_have_said_next() -> None:
    story = Story(("external",))
    story.tell(EnvironmentStarted(), registered("external", "SHUTDOWN", "INVOKE"), registered("internal"))

    assert story.tell(RuntimePolled(), at=1.0) == (Phase.INIT, [InitRuntimeDone(InitPhase.INIT, SUCCESS)])
    assert story.tell(polled("internal"), at=2.0) == (Phase.INIT, [])
    assert story.tell(polled("external"), at=2.5) == (
        Phase.READY,
        [
            ExtensionReported("external", "Ready", ("SHUTDOWN", "INVOKE")),
            ExtensionReported("internal", "Ready", ()),
            InitReported(InitPhase.INIT, SUCCESS, 2.5),
        ],
    )


def test_init_waits_for_an_internal_extension_that_registered_for_nothing() -> None:
    story = Story()
    story.tell(EnvironmentStarted(), registered("internal"))

    assert story.tell(RuntimePolled()) == (Phase.INIT, [InitRuntimeDone(InitPhase.INIT, SUCCESS)])
    assert story.tell(polled("internal"))[0] is Phase.READY


@pytest.mark.parametrize("name", ["LOGGER", "/opt/extensions/logger"])
@pytest.mark.rule("extensions-api/wrong-name-keeps-gate-shut")
@pytest.mark.rule("extensions-api/register-name-in-other-case")
@pytest.mark.rule("extensions-api/register-name-with-folder")
def test_an_extension_that_registers_under_another_name_is_internal_and_keeps_the_runtime_waiting(name: str) -> None:
    story = Story(("logger",))
    story.tell(EnvironmentStarted())
    refusal = story.refusal(registered(name, "SHUTDOWN"))

    assert refusal[2] == "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"
    assert story.tell(registered(name, "INVOKE"), polled(name)) == (Phase.INIT, [])
    assert story.tell(registered("logger")) == (Phase.INIT, [LaunchRuntime()])


def test_a_poll_that_was_dropped_during_init_still_counts_as_next() -> None:
    story = Story(("a",))
    story.tell(EnvironmentStarted(), registered("a", "INVOKE"), polled("a"), ExtensionPollDropped(identifier("a")))

    assert story.tell(RuntimePolled(), RuntimePollDropped())[0] is Phase.READY


def test_an_environment_starts_only_once() -> None:
    story = ready()

    assert story.tell(EnvironmentStarted()) == (Phase.READY, [])


@pytest.mark.rule("extensions-api/eleventh-external")
def test_an_eleventh_extension_is_not_launched_and_init_fails() -> None:
    names = tuple(f"extension-{number:02}" for number in range(1, 12))
    story = Story(names)
    fault = error("Extension.LaunchError")

    assert story.tell(EnvironmentStarted()) == (
        Phase.RESET,
        [
            InitStarted(InitPhase.INIT),
            *map(LaunchExtension, names[:10]),
            InitRuntimeDone(InitPhase.INIT, fault),
            *(ExtensionReported(name, "Started", ()) for name in names[:10]),
            ExtensionReported(names[10], "LaunchError", (), "TooManyExtensions"),
            InitReported(InitPhase.INIT, fault, 0.0),
            ShutdownStarted(ShutdownReason.FAILURE),
            *map(KillExtension, names[:10]),
        ],
    )


# -- The limit ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("extensions-api/next-within-init-limit")
def test_an_extension_that_says_next_just_before_ten_seconds_is_in_time() -> None:
    story = Story(("slow",))
    story.tell(EnvironmentStarted(), registered("slow"), RuntimePolled())

    assert story.lifecycle.deadline == 10.0
    assert story.tell(polled("slow"), at=9.875)[0] is Phase.READY


@pytest.mark.rule("extensions-api/next-after-init-limit")
@pytest.mark.rule("lifecycle/late-extension-fails-init")
def test_init_times_out_when_an_extension_has_not_said_next_after_ten_seconds() -> None:
    story = Story(("slow",))
    story.tell(EnvironmentStarted(), registered("slow"))
    story.tell(RuntimePolled(), at=9.875)

    assert story.wait(late=0.125) == (
        Phase.RESET,
        [
            ExtensionReported("slow", "Registered", ()),
            InitReported(InitPhase.INIT, TIMED_OUT, 10.125),
            ShutdownStarted(ShutdownReason.FAILURE),
            TerminateRuntime(),
        ],
    )


def test_init_times_out_when_an_extension_never_registers() -> None:
    story = Story(("silent",))
    story.tell(EnvironmentStarted())

    assert story.wait() == (
        Phase.RESET,
        [
            InitRuntimeDone(InitPhase.INIT, TIMED_OUT),
            ExtensionReported("silent", "Started", ()),
            InitReported(InitPhase.INIT, TIMED_OUT, 10.0),
            ShutdownStarted(ShutdownReason.FAILURE),
            KillExtension("silent"),
        ],
    )


def test_the_limit_of_init_does_not_depend_on_the_timeout_of_the_function() -> None:
    story = Story(timeout=900.0)
    story.tell(EnvironmentStarted(), at=1.0)

    assert story.lifecycle.deadline == 11.0


def test_the_limit_of_init_can_be_configured() -> None:
    story = Story(init_limit=130.0)
    story.tell(EnvironmentStarted(), at=1.0)

    assert story.lifecycle.deadline == 131.0


def test_without_configuration_the_limit_is_ten_seconds_and_a_hundred_invocations_may_wait() -> None:
    assert Settings(timeout=3.0) == Settings(3.0, (), 100, 10.0)
    assert Lifecycle(Settings(timeout=3.0)).phase is Phase.COLD


# -- The report --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("lifecycle/init-duration-on-first-report")
def test_only_the_first_report_has_an_init_duration() -> None:
    story = Story()
    first, second = Invocation("first"), Invocation("second")
    story.tell(EnvironmentStarted(), InvocationArrived(first), InvocationArrived(second))
    story.tell(RuntimePolled(), at=0.75)
    told: list[float | None] = []
    for invocation in (first, second):
        respond(story, invocation)
        _, effects = story.tell(RuntimePolled())
        told += [effect.init_duration for effect in effects if isinstance(effect, InvocationReported)]

    assert told == [0.75, None]
