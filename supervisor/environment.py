"""One execution environment: its lifecycle, its processes, its parked polls, its callers and its clock.

`dispatch` is the one door through which everything that happens comes in. It is synchronous, so nothing comes between
an event and its effects. Nothing here is global: a supervisor may run several environments.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, get_args

from supervisor.errors import TOO_MANY_REQUESTS, ProtocolError
from supervisor.lifecycle import effects as order
from supervisor.lifecycle.diagnoses import Diagnosis
from supervisor.lifecycle.effects import Effect
from supervisor.lifecycle.events import (
    RUNTIME_POLLED,
    Event,
    ExtensionPollDropped,
    ExtensionPolled,
    InvocationArrived,
    ResponseModeRefused,
    ResponseStarted,
    RestorePolled,
    RuntimePollDropped,
    TimePassed,
)
from supervisor.lifecycle.invocation import Invocation, Outcome, Payload
from supervisor.lifecycle.machine import Lifecycle
from supervisor.lifecycle.milestones import InvocationReported, InvocationStarted, Milestone, RuntimeDone
from supervisor.lifecycle.model import Settings
from supervisor.lifecycle.states import Phase
from supervisor.mailboxes import Mailboxes
from supervisor.processes import Processes
from supervisor.report import Report
from supervisor.system.alarm import Alarm
from supervisor.system.clock import Clock
from supervisor.system.http_exchange import Exchange

Answer = Callable[[Outcome], None]

Observer = Callable[[Event, Sequence[Effect], float], None]
"""Gets an event that was not refused, what follows from it, and the moment, on the lifecycle's clock."""


class Sink(Protocol):
    """Who takes a streamed response as it comes.

    Attributes:
        on_room: Called when there is room again; set by whoever sends.
    """

    on_room: Callable[[], None]

    @property
    def is_full(self) -> bool:
        """Whether more is not wanted before `on_room`. If it comes, it is taken."""

    def take(self, piece: Payload) -> None:
        """Take a piece of the response, which stays as it is."""

    def cut(self) -> None:
        """Take nothing more, whatever comes."""


ReadAlong = Callable[[str], Sink]
"""Called when a response begins that may be read as it comes, with its content type."""


class Environment:
    """Runs one lifecycle: asks it what follows from an event and does that, in order.

    Args:
        settings: What the lifecycle is configured with.
        processes: The processes of this environment.
        report: Where milestones are told.
        close_connections: Closes every connection of the runtime's port.
        unneeded: Called when nobody has needed the environment for so long that a shutdown should be asked for.
        ended: Called once, when the environment is over.

    Attributes:
        throttles: How many invocations were refused because the line was full.
    """

    def __init__(  # noqa: PLR0913 -- what it calls has a name
        self,
        settings: Settings,
        processes: Processes,
        report: Report,
        *,
        close_connections: Callable[[], None],
        unneeded: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self._clock = Clock()
        self._lifecycle = Lifecycle(settings)
        self._mailboxes = Mailboxes(self._clock)
        self._processes = processes
        self._report = report
        self._alarm = Alarm()
        self._deadline: float | None = None
        self._callers: dict[Invocation, Answer] = {}
        self._readers: dict[Invocation, ReadAlong] = {}
        self._sinks: dict[Invocation, Sink] = {}
        self._orders: deque[Effect] = deque()
        self._performing = False
        self._idle_watchers: list[Callable[[], None]] = []
        self.throttles = 0
        self._observers: tuple[Observer, ...] = ()
        self._close_connections = close_connections
        self._perform: dict[type, Callable[..., None]] = {
            order.SendInvocation: self._mailboxes.send_invocation,
            order.SendInvoke: self._mailboxes.send_invoke,
            order.SendShutdown: self._send_shutdown,
            order.SendRestore: self._mailboxes.send_restore,
            order.StartAnswer: self._start_answer,
            order.CutAnswer: lambda cut: self._sinks[cut.invocation].cut(),
            order.AnswerCaller: self._answer_caller,
            order.FreezeEnvironment: lambda _: self._freeze(),
            order.ThawEnvironment: lambda _: self._thaw(),
            order.LaunchExtension: lambda launch: processes.launch_extension(launch.name, self.dispatch),
            order.LaunchRuntime: lambda _: processes.launch_runtime(self.dispatch),
            order.TerminateRuntime: lambda _: processes.terminate_runtime(),
            order.KillRuntime: lambda _: processes.kill_runtime(),
            order.KillExtension: lambda kill: processes.kill_extension(kill.name),
            order.DismissExtension: lambda dismiss: report.deliver(processes.killer(dismiss.name)),
            **dict.fromkeys(get_args(Diagnosis), report.diagnose),
            **dict.fromkeys(get_args(Milestone), report.tell),
            InvocationStarted: report.begin_invocation,
            RuntimeDone: report.end_runtime,
            InvocationReported: report.end_invocation,
            order.ClearEnvironment: lambda _: self._clear(),
            order.RequestShutdown: lambda _: unneeded(),
            order.EndEnvironment: lambda _: ended(),
        }

    @property
    def phase(self) -> Phase:
        """Where it is."""
        return self._lifecycle.phase

    @property
    def queue_depth(self) -> int:
        """How many invocations wait in the line."""
        return self._lifecycle.queue_depth

    def observe(self, observer: Observer) -> None:
        """Tell *observer* from now on of everything that happens, before anything follows from it."""
        self._observers = (*self._observers, observer)

    def dispatch(self, event: Event) -> None:
        """Let *event* happen.

        Raises:
            ProtocolError: The event is refused; nothing has happened.
        """
        self._perform_all(self._decide(event))

    def invoke(self, invocation: Invocation, answer: Answer, read_along: ReadAlong | None = None) -> None:
        """Run *invocation*; *answer* is called once, with its outcome, after *read_along* if that is given and called.

        Raises:
            ProtocolError: The line is full, or the environment is ending; neither is called.
        """
        try:
            effects = self._decide(InvocationArrived(invocation))
        except ProtocolError as error:
            self.throttles += error.http_status == TOO_MANY_REQUESTS
            raise
        self._callers[invocation] = answer
        if read_along is not None:
            self._readers[invocation] = read_along
        self._perform_all(effects)

    def when_idle(self, then: Callable[[], None]) -> None:
        """Call *then* once, as soon as an invocation would begin at once; now, when it would."""
        self._idle_watchers.append(then)
        self._perform_all([])

    def begin_response(self, event: ResponseStarted | ResponseModeRefused) -> Sink | None:
        """Let *event* happen; who takes the response as it comes, None when it is to be kept until it is whole.

        Raises:
            ProtocolError: The event is refused; nothing has happened.
        """
        self.dispatch(event)
        # There is one response at a time.
        return next(iter(self._sinks.values()), None)

    def poll_runtime(self, poll: Exchange) -> None:
        """Keep a poll of the runtime until there is an invocation.

        Raises:
            ProtocolError: The runtime may not ask now.
        """
        effects = self._decide(RUNTIME_POLLED)
        self._mailboxes.park_runtime(poll)
        self._perform_all(effects)

    def poll_restore(self, poll: Exchange) -> None:
        """Keep a poll of the runtime until the snapshot is restored.

        Raises:
            ProtocolError: The runtime may not ask now.
        """
        effects = self._decide(RestorePolled())
        self._mailboxes.park_runtime(poll)
        self._perform_all(effects)

    def drop_runtime_poll(self, poll: Exchange) -> None:
        """The runtime closed the connection of *poll*."""
        if self._mailboxes.drop_runtime(poll):
            self.dispatch(RuntimePollDropped())

    def poll_extension(self, extension_id: str, poll: Exchange) -> None:
        """Keep a poll of an extension until there is an event for it.

        Raises:
            ProtocolError: The extension may not ask now.
        """
        effects = self._decide(ExtensionPolled(extension_id))
        self._mailboxes.park_extension(extension_id, poll)
        self._perform_all(effects)

    def drop_extension_poll(self, extension_id: str, poll: Exchange) -> None:
        """The extension closed the connection of *poll*."""
        if self._mailboxes.drop_extension(extension_id, poll):
            self.dispatch(ExtensionPollDropped(extension_id))

    async def watch_time(self) -> None:
        """Let time pass, until cancelled: every deadline of the lifecycle becomes an event."""
        await self._alarm.run(lambda: self.dispatch(TimePassed()))

    def _decide(self, event: Event) -> Sequence[Effect]:
        now = self._clock.now()
        lifecycle = self._lifecycle
        effects = lifecycle.handle(event, now)
        for see in self._observers:
            see(event, effects, now)
        if lifecycle.deadline != self._deadline:
            self._deadline = lifecycle.deadline
            self._alarm.set(self._deadline)
        return effects

    def _perform_all(self, effects: Sequence[Effect]) -> None:
        """Perform *effects*. What an effect causes to be ordered comes after all that is ordered already."""
        if self._performing:
            self._orders += effects
            return
        self._performing = True
        perform = self._perform
        try:
            for effect in effects:
                perform[type(effect)](effect)
            while self._orders:
                effect = self._orders.popleft()
                perform[type(effect)](effect)
        finally:
            self._performing = False
        if self._idle_watchers and self._lifecycle.is_idle:
            self._idle_watchers.pop(0)()

    def extension_name(self, extension_id: str) -> str:
        """The name of the extension that has this identifier.

        Raises:
            ProtocolError: 403, nobody has it.
        """
        return self._lifecycle.extension_name(extension_id)

    def _send_shutdown(self, event: order.SendShutdown) -> None:
        """Extensions stop to listen when they are told: what there is to tell them is delivered first."""
        self._report.deliver(lambda: self._mailboxes.send_shutdown(event))

    def _start_answer(self, start: order.StartAnswer) -> None:
        self._sinks[start.invocation] = self._readers[start.invocation](start.content_type)

    def _answer_caller(self, answer: order.AnswerCaller) -> None:
        if self._readers:
            self._readers.pop(answer.invocation, None)
            self._sinks.pop(answer.invocation, None)
        self._callers.pop(answer.invocation)(answer.outcome)

    def _freeze(self) -> None:
        self._processes.freeze()
        self._report.freeze()

    def _thaw(self) -> None:
        self._processes.thaw()
        self._report.thaw()

    def _clear(self) -> None:
        self._processes.clear()
        self._mailboxes.clear()
        self._close_connections()
