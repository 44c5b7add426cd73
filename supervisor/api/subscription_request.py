"""The shape of a request to subscribe: which members its body has, and of which types. What they may say is not here.

Both APIs share it (AWS: Telemetry API reference, "Subscribe API"; Logs API, "Subscribe").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from supervisor.api.located_json import Located, parse
from supervisor.telemetry.subscription import SchemaVersion

_U32: Final = range(2**32)
_U16: Final = range(2**16)


class RecordType(StrEnum):
    """What the service takes for a type, in its own order; only the last three can be subscribed to."""

    START = "platform.start"
    END = "platform.end"
    REPORT = "platform.report"
    FAULT = "platform.fault"
    EXTENSION_REPORTED = "platform.extension"
    LOGS_DROPPED = "platform.logsDropped"
    LOGS_SUBSCRIPTION = "platform.logsSubscription"
    TELEMETRY_SUBSCRIPTION = "platform.telemetrySubscription"
    RUNTIME_DONE = "platform.runtimeDone"
    INIT_START = "platform.initStart"
    INIT_RUNTIME_DONE = "platform.initRuntimeDone"
    INIT_REPORT = "platform.initReport"
    RESTORE_START = "platform.restoreStart"
    RESTORE_RUNTIME_DONE = "platform.restoreRuntimeDone"
    RESTORE_REPORT = "platform.restoreReport"
    PLATFORM = "platform"
    FUNCTION = "function"
    EXTENSION = "extension"


class Protocol(StrEnum):
    HTTP = "HTTP"
    TCP = "TCP"


class Method(StrEnum):
    POST = "POST"
    PUT = "PUT"


class Encoding(StrEnum):
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class HttpRequested:
    """A destination with a URI."""

    uri: str
    method: Method


@dataclass(frozen=True, slots=True)
class TcpRequested:
    """A destination with a port."""

    port: int


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """What a body says; what it leaves out is None."""

    schema: SchemaVersion | None
    types: tuple[RecordType, ...]
    max_items: int | None
    max_bytes: int | None
    timeout_ms: int | None
    destination: HttpRequested | TcpRequested


def read(body: bytes) -> SubscriptionRequest:
    """Read a body. Members that nobody knows are ignored.

    Raises:
        MisreadError: It is not JSON, or lacks a member, or has one of a wrong type.
    """
    request = parse(body)
    schema = _optional(request, "schemaVersion")
    version = None if schema is None else _variant(schema, SchemaVersion)
    types = _required(request, "types")
    if not isinstance(types.value, list):
        types.expect("a sequence")
    names = tuple(_variant(element, RecordType) for element in types.value)
    buffering = _optional(request, "buffering")
    return SubscriptionRequest(
        version,
        names,
        _limit(buffering, "maxItems"),
        _limit(buffering, "maxBytes"),
        _limit(buffering, "timeoutMs"),
        _destination(_required(request, "destination")),
    )


def _destination(destination: Located) -> HttpRequested | TcpRequested:
    encoding = _optional(destination, "encoding")
    if encoding is not None:
        _variant(encoding, Encoding)
    if _variant(_required(destination, "protocol"), Protocol) is Protocol.TCP:
        return TcpRequested(_integer(_required(destination, "port"), _U16, "u16"))
    method = _optional(destination, "method")
    return HttpRequested(
        _string(_required(destination, "URI")), Method.POST if method is None else _variant(method, Method)
    )


def _limit(buffering: Located | None, name: str) -> int | None:
    limit = None if buffering is None else _optional(buffering, name)
    return None if limit is None else _integer(limit, _U32, "u32")


def _members(located: Located) -> Mapping[str, Located]:
    if not isinstance(located.value, dict):
        located.expect("a map")
    return located.value


def _optional(located: Located, name: str) -> Located | None:
    member = _members(located).get(name)
    return None if member is None or member.value is None else member


def _required(located: Located, name: str) -> Located:
    member = _members(located).get(name)
    if member is None:
        located.complain(f"missing field `{name}`")
    return member


def _string(located: Located) -> str:
    if not isinstance(located.value, str):
        located.expect("a string")
    return located.value


def _integer(located: Located, allowed: range, expected: str) -> int:
    value = located.value
    if not isinstance(value, int) or isinstance(value, bool):
        located.expect(expected)
    if value not in allowed:
        located.complain(f"invalid value: integer `{value}`, expected {expected}")
    return value


Variants = TypeVar("Variants", bound=StrEnum)


def _variant(located: Located, variants: type[Variants]) -> Variants:
    value = _string(located)
    try:
        return variants(value)
    except ValueError:
        *others, last = [f"`{variant}`" for variant in variants]
        expected = f"one of {', '.join([*others, last])}" if others[1:] else " or ".join([*others, last])
        located.complain(f"unknown variant `{value}`, expected {expected}")
