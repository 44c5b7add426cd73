"""The platform's lines in the log, as Lambda writes them, made from milestones.

Fields are separated by TAB; a REPORT without a status ends with one (AWS: Lambda logging, "REPORT"; recorded on AWS).
"""

import math
from collections.abc import Sequence

from supervisor.function import InitializationType
from supervisor.lifecycle.milestones import (
    SUCCEEDED,
    Ending,
    ExtensionReported,
    InitPhase,
    InitReported,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    Milestone,
    RestoreReported,
    RestoreStarted,
    Status,
)
from supervisor.telemetry.subscription import Subscription


def init_start(milestone: InitStarted) -> str:
    """INIT_START; an init inside an invocation has none, and an image has no runtime version (RIE 1.170: empty)."""
    if milestone.phase is InitPhase.INVOKE:
        return ""
    return "INIT_START Runtime Version: \tRuntime Version ARN: \n"


def extension(milestone: ExtensionReported) -> str:
    """EXTENSION, one for each at the end of every init."""
    line = f"EXTENSION\tName: {milestone.name}\tState: {milestone.state}\tEvents: [{', '.join(milestone.events)}]"
    if milestone.error_type:
        line += f"\tError Type: {milestone.error_type}"
    return line + "\n"


def init_report(milestone: InitReported, initialization_type: InitializationType) -> str:
    """INIT_REPORT; a good init on demand has none."""
    if milestone.ending.status is Status.SUCCESS and initialization_type is InitializationType.ON_DEMAND:
        return ""
    duration = f"INIT_REPORT Init Duration: {milestone.duration * 1000:.2f} ms"
    return "\t".join([duration, f"Phase: {milestone.phase}", *_ending(milestone.ending)]) + "\n"


def restore(milestone: Milestone) -> str:
    """RESTORE_START and RESTORE_REPORT; nothing for everything else (AWS: Monitoring for SnapStart)."""
    match milestone:
        case RestoreStarted():
            return "RESTORE_START Runtime Version: \tRuntime Version ARN: \n"
        case RestoreReported(ending, duration):
            return "\t".join([f"RESTORE_REPORT Restore Duration: {duration * 1000:.2f} ms", *_ending(ending)]) + "\n"
        case _:
            return ""


def subscription(name: str, subscription: Subscription, *, repeated: bool) -> str:
    """TELEMETRY or LOGS, one for each time that an extension subscribes; here alone the types are capitalised."""
    state = "Already subscribed" if repeated else "Subscribed"
    types = ", ".join(category.capitalize() for category in subscription.categories)
    return f"{subscription.schema.api.upper()}\tName: {name}\tState: {state}\tTypes: [{types}]\n"


def start(milestone: InvocationStarted, version: str) -> str:
    """START."""
    return f"START RequestId: {milestone.invocation.request_id} Version: {version}\n"


def end_and_report(milestone: InvocationReported, memory_size: int, max_memory_used: int) -> str:
    """END and REPORT; memory in MB."""
    request_id = milestone.invocation.request_id
    is_plain = milestone.ending is SUCCEEDED and milestone.init_duration is None and milestone.restore_duration is None
    return (
        f"END RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\t"
        f"Duration: {milestone.duration * 1000:.2f} ms\t"
        f"Billed Duration: {billed_ms(milestone.duration, milestone.init_duration)} ms\t"
        f"Memory Size: {memory_size} MB\t"
        f"Max Memory Used: {max_memory_used} MB\t"
        f"{'' if is_plain else _rest_of_report(milestone)}\n"
    )


def _rest_of_report(milestone: InvocationReported) -> str:
    fields = []
    if milestone.init_duration is not None:
        fields.append(f"Init Duration: {milestone.init_duration * 1000:.2f} ms")
    if milestone.restore_duration is not None:
        fields.append(f"Restore Duration: {milestone.restore_duration * 1000:.2f} ms")
        fields.append(f"Billed Restore Duration: {billed_ms(milestone.restore_duration, None)} ms")
    fields += _ending(milestone.ending) or ("",)
    return "\t".join(fields)


def _ending(ending: Ending) -> Sequence[str]:
    if ending.status is Status.SUCCESS:
        return []
    if ending.error_type:
        return [f"Status: {ending.status}", f"Error Type: {ending.error_type}"]
    return [f"Status: {ending.status}"]


def billed_ms(duration: float, init_duration: float | None) -> int:
    """The time that is billed, in whole milliseconds rounded up, for durations in seconds.

    Init is billed since August 2025 (AWS: Lambda execution environment, "Init phase"). What is rounded up is the
    duration as the line shows it, with two decimals.
    """
    return math.ceil(round((duration + (init_duration or 0.0)) * 1000, 2))
