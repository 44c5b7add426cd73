"""Which keys each schema version has (the published schemas of the Telemetry API and the Logs API).

The tables hold what differs. A type or a key that they do not mention is in every version of the Telemetry API.
"""

from collections.abc import Mapping
from typing import Final

from supervisor.telemetry.subscription import Api, SchemaVersion

_NOT_BEFORE_2022_12_13: Final[Mapping[str, frozenset[str]]] = {
    "platform.initStart": frozenset({"functionName", "functionVersion", "instanceId", "instanceMaxMemory"}),
    "platform.initReport": frozenset({"status", "errorType"}),
    "platform.restoreStart": frozenset({"functionName", "functionVersion", "instanceId", "instanceMaxMemory"}),
    "platform.restoreReport": frozenset({"status", "errorType"}),
    "platform.extension": frozenset({"errorType"}),
}

_NOT_BEFORE_2025_01_29: Final[Mapping[str, frozenset[str]]] = {
    "platform.start": frozenset({"functionArn", "tenantId"}),
    "platform.runtimeDone": frozenset({"tenantId"}),
    "platform.report": frozenset({"tenantId"}),
}

_UNKNOWN_TO_TELEMETRY: Final[Mapping[SchemaVersion, Mapping[str, frozenset[str]]]] = {
    SchemaVersion.TELEMETRY_2022_07_01: {**_NOT_BEFORE_2022_12_13, **_NOT_BEFORE_2025_01_29},
    SchemaVersion.TELEMETRY_2022_12_13: _NOT_BEFORE_2025_01_29,
    SchemaVersion.TELEMETRY_2025_01_29: {},
}

_LOGS: Final[Mapping[str, frozenset[str]]] = {
    "platform.start": frozenset({"requestId", "version"}),
    "platform.end": frozenset({"requestId"}),
    "platform.report": frozenset({"requestId", "metrics", "tracing"}),
    "platform.extension": frozenset({"name", "state", "events"}),
    "platform.logsSubscription": frozenset({"name", "state", "types"}),
}

_KNOWN_TO_LOGS: Final[Mapping[SchemaVersion, Mapping[str, frozenset[str]]]] = {
    SchemaVersion.LOGS_2020_08_15: _LOGS,
    # It has no errors, only failures (AWS: Logs API, `platform.runtimeDone`).
    SchemaVersion.LOGS_2021_03_18: {**_LOGS, "platform.runtimeDone": frozenset({"requestId", "status"})},
}
"""All that the Logs API has of the platform's types, but for the fault, whose content is a string."""


_UNKNOWN_METRICS: Final[Mapping[SchemaVersion, frozenset[str]]] = {
    SchemaVersion.LOGS_2020_08_15: frozenset({"restoreDurationMs", "billedRestoreDurationMs"}),
    SchemaVersion.LOGS_2021_03_18: frozenset({"restoreDurationMs", "billedRestoreDurationMs"}),
    SchemaVersion.TELEMETRY_2022_07_01: frozenset({"billedRestoreDurationMs"}),
}
"""Of the metrics in a report, all of which are in every other version."""


def known_members(schema: SchemaVersion, kind: str, content: Mapping[str, object]) -> Mapping[str, object] | None:
    """The members of *content* that a record of the type *kind* has in *schema*; None if there are no such records."""
    known: Mapping[str, object] | None
    if schema.api is Api.LOGS:
        known = _known_to_logs(_KNOWN_TO_LOGS[schema].get(kind), content)
    else:
        unknown = _UNKNOWN_TO_TELEMETRY[schema].get(kind)
        known = {key: value for key, value in content.items() if key not in unknown} if unknown else content
    if known is not None and schema in _UNKNOWN_METRICS and isinstance(metrics := known.get("metrics"), dict):
        unknown = _UNKNOWN_METRICS[schema]
        return {**known, "metrics": {key: value for key, value in metrics.items() if key not in unknown}}
    return known


def _known_to_logs(keys: frozenset[str] | None, content: Mapping[str, object]) -> dict[str, object] | None:
    if keys is None:
        return None
    known = {key: value for key, value in content.items() if key in keys}
    if known.get("status") == "error":
        known["status"] = "failure"
    return known
