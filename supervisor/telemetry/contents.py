"""What is in the record of each milestone: every key that any schema version knows, with its value.

(AWS: Telemetry API schema reference; Logs API; order of the keys, and which are left out: recorded on AWS.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from supervisor.child_environ import INITIALIZATION_TYPE
from supervisor.function import Function
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.milestones import (
    Ending,
    ExtensionReported,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    Milestone,
    RuntimeDone,
    Span,
    Status,
)
from supervisor.telemetry.log_lines import billed_ms
from supervisor.telemetry.records import timestamp
from supervisor.telemetry.subscription import Api

_MEGABYTE: Final = 1024 * 1024
_SAMPLED: Final = "Sampled=1"

Content = Mapping[str, object]
Contents = tuple[tuple[str, Content | str], ...]
"""Types of records, each with its content."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells milestones.

    Args:
        function: The function that is served.
        max_memory_used_mb: The memory that the environment needed at its peak, in MB.
        offset: What turns a moment of the lifecycle's clock into seconds since 1970.
    """

    function: Function
    max_memory_used_mb: int
    offset: float

    def contents(self, milestone: Milestone, api: Api) -> Contents:
        """What *milestone* is in *api*; nothing for one that nobody is told of."""
        match milestone:
            case InvocationStarted(invocation):
                return (("platform.start", self._start(invocation)),)
            case RuntimeDone():
                return (("platform.runtimeDone", self._runtime_done(milestone)),)
            case InvocationReported() if api is Api.LOGS:
                return self._end_in_logs(milestone)
            case InvocationReported():
                return (("platform.report", self._report(milestone)),)
            case _:
                return self._init_contents(milestone)

    def _init_contents(self, milestone: Milestone) -> Contents:
        match milestone:
            case InitStarted(phase):
                return (("platform.initStart", {**_init(phase), **self._instance()}),)
            case InitRuntimeDone(phase, ending):
                return (("platform.initRuntimeDone", {**_init(phase), **_ending(ending)}),)
            case ExtensionReported(name, state, events, error_type):
                extension = {"name": name, "state": state, "events": events}
                return (("platform.extension", {**extension, **_present(errorType=error_type)}),)
            case InitReported(phase, ending, duration):
                metrics = {"durationMs": _milliseconds(duration)}
                return (("platform.initReport", {**_init(phase), **_ending(ending), "metrics": metrics}),)
            case _:
                return ()

    def _instance(self) -> Content:
        return {
            "functionName": self.function.name,
            "functionVersion": self.function.version,
            "instanceId": self.function.log_stream,
            "instanceMaxMemory": self.function.memory_mb * _MEGABYTE,
        }

    def _start(self, invocation: Invocation) -> Content:
        return {
            "requestId": invocation.request_id,
            "version": self.function.version,
            "functionArn": invocation.invoked_function_arn,
            **_tenant_and_trace(invocation),
        }

    def _runtime_done(self, milestone: RuntimeDone) -> Content:
        return {
            "requestId": milestone.invocation.request_id,
            **_ending(milestone.ending),
            **self._spans(milestone.spans),
            "metrics": {"durationMs": _milliseconds(milestone.duration), "producedBytes": milestone.produced_bytes},
            **_tenant_and_trace(milestone.invocation),
        }

    def _report(self, milestone: InvocationReported) -> Content:
        metrics = {
            "durationMs": _milliseconds(milestone.duration),
            "billedDurationMs": billed_ms(milestone.duration, milestone.init_duration),
            "memorySizeMB": self.function.memory_mb,
            "maxMemoryUsedMB": self.max_memory_used_mb,
        }
        if milestone.init_duration is not None:
            metrics["initDurationMs"] = _milliseconds(milestone.init_duration)
        return {
            "requestId": milestone.invocation.request_id,
            **_ending(milestone.ending),
            "metrics": metrics,
            **self._spans(milestone.spans),
            **_tenant_and_trace(milestone.invocation),
        }

    def _end_in_logs(self, milestone: InvocationReported) -> Contents:
        """After a failure what it was; that the invocation is over; how it was."""
        request_id, ending = milestone.invocation.request_id, milestone.ending
        end = ("platform.end", {"requestId": request_id})
        report = ("platform.report", self._report(milestone))
        if ending.status is Status.SUCCESS:
            return end, report
        fault = f"RequestId: {request_id}\tStatus: {ending.status}"
        if ending.error_type:
            fault += f"\tErrorType: {ending.error_type}"
        return ("platform.fault", fault + "\n"), end, report

    def _spans(self, spans: tuple[Span, ...]) -> Content:
        return _present(
            spans=[
                {
                    "name": span.name,
                    "start": timestamp(span.start + self.offset),
                    "durationMs": _milliseconds(span.duration),
                }
                for span in spans
            ]
        )


def _init(phase: str) -> Content:
    return {"initializationType": INITIALIZATION_TYPE, "phase": phase}


def _ending(ending: Ending) -> Content:
    return {"status": ending.status, **_present(errorType=ending.error_type)}


def _tenant_and_trace(invocation: Invocation) -> Content:
    """The tenant, and the trace of an invocation that is traced; one that is not has a trace header all the same."""
    tracing = None
    if _SAMPLED in invocation.trace_id:
        tracing = {"type": "X-Amzn-Trace-Id", "value": invocation.trace_id}
    return _present(tenantId=invocation.tenant_id, tracing=tracing)


def _present(**members: object) -> Content:
    """The *members* that are not empty: what is optional is left out, never null."""
    return {name: value for name, value in members.items() if value}


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
