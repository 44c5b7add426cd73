"""What a person is told of who is to blame; Lambda's own lines and records are in the other stories."""

import pytest

from supervisor.diagnosis import text_of
from supervisor.lifecycle.diagnoses import Diagnosis, ExitedEarly, InvocationHeld, NameTaken, NameUnknown, TimeUp
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ExtensionExited,
    InvocationArrived,
    RuntimePolled,
    ShutdownRequested,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.extensions import NameTakenError
from supervisor.lifecycle.invocation import Invocation
from tests.lifecycle.story import Story, invoking, polled, ready, registered, respond


def begun(*extensions: str) -> Story:
    story = Story(extensions)
    story.tell(EnvironmentStarted())
    return story


def texts(story: Story) -> list[str]:
    return list(map(text_of, story.diagnoses))


def test_an_init_whose_time_is_up_names_who_has_not_registered_and_who_has_not_asked() -> None:
    story = begun("a", "b", "c")
    story.tell(registered("a"), polled("a"), registered("b"))

    story.wait()

    assert story.diagnoses == [TimeUp(("c",), ("b",))]
    assert texts(story) == [
        "The time is up, and these were still waited for: the extension c, to register under the name of its file; "
        "the extension b, to ask for its next event."
    ]


def test_an_init_that_waits_for_the_runtime_names_it() -> None:
    story = begun()

    story.wait()

    assert texts(story) == [
        "The time is up, and these were still waited for: the runtime, to ask for the next invocation."
    ]


def test_an_init_that_everybody_but_one_extension_has_left_names_that_alone() -> None:
    story = begun("a", "b")
    story.tell(registered("a"), registered("b"), RuntimePolled(), polled("a"))

    story.wait()

    assert story.diagnoses == [TimeUp((), ("b",))]


def test_an_invocation_whose_time_is_up_names_whoever_still_works() -> None:
    story, _ = invoking({"a": "INVOKE", "b": "SHUTDOWN"}, timeout=3)
    story.wait()
    assert story.diagnoses == [TimeUp((), ("a",), runtime=True)]

    story, invocation = invoking({"a": "INVOKE", "b": "INVOKE"}, timeout=3)
    respond(story, invocation)
    story.tell(RuntimePolled(), polled("a"))
    story.wait()
    assert story.diagnoses == [TimeUp((), ("b",))]


def test_an_extension_that_registers_under_another_name_is_told_with_who_is_missing() -> None:
    story = begun("logger.sh", "other")
    story.tell(registered("other"))
    assert story.diagnoses == []

    story.tell(registered("logger"))

    assert story.diagnoses == [NameUnknown("logger", ("logger.sh",))]
    assert texts(story) == [
        "An extension registered as 'logger', which is the name of no file: it counts as an internal one, and Init "
        "waits on for logger.sh. Lambda-Extension-Name has to be the name of the file."
    ]


def test_an_internal_extension_of_the_runtime_is_no_mistake() -> None:
    story = begun("a")

    story.tell(registered("a"), registered("inside"))

    assert story.diagnoses == []


def refused_name(story: Story, name: str) -> tuple[NameTaken, str]:
    with pytest.raises(NameTakenError) as refusal:
        story.tell(registered(name))
    return refusal.value.diagnosis, text_of(refusal.value.diagnosis)


def test_an_extension_that_wants_the_name_of_another_is_told_with_who_is_missing() -> None:
    story = begun("a", "b")
    story.tell(registered("a", "INVOKE", "SHUTDOWN"))

    assert refused_name(story, "a") == (
        NameTaken("a", True, ("INVOKE", "SHUTDOWN"), ("b",)),
        "An extension was refused the name 'a', under which an external extension has registered already, for INVOKE "
        "and SHUTDOWN. It is the name of a file, and Init waits on for b. Lambda-Extension-Name has to be the name of "
        "the extension's own file.",
    )


def test_an_extension_that_registers_twice_is_told() -> None:
    story = begun("a")
    story.tell(registered("a"), polled("a"))

    assert refused_name(story, "a") == (
        NameTaken("a", True, (), ()),
        "An extension was refused the name 'a', under which an external extension has registered already, for no "
        "event. An extension registers once.",
    )


def test_two_internal_extensions_of_one_name_are_told() -> None:
    story = begun()
    story.tell(registered("inside", "INVOKE"))

    assert refused_name(story, "inside") == (
        NameTaken("inside", False, ("INVOKE",), ()),
        "An extension was refused the name 'inside', under which an internal extension has registered already, for "
        "INVOKE. Each needs a name of its own.",
    )


@pytest.mark.parametrize(("status", "words"), [(ExitStatus(), "exit code 0"), (ExitStatus(code=3), "exit status 3")])
def test_an_extension_that_ends_before_it_has_asked_is_told(status: ExitStatus, words: str) -> None:
    before, after = begun("a"), begun("a")
    before.tell(ExtensionExited("a", status))
    after.tell(registered("a"), ExtensionExited("a", status))

    expected: list[Diagnosis] = [ExitedEarly("a", False, status), ExitedEarly("a", True, status)]
    assert before.diagnoses + after.diagnoses == expected
    advice = "It has to register, and to ask for the next event until it gets SHUTDOWN."
    assert texts(before) + texts(after) == [
        f"The extension a ended ({words}) before it registered. {advice}",
        f"The extension a ended ({words}) after it had registered and before it asked for its first event. {advice}",
    ]


def test_the_end_of_an_extension_is_no_mistake_later_or_in_a_shutdown() -> None:
    later = ready({"a": ""})
    later.tell(ExtensionExited("a", ExitStatus(code=1)))
    shut_down = begun("a")
    shut_down.tell(ShutdownRequested(), ExtensionExited("a", ExitStatus(signal=9)))

    assert later.diagnoses + shut_down.diagnoses == []


def test_the_extension_that_held_an_invocation_is_named_with_its_time() -> None:
    story, invocation = invoking({"a": "INVOKE", "b": "INVOKE"})
    respond(story, invocation)
    story.tell(RuntimePolled(), at=1.5)
    story.tell(polled("b"), at=1.6)
    story.tell(polled("a"), at=1.75)

    assert story.diagnoses == [InvocationHeld("a", 0.25, 0.75)]
    assert texts(story) == ["The extension a held the invocation for 250 ms after the runtime was done."]


def test_an_extension_that_is_done_soon_after_the_runtime_is_not_told() -> None:
    story, invocation = invoking({"a": "INVOKE"})
    respond(story, invocation)
    story.tell(RuntimePolled(), at=1.5)
    story.tell(polled("a"), at=1.59)
    story.tell(InvocationArrived(Invocation("second")), at=2.0)
    story.tell(polled("a"), at=2.3)
    respond(story, Invocation("second"))
    story.tell(RuntimePolled(), at=3.0)

    assert story.diagnoses == []
