"""What is counted of each extension, by its name: it outlives the extension's process.

Times are in seconds, on the lifecycle's clock.
"""

from collections.abc import Callable
from typing import Any, Final

from supervisor.lifecycle.effects import DismissExtension, KillExtension, LaunchExtension, SendShutdown
from supervisor.lifecycle.events import ExtensionExited, ExtensionPolled, ExtensionRegistered
from supervisor.lifecycle.invoke import INVOKE
from supervisor.lifecycle.limits import MAX_EXTENSIONS
from supervisor.lifecycle.milestones import InitStarted, InvocationReported, RuntimeDone
from supervisor.telemetry.distributions import Total
from supervisor.telemetry.exits_count import ExitsCount

KEPT_NAMES: Final = 2 * MAX_EXTENSIONS
"""An internal extension may have another name after each reset; of names there must be a known number. Ours."""

OTHER_NAME: Final = "other"
"""Stands for all names that came too late."""


class ExtensionMeasures:
    """One extension.

    Attributes:
        inits: From the launch, or the registration of an internal one, to its first poll.
        overheads: How much longer than the runtime it needed for an invocation.
        departures: From the SHUTDOWN event to the end of its process.
        exits: How its processes ended.
        kills: SIGKILLs to it.
    """

    __slots__ = ("appeared", "departures", "exits", "inits", "kills", "overheads", "polled", "told")

    def __init__(self) -> None:
        self.inits = Total()
        self.overheads = Total()
        self.departures = Total()
        self.exits = ExitsCount()
        self.kills = 0
        self.appeared: float | None = None
        self.polled = 0.0
        self.told: float | None = None


class Extensions:
    """Every extension that there was.

    Attributes:
        by_name: In the order of their appearance.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, ExtensionMeasures] = {}
        self._identified: dict[str, ExtensionMeasures] = {}
        self._invoked: list[ExtensionMeasures] = []
        self._runtime_done = 0.0
        self.counted: dict[type, Callable[[Any, float], None]] = {
            InitStarted: lambda _, __: self._forget_processes(),
            LaunchExtension: lambda launch, now: self._appear(self._named(launch.name), now),
            ExtensionRegistered: self._registered,
            ExtensionPolled: self._polled,
            RuntimeDone: self._runtime_is_done,
            InvocationReported: self._invocation_reported,
            SendShutdown: self._told,
            KillExtension: lambda kill, _: self._killed(kill.name),
            DismissExtension: lambda kill, _: self._killed(kill.name),
            ExtensionExited: self._exited,
        }

    def _named(self, name: str) -> ExtensionMeasures:
        if name not in self.by_name and len(self.by_name) >= KEPT_NAMES:
            name = OTHER_NAME
        if name not in self.by_name:
            self.by_name[name] = ExtensionMeasures()
        return self.by_name[name]

    def _forget_processes(self) -> None:
        self._identified.clear()
        self._invoked.clear()

    def _appear(self, extension: ExtensionMeasures, now: float) -> None:
        extension.appeared, extension.told = now, None

    def _registered(self, registration: ExtensionRegistered, now: float) -> None:
        extension = self._named(registration.name)
        if extension.appeared is None:
            self._appear(extension, now)
        self._identified[registration.extension_id] = extension
        if INVOKE in registration.events:
            self._invoked.append(extension)

    def _polled(self, poll: ExtensionPolled, now: float) -> None:
        extension = self._identified[poll.extension_id]
        extension.polled = now
        if extension.appeared is not None:
            extension.inits.add(now - extension.appeared)
            extension.appeared = None

    def _runtime_is_done(self, _done: RuntimeDone, now: float) -> None:
        self._runtime_done = now

    def _invocation_reported(self, report: InvocationReported, _now: float) -> None:
        if report.overhead is not None:
            for extension in self._invoked:
                extension.overheads.add(max(0.0, extension.polled - self._runtime_done))

    def _told(self, shutdown: SendShutdown, now: float) -> None:
        self._identified[shutdown.extension_id].told = now

    def _killed(self, name: str) -> None:
        self._named(name).kills += 1

    def _exited(self, exited: ExtensionExited, now: float) -> None:
        extension = self._named(exited.name)
        extension.exits.add(exited.status)
        if extension.told is not None:
            extension.departures.add(now - extension.told)
            extension.told = None
