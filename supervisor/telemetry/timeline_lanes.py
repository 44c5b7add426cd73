"""The lanes of a timeline, and what each event and each effect is on them. Moments are on the lifecycle's clock."""

from collections.abc import Callable, Mapping
from typing import Any

from supervisor.lifecycle import effects as order
from supervisor.lifecycle import events as e
from supervisor.lifecycle.invocation import FunctionError, FunctionResponse, PlatformError
from supervisor.lifecycle.milestones import (
    Ending,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
    Status,
)
from supervisor.lifecycle.states import ShutdownReason
from supervisor.telemetry.log_lines import billed_ms
from supervisor.telemetry.timeline_entries import Details, Entry, Lane

Tell = Callable[[Entry], None]
Told = Mapping[type, Callable[[Any, float], None]]
"""By the type of what happened: who tells of it, with the moment at which it did."""


class EnvironmentLane:
    """The phases of the environment and their parts."""

    def __init__(self, tell: Tell) -> None:
        self.lane = lane = Lane("environment", tell)
        self._is_frozen = False
        self.told: Told = {
            InitStarted: self._init_started,
            order.LaunchRuntime: lambda _, now: self._next_part("Runtime and function init", now),
            InitRuntimeDone: self._init_runtime_done,
            InitReported: self._init_reported,
            InvocationStarted: self._invocation_started,
            RuntimeDone: self._runtime_done,
            InvocationReported: self._invocation_reported,
            ShutdownStarted: self._shutdown_started,
            ShutdownEnded: self._shutdown_ended,
            order.FreezeEnvironment: self._frozen,
            order.ThawEnvironment: lambda _, now: self._thawed(now),
            e.ShutdownRequested: lambda event, now: lane.mark("Shutdown requested", now, {"reason": event.reason}),
            order.EndEnvironment: lambda _, now: lane.mark("Ended", now),
        }

    def _frozen(self, _: order.FreezeEnvironment, now: float) -> None:
        self._is_frozen = True
        self.lane.begin("Frozen", now)

    def _thawed(self, now: float) -> None:
        """Who is frozen is thawed at the begin of whatever comes, though that is ordered before the thaw."""
        if self._is_frozen:
            self._is_frozen = False
            self.lane.end_all(now)

    def _init_started(self, init: InitStarted, now: float) -> None:
        self.lane.begin("Init", now, {"phase": init.phase})
        self.lane.begin("Extension init", now)

    def _next_part(self, name: str, now: float) -> None:
        self.lane.end(now)
        self.lane.begin(name, now)

    def _init_runtime_done(self, done: InitRuntimeDone, now: float) -> None:
        if done.ending.status is Status.SUCCESS:
            self._next_part("Extensions get ready", now)

    def _init_reported(self, report: InitReported, now: float) -> None:
        self.lane.end(now)
        self.lane.end(now, _ending(report.ending))

    def _invocation_started(self, started: InvocationStarted, now: float) -> None:
        self._thawed(now)
        self.lane.begin("Invoke", now, {"request id": started.invocation.request_id})
        self.lane.begin("Runtime", now)

    def _runtime_done(self, done: RuntimeDone, now: float) -> None:
        self.lane.end(now, _ending(done.ending))
        if done.ending.status is Status.SUCCESS:
            self.lane.begin("Extensions after the runtime", now)
        elif done.ending.status is Status.TIMEOUT:
            self.lane.mark("Time-out", now)

    def _invocation_reported(self, report: InvocationReported, now: float) -> None:
        self.lane.end_all(
            now,
            {
                **_ending(report.ending),
                "duration": f"{report.duration * 1000:.2f} ms",
                "billed": f"{billed_ms(report.duration, report.init_duration)} ms",
            },
        )

    def _shutdown_started(self, stop: ShutdownStarted, now: float) -> None:
        self._thawed(now)
        name = "Shutdown" if stop.reason is ShutdownReason.SPINDOWN else "Reset"
        self.lane.begin(name, now, {"reason": stop.reason})

    def _shutdown_ended(self, stop: ShutdownEnded, now: float) -> None:
        self.lane.end(now, {"killed": ", ".join(stop.killed)} if stop.killed else {})


class CallersLane:
    """Those who invoke the function."""

    def __init__(self, tell: Tell) -> None:
        self.lane = lane = Lane("callers", tell)
        self.told: Told = {
            e.InvocationArrived: lambda event, now: lane.mark("Invocation", now, _request(event.invocation.request_id)),
            order.AnswerCaller: self._answered,
        }

    def _answered(self, answer: order.AnswerCaller, now: float) -> None:
        details = _request(answer.invocation.request_id)
        match answer.outcome:
            case FunctionResponse():
                self.lane.mark("Response", now, details)
            case FunctionError():
                self.lane.mark("Error of the function", now, details)
            case PlatformError(error_type, _):
                self.lane.mark("Error", now, {**details, "error type": error_type})
            case unavailable:
                self.lane.mark("Not served", now, {**details, "why": unavailable.message})


class RuntimeLane:
    """The runtime: its start, its invocations, its end."""

    def __init__(self, tell: Tell) -> None:
        self.lane = lane = Lane("runtime", tell)
        self.told: Told = {
            order.LaunchRuntime: lambda _, now: lane.begin("Start", now),
            InitRuntimeDone: lambda done, now: lane.end(now, _ending(done.ending)),
            order.SendInvocation: self._sent,
            e.ResponseStarted: lambda _, now: lane.begin("Response", now),
            e.ResponseReceived: self._response_received,
            e.ErrorStarted: lambda _, now: lane.begin("Error", now),
            e.ErrorReceived: lambda _, now: lane.end(now),
            e.UploadOversized: lambda _, now: lane.end(now, {"broken off": "too large"}),
            e.UploadTruncated: lambda _, now: lane.end(now, {"broken off": "truncated"}),
            RuntimeDone: lambda done, now: lane.end_all(now, _ending(done.ending)),
            e.RuntimeInitErrorReported: lambda event, now: lane.mark("Init error", now, _error(event.error_type)),
            e.RuntimeLaunchFailed: self._launch_failed,
            order.TerminateRuntime: self._terminated,
            order.KillRuntime: lambda _, now: lane.mark("SIGKILL", now),
            e.RuntimeExited: self._exited,
            order.ClearEnvironment: lambda _, now: lane.end_all(now),
        }

    def _response_received(self, received: e.ResponseReceived, now: float) -> None:
        if received.started is not None:
            self.lane.begin("Response", now)
        self.lane.end(now)

    def _sent(self, sent: order.SendInvocation, now: float) -> None:
        # An invocation that was not answered is handed out again.
        if not self.lane.is_open:
            self.lane.begin("Invocation", now, _request(sent.invocation.request_id))

    def _launch_failed(self, failure: e.RuntimeLaunchFailed, now: float) -> None:
        self.lane.end_all(now, {"error type": failure.fault, "why": failure.message})

    def _terminated(self, _: order.TerminateRuntime, now: float) -> None:
        self.lane.mark("SIGTERM", now)
        self.lane.begin("Stop", now)

    def _exited(self, exited: e.RuntimeExited, now: float) -> None:
        self.lane.end_all(now)
        self.lane.mark("Exit", now, {"status": str(exited.status)})


class ExtensionLanes:
    """A lane for each extension: its start, its events, its end."""

    def __init__(self, tell: Tell) -> None:
        self.by_name: dict[str, Lane] = {}
        self._tell = tell
        self._identified: dict[str, Lane] = {}
        self.told: Told = {
            InitStarted: lambda _, __: self._identified.clear(),
            order.LaunchExtension: lambda launch, now: self._named(launch.name).begin("Start", now),
            e.ExtensionLaunchFailed: self._launch_failed,
            e.ExtensionRegistered: self._registered,
            e.ExtensionPolled: lambda event, now: self._identified[event.extension_id].end(now),
            order.SendInvoke: self._invoked,
            order.SendShutdown: self._shut_down,
            e.ExtensionInitErrorReported: lambda event, now: self._failed("Init error", event, now),
            e.ExtensionExitErrorReported: lambda event, now: self._failed("Exit error", event, now),
            order.KillExtension: lambda kill, now: self._named(kill.name).mark("SIGKILL", now),
            order.DismissExtension: lambda kill, now: self._named(kill.name).mark("SIGKILL", now),
            e.ExtensionExited: self._exited,
            order.ClearEnvironment: lambda _, now: self.end_all(now),
        }

    def end_all(self, now: float) -> None:
        """End what is open on every lane."""
        for lane in self.by_name.values():
            lane.end_all(now)

    def _named(self, name: str) -> Lane:
        lane = self.by_name.get(name)
        if lane is None:
            lane = self.by_name[name] = Lane(f"extension {name}", self._tell)
        return lane

    def _registered(self, registration: e.ExtensionRegistered, now: float) -> None:
        lane = self._identified[registration.extension_id] = self._named(registration.name)
        if not lane.is_open:
            # An internal one, which nobody has launched.
            lane.begin("Start", now)
        lane.mark("Registered", now, {"events": ", ".join(registration.events)})

    def _launch_failed(self, failure: e.ExtensionLaunchFailed, now: float) -> None:
        self._named(failure.name).end_all(now, {"error type": failure.error_type, "why": failure.message})

    def _invoked(self, sent: order.SendInvoke, now: float) -> None:
        self._identified[sent.extension_id].begin("INVOKE", now, _request(sent.invocation.request_id))

    def _shut_down(self, sent: order.SendShutdown, now: float) -> None:
        self._identified[sent.extension_id].begin("SHUTDOWN", now, {"reason": sent.reason})

    def _failed(
        self, name: str, event: e.ExtensionInitErrorReported | e.ExtensionExitErrorReported, now: float
    ) -> None:
        self._identified[event.extension_id].mark(name, now, _error(event.error_type))

    def _exited(self, exited: e.ExtensionExited, now: float) -> None:
        lane = self._named(exited.name)
        lane.end_all(now)
        lane.mark("Exit", now, {"status": str(exited.status)})


def _request(request_id: str) -> Details:
    return {"request id": request_id}


def _error(error_type: str) -> Details:
    return {"error type": error_type} if error_type else {}


def _ending(ending: Ending) -> Details:
    return {"status": ending.status, **_error(ending.error_type)}
