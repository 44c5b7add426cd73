"""Whatever happens, in any order: what is refused changes nothing, every caller has one answer, and the end comes.

A small world stands around the lifecycle: it knows which processes live and which polls are parked, and holds the
lifecycle to what the environment relies on.
"""

import copy
import dataclasses
from collections import Counter
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.errors import ProtocolError
from supervisor.lifecycle.effects import (
    AnswerCaller,
    ClearEnvironment,
    CutAnswer,
    Effect,
    EndEnvironment,
    FreezeEnvironment,
    LaunchExtension,
    LaunchRuntime,
    RequestShutdown,
    SendInvocation,
    SendInvoke,
    SendRestore,
    SendShutdown,
    StartAnswer,
    ThawEnvironment,
)
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ErrorReceived,
    ErrorStarted,
    Event,
    ExtensionExited,
    ExtensionExitErrorReported,
    ExtensionInitErrorReported,
    ExtensionLaunchFailed,
    ExtensionPollDropped,
    ExtensionPolled,
    ExtensionRegistered,
    InvocationArrived,
    ResponseModeRefused,
    ResponseReceived,
    ResponseStarted,
    RestoreErrorReported,
    RestorePolled,
    RuntimeExited,
    RuntimeInitErrorReported,
    RuntimeLaunchFailed,
    RuntimePollDropped,
    RuntimePolled,
    ShutdownRequested,
    TimePassed,
    UploadOversized,
    UploadTruncated,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.machine import Lifecycle
from supervisor.lifecycle.milestones import (
    InitReported,
    InvocationReported,
    InvocationStarted,
    RestoreReported,
    RestoreStarted,
    RuntimeDone,
    ShutdownEnded,
    Status,
)
from supervisor.lifecycle.model import Settings
from supervisor.lifecycle.states import Phase
from tests.lifecycle.story import identifier, polled, registered

EXTERNALS = ("x", "y")
NAMES = (*EXTERNALS, "internal")
REQUEST_IDS = ("1", "2", "3")
RUNTIME = "the runtime"

Moment = Event | float
"""An event, or so many seconds in which nothing happens."""

MOMENTS: list[Moment] = [
    EnvironmentStarted(),
    RuntimePolled(),
    RuntimePollDropped(),
    ResponseReceived(b"{}"),
    ErrorReceived(b"{}"),
    UploadOversized(),
    UploadTruncated(),
    RuntimeInitErrorReported(b"{}"),
    RestorePolled(),
    RestoreErrorReported("Runtime.AfterRestoreError"),
    RuntimeLaunchFailed("Runtime.InvalidEntrypoint", "no such file or directory"),
    *(RuntimeExited(ExitStatus(code)) for code in (0, 1)),
    *(InvocationArrived(Invocation(request_id)) for request_id in REQUEST_IDS),
    InvocationArrived(Invocation("1", wants_stream=True)),
    *(ResponseStarted(request_id) for request_id in REQUEST_IDS),
    ResponseStarted("1", streaming=True),
    *(ResponseReceived(b"{}", started=ResponseStarted(request_id)) for request_id in REQUEST_IDS),
    *(ErrorStarted(request_id) for request_id in REQUEST_IDS),
    ResponseStarted("1", "another attempt"),
    ResponseModeRefused("2"),
    *(registered(name, "INVOKE") for name in NAMES),
    *(registered(name, "INVOKE", "SHUTDOWN") for name in NAMES),
    *(registered(name) for name in NAMES),
    *(polled(name) for name in NAMES),
    *(ExtensionPollDropped(identifier(name)) for name in NAMES),
    *(ExtensionInitErrorReported(identifier(name), "Extension.Reason") for name in NAMES),
    *(ExtensionExitErrorReported(identifier(name), "Extension.Reason") for name in NAMES),
    *(ExtensionExited(name, ExitStatus(code)) for name in EXTERNALS for code in (0, 1)),
    *(ExtensionLaunchFailed(name, "PermissionDenied", "permission denied") for name in EXTERNALS),
    TimePassed(),
    ShutdownRequested(),
    0.25,
    0.002,
]

INITIALISE: list[Moment] = [
    EnvironmentStarted(),
    *(registered(name, "INVOKE", "SHUTDOWN") for name in EXTERNALS),
    registered("internal", "INVOKE"),
    RuntimePolled(),
    *(polled(name) for name in NAMES),
]
SNAPSHOT: list[Moment] = [RestorePolled() if moment == RuntimePolled() else moment for moment in INITIALISE]
INVOKE: list[Moment] = [InvocationArrived(Invocation("1")), ResponseStarted("1"), ResponseReceived(b"{}")]
EXTENSIONS_COME_BACK: list[Moment] = [polled(name) for name in NAMES]
ALL_COME_BACK: list[Moment] = [RuntimePolled(), *EXTENSIONS_COME_BACK]
STOP: list[Moment] = [RuntimeExited(ExitStatus(0)), *(ExtensionExited(name, ExitStatus(0)) for name in EXTERNALS)]

WAIT_FOR_THE_FREEZE: list[Moment] = [0.002, TimePassed()]
WAIT: list[Moment] = [0.5, TimePassed()]
WAIT_LONG: list[Moment] = [3.0, TimePassed()]

passages = st.one_of(
    st.sampled_from(MOMENTS).map(lambda moment: [moment]),
    st.sampled_from(
        [INITIALISE, SNAPSHOT, INVOKE, EXTENSIONS_COME_BACK, ALL_COME_BACK, STOP, WAIT_FOR_THE_FREEZE, WAIT, WAIT_LONG]
    ),
)
chapters = st.lists(st.lists(passages, max_size=10), max_size=12)
beginnings: st.SearchStrategy[list[Moment]] = st.sampled_from([[], INITIALISE, SNAPSHOT, [*INITIALISE, *INVOKE]])
histories = st.builds(
    lambda beginning, chapters: [*beginning, *(moment for chapter in chapters for moment in chain(*chapter))],
    beginnings,
    chapters,
)


kinds = st.builds(
    Settings,
    timeout=st.just(3.0),
    extensions=st.just(EXTERNALS),
    queue_size=st.just(2),
    freeze=st.booleans(),
    init_on_demand=st.booleans(),
    idle_timeout=st.sampled_from([None, 2.0]),
    ends_when_idle=st.booleans(),
)


class World:
    """What the environment does around a lifecycle: it performs the effects, and asserts that it can."""

    def __init__(self, settings: Settings) -> None:
        self.lifecycle = Lifecycle(settings)
        self.now = 0.0
        self.processes: set[str] = set()
        self.runtime_polls = 0
        self.extension_polls: set[str] = set()
        self.registered: set[str] = set()
        self.said_next: set[str] = set()
        self.arrived: list[Invocation] = []
        self.told: Counter[tuple[type[Effect], Invocation]] = Counter()
        self.frozen = False
        self.ended = False

    def live(self, history: list[Moment]) -> None:
        """Let everything in *history* happen, as far as it can."""
        for moment in history:
            if isinstance(moment, float):
                self.now += moment
            elif self.can_happen(moment):
                self.happen(moment)

    def can_happen(self, event: Event) -> bool:
        """Only what lives can exit, only what is parked can be dropped."""
        match event:
            case RuntimeExited() | RuntimeLaunchFailed():
                return RUNTIME in self.processes
            case ExtensionExited(name) | ExtensionLaunchFailed(name):
                return name in self.processes
            case RuntimePollDropped():
                return self.runtime_polls > 0
            case ExtensionPollDropped(extension_id):
                return extension_id in self.extension_polls
            case _:
                return True

    def happen(self, event: Event) -> None:
        if isinstance(event, InvocationArrived):
            event = InvocationArrived(dataclasses.replace(event.invocation))
        try:
            effects = self.lifecycle.handle(event, self.now)
        except ProtocolError:
            return
        if isinstance(event, InvocationArrived):
            self.arrived.append(event.invocation)
        self.note(event)
        for effect in effects:
            self.perform(effect)
        assert self.ended is (self.lifecycle.phase is Phase.ENDED)
        assert not self.frozen or self.lifecycle.phase is Phase.READY
        if isinstance(event, TimePassed):
            assert self.lifecycle.deadline is None or self.lifecycle.deadline > self.now

    def note(self, event: Event) -> None:
        """What was accepted is true from now on."""
        match event:
            case RuntimePolled() | RestorePolled():
                self.runtime_polls += 1
                self.said_next.add(RUNTIME)
            case RuntimePollDropped():
                self.runtime_polls -= 1
            case ExtensionRegistered(extension_id):
                self.registered.add(extension_id)
            case ExtensionPolled(extension_id):
                self.extension_polls.add(extension_id)
                self.said_next.add(extension_id)
            case ExtensionPollDropped(extension_id):
                self.extension_polls.remove(extension_id)
            case RuntimeExited() | RuntimeLaunchFailed():
                self.processes.remove(RUNTIME)
            case ExtensionExited(name) | ExtensionLaunchFailed(name):
                self.processes.remove(name)
            case _:
                pass

    def perform(self, effect: Effect) -> None:
        assert not self.ended, "nothing follows the end"
        assert not self.frozen or isinstance(
            effect, AnswerCaller | InvocationStarted | RequestShutdown | RestoreStarted | ThawEnvironment
        ), "who is frozen is left alone"
        match effect:
            case FreezeEnvironment() | ThawEnvironment():
                assert self.processes, "somebody is there to be frozen"
                assert self.frozen is isinstance(effect, ThawEnvironment)
                self.frozen = not self.frozen
            case SendInvocation() | SendRestore():
                assert self.runtime_polls > 0
                self.runtime_polls -= 1
            case SendInvoke(extension_id) | SendShutdown(extension_id):
                self.extension_polls.remove(extension_id)
            case LaunchRuntime() | LaunchExtension():
                name = effect.name if isinstance(effect, LaunchExtension) else RUNTIME
                assert name not in self.processes, "it lives already"
                assert name != RUNTIME or self.registered >= set(map(identifier, EXTERNALS)), "it must wait"
                self.processes.add(name)
            case ClearEnvironment():
                for forgotten in (self.processes, self.extension_polls, self.registered, self.said_next):
                    forgotten.clear()
                self.runtime_polls = 0
            case EndEnvironment():
                self.ended = True
            case _:
                self.hear(effect)

    def hear(self, told: Effect) -> None:
        match told:
            case InitReported(_, ending, duration):
                assert duration >= 0
                if ending.status is Status.SUCCESS:
                    assert self.registered >= set(map(identifier, EXTERNALS))
                    assert self.said_next == {RUNTIME, *self.registered}
            case InvocationStarted(invocation) | AnswerCaller(invocation):
                self.tell(told, invocation)
            case StartAnswer(invocation) | CutAnswer(invocation):
                assert invocation.wants_stream
                assert bool(self.told[StartAnswer, invocation]) is isinstance(told, CutAnswer)
                assert not self.told[AnswerCaller, invocation]
                self.tell(told, invocation)
            case RuntimeDone(invocation, _, duration):
                assert all(seconds >= 0 for seconds in (duration, *(span.duration for span in told.spans)))
                assert self.told[InvocationStarted, invocation]
                self.tell(told, invocation)
            case InvocationReported(invocation, _, duration):
                assert all(seconds >= 0 for seconds in (duration, *(span.duration for span in told.spans)))
                assert self.told[RuntimeDone, invocation]
                self.tell(told, invocation)
            case ShutdownEnded(_, duration) | RestoreReported(_, duration):
                assert duration >= 0
            case _:
                pass

    def tell(self, effect: Effect, invocation: Invocation) -> None:
        """Nothing is said of an invocation twice."""
        assert invocation in self.arrived
        assert not self.told[type(effect), invocation]
        self.told[type(effect), invocation] += 1


@given(kinds, histories)
@settings(max_examples=60, deadline=None)
def test_after_any_history_an_event_that_is_refused_changes_nothing(kind: Settings, history: list[Moment]) -> None:
    world = World(kind)
    world.live(history)
    state = repr(world.lifecycle._state)  # noqa: SLF001 -- "nothing" is about all of it
    for moment in MOMENTS:
        lifecycle = copy.deepcopy(world.lifecycle)
        if not isinstance(moment, float):
            try:
                lifecycle.handle(moment, world.now + 0.125)
            except ProtocolError:
                assert repr(lifecycle._state) == state  # noqa: SLF001 -- as above


@given(kinds, histories)
@settings(max_examples=150, deadline=None)
def test_after_any_history_a_shutdown_answers_every_caller_once_and_ends_even_if_nothing_ever_exits(
    kind: Settings,
    history: list[Moment],
) -> None:
    world = World(kind)
    world.live(history)
    if not world.ended:
        world.happen(ShutdownRequested())
    while (deadline := world.lifecycle.deadline) is not None:
        world.now = max(world.now, deadline)
        world.happen(TimePassed())

    assert world.ended
    assert [world.told[AnswerCaller, invocation] for invocation in world.arrived] == [1] * len(world.arrived)
    for invocation in world.arrived:
        said = [world.told[what, invocation] for what in (InvocationStarted, RuntimeDone, InvocationReported)]
        assert said in ([0, 0, 0], [1, 1, 1])
