"""What is in the record of each milestone: every key that any schema version knows, with its value.

What is optional and empty is left out, never null. (AWS: Telemetry API schema reference; Logs API. The order of keys
was recorded on AWS.)
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

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
    RestoreReported,
    RestoreRuntimeDone,
    RestoreStarted,
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


class Facts(NamedTuple):
    """What a milestone does not say itself.

    Args:
        function: The function that is served.
        max_memory_used_mb: The memory that the environment needed at its peak, in MB.
        offset: What turns a moment of the lifecycle's clock into seconds since 1970.
    """

    function: Function
    max_memory_used_mb: int
    offset: float


def contents(milestone: Milestone, api: Api, facts: Facts) -> Contents:
    """What *milestone* is in *api*; nothing for one that nobody is told of."""
    match milestone:
        case InvocationStarted(invocation):
            return (("platform.start", _start(invocation, facts)),)
        case RuntimeDone():
            return (("platform.runtimeDone", _runtime_done(milestone, facts)),)
        case InvocationReported() if api is Api.LOGS:
            return _end_in_logs(milestone, facts)
        case InvocationReported():
            return (("platform.report", _report(milestone, facts)),)
        case _:
            return _init_contents(milestone, facts)


def _init_contents(milestone: Milestone, facts: Facts) -> Contents:
    function = facts.function
    match milestone:
        case InitStarted(phase):
            return (("platform.initStart", {**_init(function, phase), **_instance(function)}),)
        case InitRuntimeDone(phase, ending):
            return (("platform.initRuntimeDone", {**_init(function, phase), **_ending(ending)}),)
        case ExtensionReported(name, state, events, error_type):
            extension: dict[str, object] = {"name": name, "state": state, "events": events}
            if error_type:
                extension["errorType"] = error_type
            return (("platform.extension", extension),)
        case InitReported(phase, ending, duration):
            metrics = {"durationMs": _milliseconds(duration)}
            return (("platform.initReport", {**_init(function, phase), **_ending(ending), "metrics": metrics}),)
        case _:
            return _restore_contents(milestone, function)


def _restore_contents(milestone: Milestone, function: Function) -> Contents:
    match milestone:
        case RestoreStarted():
            return (("platform.restoreStart", _instance(function)),)
        case RestoreRuntimeDone(ending):
            return (("platform.restoreRuntimeDone", _ending(ending)),)
        case RestoreReported(ending, duration):
            metrics = {"durationMs": _milliseconds(duration)}
            return (("platform.restoreReport", {**_ending(ending), "metrics": metrics}),)
        case _:
            return ()


def _instance(function: Function) -> Content:
    return {
        "functionName": function.name,
        "functionVersion": function.version,
        "instanceId": function.log_stream,
        "instanceMaxMemory": function.memory_mb * _MEGABYTE,
    }


def _start(invocation: Invocation, facts: Facts) -> Content:
    return {
        "requestId": invocation.request_id,
        "version": facts.function.version,
        "functionArn": invocation.invoked_function_arn,
        **_tenant_and_trace(invocation),
    }


def _runtime_done(milestone: RuntimeDone, facts: Facts) -> Content:
    return {
        "requestId": milestone.invocation.request_id,
        **_ending(milestone.ending),
        **_spans(milestone.spans, facts.offset),
        "metrics": {"durationMs": _milliseconds(milestone.duration), "producedBytes": milestone.produced_bytes},
        **_tenant_and_trace(milestone.invocation),
    }


def _report(milestone: InvocationReported, facts: Facts) -> Content:
    metrics = {
        "durationMs": _milliseconds(milestone.duration),
        "billedDurationMs": billed_ms(milestone.duration, milestone.init_duration),
        "memorySizeMB": facts.function.memory_mb,
        "maxMemoryUsedMB": facts.max_memory_used_mb,
    }
    if milestone.init_duration is not None:
        metrics["initDurationMs"] = _milliseconds(milestone.init_duration)
    if milestone.restore_duration is not None:
        metrics["restoreDurationMs"] = _milliseconds(milestone.restore_duration)
        metrics["billedRestoreDurationMs"] = billed_ms(milestone.restore_duration, None)
    return {
        "requestId": milestone.invocation.request_id,
        **_ending(milestone.ending),
        "metrics": metrics,
        **_spans(milestone.spans, facts.offset),
        **_tenant_and_trace(milestone.invocation),
    }


def _end_in_logs(milestone: InvocationReported, facts: Facts) -> Contents:
    """After a failure what it was; that the invocation is over; how it was."""
    request_id, ending = milestone.invocation.request_id, milestone.ending
    end = ("platform.end", {"requestId": request_id})
    report = ("platform.report", _report(milestone, facts))
    if ending.status is Status.SUCCESS:
        return end, report
    fault = f"RequestId: {request_id}\tStatus: {ending.status}"
    if ending.error_type:
        fault += f"\tErrorType: {ending.error_type}"
    return ("platform.fault", fault + "\n"), end, report


def _spans(spans: tuple[Span, ...], offset: float) -> Content:
    if not spans:
        return {}
    return {
        "spans": [
            {"name": span.name, "start": timestamp(span.start + offset), "durationMs": _milliseconds(span.duration)}
            for span in spans
        ]
    }


def _init(function: Function, phase: str) -> Content:
    return {"initializationType": function.initialization_type, "phase": phase}


def _ending(ending: Ending) -> Content:
    if ending.error_type:
        return {"status": ending.status, "errorType": ending.error_type}
    return {"status": ending.status}


def _tenant_and_trace(invocation: Invocation) -> Content:
    """The tenant, and the trace of an invocation that is traced; one that is not has a trace header all the same."""
    members: dict[str, object] = {}
    if invocation.tenant_id:
        members["tenantId"] = invocation.tenant_id
    if _SAMPLED in invocation.trace_id:
        members["tracing"] = {"type": "X-Amzn-Trace-Id", "value": invocation.trace_id}
    return members


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
