"""A story: a lifecycle that is told what happens, and when. To compare what follows is left to the tests."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from supervisor.errors import ProtocolError
from supervisor.lifecycle.diagnoses import Diagnosis
from supervisor.lifecycle.effects import Effect
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    Event,
    ExtensionExited,
    ExtensionPolled,
    ExtensionRegistered,
    InvocationArrived,
    ResponseReceived,
    ResponseStarted,
    RuntimeExited,
    RuntimePolled,
    TimePassed,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.machine import Lifecycle
from supervisor.lifecycle.milestones import Ending, Status
from supervisor.lifecycle.model import Settings
from supervisor.lifecycle.states import Phase

Step = tuple[Phase, list[Effect]]

TIMEOUT = 3.0

SUCCESS = Ending()
TIMED_OUT = Ending(Status.TIMEOUT)


def error(fault: str) -> Ending:
    return Ending(Status.ERROR, fault)


class Story:
    """One lifecycle and its clock, which begins at 0.

    Attributes:
        diagnoses: What it has found out for people; no step of a story has it.
    """

    def __init__(
        self,
        extensions: Sequence[str] = (),
        *,
        timeout: float = TIMEOUT,
        queue_size: int = 100,
        **settings: Any,
    ) -> None:
        self.lifecycle = Lifecycle(Settings(timeout, tuple(extensions), queue_size, **settings))
        self.now = 0.0
        self.diagnoses: list[Diagnosis] = []

    def tell(self, *events: Event, at: float | None = None) -> Step:
        """The phase after *events*, and all that they caused."""
        self.now = self.now if at is None else at
        effects: list[Effect] = []
        for event in events:
            effects += self.lifecycle.handle(event, self.now)
        self.diagnoses += [effect for effect in effects if isinstance(effect, Diagnosis)]
        effects = [effect for effect in effects if not isinstance(effect, Diagnosis)]
        return self.lifecycle.phase, effects

    def wait(self, late: float = 0.0) -> Step:
        """Let time pass until something is due, and *late* seconds more."""
        deadline = self.lifecycle.deadline
        assert deadline is not None, "nothing is due"
        return self.tell(TimePassed(), at=deadline + late)

    def refusal(self, event: Event) -> tuple[int, str, str]:
        """The status, the type and the text with which *event* is refused."""
        with pytest.raises(ProtocolError) as refusal:
            self.lifecycle.handle(event, self.now)
        return refusal.value.http_status, refusal.value.error_type, refusal.value.message


def identifier(name: str) -> str:
    return f"identifier of {name}"


def registered(name: str, *events: str) -> ExtensionRegistered:
    return ExtensionRegistered(identifier(name), name, events)


def polled(name: str) -> ExtensionPolled:
    return ExtensionPolled(identifier(name))


def initialise(story: Story, externals: Mapping[str, str], internals: Mapping[str, str]) -> Step:
    """Let everybody do in one moment what ends an init that has begun."""
    names = (*externals, *internals)
    everybody = {**externals, **internals}
    registrations = [registered(name, *everybody[name].split()) for name in names]
    return story.tell(*registrations, RuntimePolled(), *(polled(name) for name in names))


def cold(*extensions: str) -> Story:
    """An environment whose first init has failed at once, at 0.0."""
    story = Story(extensions)
    story.tell(EnvironmentStarted(), *(ExtensionExited(name, ExitStatus(code=1)) for name in extensions))
    if not extensions:
        story.tell(RuntimeExited(ExitStatus(code=1)))
    assert story.lifecycle.phase is Phase.COLD
    return story


def ready(
    externals: Mapping[str, str] | None = None,
    internals: Mapping[str, str] | None = None,
    *,
    timeout: float = TIMEOUT,
    queue_size: int = 100,
    **settings: Any,
) -> Story:
    """An environment after half a second of Init. The mappings give each extension the events that it registers for."""
    externals, internals = externals or {}, internals or {}
    story = Story(tuple(externals), timeout=timeout, queue_size=queue_size, **settings)
    story.tell(EnvironmentStarted(), at=0.0)
    story.now = 0.5
    phase, _ = initialise(story, externals, internals)
    assert phase is Phase.READY
    return story


def invoking(
    externals: Mapping[str, str] | None = None, internals: Mapping[str, str] | None = None, *, timeout: float = TIMEOUT
) -> tuple[Story, Invocation]:
    """An environment whose first invocation was handed out at 1.0."""
    story = ready(externals, internals, timeout=timeout)
    invocation = Invocation("first")
    story.tell(InvocationArrived(invocation), at=1.0)
    return story, invocation


def respond(story: Story, invocation: Invocation, payload: bytes = b"{}") -> Step:
    """Let the runtime respond, in one moment."""
    return story.tell(ResponseStarted(invocation.request_id), ResponseReceived(payload))
