"""What the lifecycle remembers: one mutable `State`, with a record for each peer and for each phase under way.

Only `machine`, `init`, `invoke` and `shutdown` change it, each inside one call of `Lifecycle.handle`.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto

from supervisor.errors import Fault
from supervisor.lifecycle.effects import Effect, SendInvoke, SendShutdown
from supervisor.lifecycle.invocation import FunctionError, Invocation, Outcome, PlatformError
from supervisor.lifecycle.limits import INIT_SECONDS
from supervisor.lifecycle.milestones import Ending, InitPhase, Status
from supervisor.lifecycle.states import ExtensionState, Phase, RuntimeState, ShutdownReason

Effects = list[Effect]
"""In the order in which they are to be performed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an environment is configured with. Times in seconds.

    Args:
        timeout: The function's timeout.
        extensions: The names of the external extensions, in the order in which they are launched.
        queue_size: How many invocations may wait while another one runs.
        init_limit: The limit of an init that runs on its own.
        freeze: Whether the processes are stopped while there is nothing to do.
        init_on_demand: Whether Init begins with the first invocation, instead of at the start.
        idle_timeout: After so long without an invocation the environment is given up; None is never.
        ends_when_idle: Whether that is the end, instead of a fresh environment for the next invocation.
    """

    timeout: float
    extensions: tuple[str, ...] = ()
    queue_size: int = 100
    init_limit: float = INIT_SECONDS
    freeze: bool = False
    init_on_demand: bool = False
    idle_timeout: float | None = None
    ends_when_idle: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an init or an invocation fails; *text* is for the caller."""

    ending: Ending
    text: str

    @classmethod
    def of(cls, fault: str, text: str) -> "Failure":
        """A failure by the function, its runtime or an extension."""
        return cls(Ending(Status.ERROR, fault), text)


@dataclass(slots=True)
class Runtime:
    """The runtime: its state, its process, and how many of its polls wait for an invocation."""

    state: RuntimeState = RuntimeState.STARTED
    launched: bool = False
    alive: bool = False
    waiting: int = 0
    init_error: FunctionError | None = None


@dataclass(slots=True)
class Extension:
    """An extension: its state, its process if it is an external one, and the event that waits for its next poll."""

    name: str
    external: bool
    state: ExtensionState = ExtensionState.STARTED
    extension_id: str = ""
    events: tuple[str, ...] = ()
    alive: bool = False
    waiting: bool = False
    pending: SendInvoke | SendShutdown | None = None
    error_type: str = ""
    launch_error: str = ""

    @property
    def registered(self) -> bool:
        """Whether it has an identifier."""
        return bool(self.extension_id)

    @property
    def busy(self) -> bool:
        """Whether it has not yet said next after an event, or has not even fetched the event."""
        return self.state is not ExtensionState.READY or self.pending is not None

    def refuse_launch(self, error_type: str, text: str) -> None:
        """It has no process; *error_type* is for the EXTENSION line, *text* for the caller."""
        self.state = ExtensionState.LAUNCH_ERROR
        self.alive = False
        self.error_type = error_type
        self.launch_error = text

    def hand_over(self, event: SendInvoke | SendShutdown) -> Effects:
        """Send *event* to the poll that waits, or keep it for the next one."""
        if self.waiting:
            self.waiting = False
            self.pending = None
            self.state = ExtensionState.RUNNING
            return [event]
        self.pending = event
        return []


@dataclass(slots=True)
class Init:
    """An init under way."""

    phase: InitPhase
    started: float
    runtime_done: bool = False


@dataclass(slots=True, eq=False)
class Invoke:
    """An invocation under way. Moments on the lifecycle's clock, None until they come.

    *deadline* is that of an init inside the invocation until the delivery, which sets a new one. *runtime_done* is
    when the runtime said next; it stays None when the runtime is cut off. *init_error* is what the runtime reported
    of a failed init, *withheld* the outcome that its caller gets only together with the end of the log. *streaming* is
    the mode of the response; *truncated* is the outcome of one that broke off, until its reason is known. *waited* is
    how long it was in the line, in seconds, *last_extension* who said next last.
    """

    invocation: Invocation
    started: float
    deadline: float
    delivered: float | None = None
    response_started: float = 0.0
    response_ended: float | None = None
    produced_bytes: int = 0
    streaming: bool = False
    truncated: PlatformError | None = None
    runtime_done: float | None = None
    answered: bool = False
    withheld: Outcome | None = None
    failure: Failure | None = None
    init_error: FunctionError | None = None
    duration: float = 0.0
    waited: float = 0.0
    last_extension: str = ""

    @property
    def is_read_along(self) -> bool:
        """Whether the caller gets the response as it comes."""
        return self.streaming and self.invocation.wants_stream


@dataclass(slots=True)
class Waiting:
    """An invocation in the line, and since when it is there."""

    invocation: Invocation
    since: float


class StopStage(Enum):
    """Whom a shutdown waits for: first the runtime, then the extensions, at last the kernel."""

    RUNTIME = auto()
    EXTENSIONS = auto()
    KERNEL = auto()


@dataclass(slots=True)
class Stop:
    """A shutdown or a reset under way."""

    reason: ShutdownReason
    started: float
    deadline: float
    stage: StopStage = StopStage.RUNTIME
    killed: list[str] = field(default_factory=list)


class Timer(IntEnum):
    """What may come due. An extension's error grace is kept under the extension's name instead."""

    INIT = auto()
    RESTORE = auto()
    INVOKE = auto()
    TRUNCATION = auto()
    FREEZE = auto()
    IDLE = auto()
    RUNTIME_GRACE = auto()
    RUNTIME_SHARE = auto()
    SHUTDOWN = auto()
    KERNEL = auto()


@dataclass(slots=True)
class State:
    """One execution environment.

    *fresh* is whether no init has been tried in it, *held* is what is left of the times of extensions while it is
    *frozen*, in which none of them passes.
    """

    settings: Settings
    phase: Phase = Phase.COLD
    fresh: bool = True
    runtime: Runtime = field(default_factory=Runtime)
    extensions: dict[str, Extension] = field(default_factory=dict)
    identified: dict[str, Extension] = field(default_factory=dict)
    queue: deque[Waiting] = field(default_factory=deque)
    timers: dict[Timer | str, float] = field(default_factory=dict)
    frozen: bool = False
    held: dict[str, float] = field(default_factory=dict)
    init: Init | None = None
    restore_started: float | None = None
    invoke: Invoke | None = None
    stop: Stop | None = None
    first_fault: str = ""
    init_duration: float | None = None
    restore_duration: float | None = None

    @property
    def externals(self) -> list[Extension]:
        """The extensions with a process of their own, in the order of their launch."""
        return [extension for extension in self.extensions.values() if extension.external]

    def fault(self, otherwise: Fault) -> str:
        """The first fatal error that a peer announced wins over what its exit alone would say."""
        return self.first_fault or otherwise

    def clear_peers(self) -> None:
        """Forget the runtime and every extension: new processes, new identifiers."""
        self.runtime = Runtime()
        self.extensions = {}
        self.identified = {}
        self.timers = {}
        self.held = {}
        self.init = None
        self.restore_started = None
        self.first_fault = ""
