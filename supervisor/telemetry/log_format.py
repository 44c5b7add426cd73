"""The two forms of the platform's lines in the log: Lambda's text, or the records themselves as JSON.

(AWS: Lambda advanced logging controls, "Log format"; the levels of the records: same place, "Log-level filtering".)
"""

from collections.abc import Callable
from typing import Protocol

from supervisor.function import Function, InitializationType
from supervisor.lifecycle.milestones import (
    ExtensionReported,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    Milestone,
    RestoreRuntimeDone,
    RestoreStarted,
    RuntimeDone,
    Status,
)
from supervisor.telemetry import log_lines
from supervisor.telemetry.platform_records import Platform, PlatformNotice
from supervisor.telemetry.subscription import SchemaVersion, Subscription


class LogFormat(Protocol):
    """Makes the platform's lines; an empty string where there is none. *now* is on the lifecycle's clock."""

    def milestone(self, milestone: Milestone, now: float, max_memory_used_mb: int) -> str:
        """The line or lines of *milestone*."""

    def subscription(self, name: str, subscription: Subscription, now: float, *, repeated: bool) -> str:
        """The line that says that the extension *name* subscribed."""


class TextFormat:
    """Lambda's text."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def milestone(self, milestone: Milestone, now: float, max_memory_used_mb: int) -> str:  # noqa: ARG002, PLR0911
        """See `LogFormat`."""
        match milestone:
            case InvocationReported():
                return log_lines.end_and_report(milestone, self._function.memory_mb, max_memory_used_mb)
            case InvocationStarted():
                return log_lines.start(milestone, self._function.version)
            case RuntimeDone():
                return ""
            case InitStarted():
                return log_lines.init_start(milestone)
            case ExtensionReported():
                return log_lines.extension(milestone)
            case InitReported():
                return log_lines.init_report(milestone, self._function.initialization_type)
            case _:
                return log_lines.restore(milestone)

    def subscription(self, name: str, subscription: Subscription, now: float, *, repeated: bool) -> str:  # noqa: ARG002
        """See `LogFormat`."""
        return log_lines.subscription(name, subscription, repeated=repeated)


class JsonFormat:
    """The records of the Telemetry API, one in a line, from the level INFO on."""

    def __init__(self, function: Function, epoch: Callable[[float], float]) -> None:
        self._platform = Platform(function, epoch)
        self._is_on_demand = function.initialization_type is InitializationType.ON_DEMAND

    def milestone(self, milestone: Milestone, now: float, max_memory_used_mb: int) -> str:
        """See `LogFormat`."""
        if self._is_below_info(milestone):
            return ""
        return _lines(self._platform.notice(milestone, now, max_memory_used_mb))

    def subscription(self, name: str, subscription: Subscription, now: float, *, repeated: bool) -> str:
        """See `LogFormat`."""
        return _lines(self._platform.subscription_notice(name, subscription, now, repeated=repeated))

    def _is_below_info(self, milestone: Milestone) -> bool:
        """Whether the level is DEBUG: good ends, and a start whose runtime version is not known."""
        match milestone:
            case InitRuntimeDone() | RestoreRuntimeDone() | RuntimeDone():
                return milestone.ending.status is Status.SUCCESS
            case InitReported():
                return milestone.ending.status is Status.SUCCESS and self._is_on_demand
            case _:
                return isinstance(milestone, InitStarted | RestoreStarted)


def _lines(notice: PlatformNotice) -> str:
    schemas = (SchemaVersion.TELEMETRY_2022_12_13, SchemaVersion.LOGS_2021_03_18)
    records = notice.records(schemas[0]) or notice.records(schemas[1])
    return "".join(f"{record.data.decode()}\n" for record in records)
