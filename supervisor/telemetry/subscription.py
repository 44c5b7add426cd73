"""What an extension may subscribe to, as values: API, schema version, categories, buffering, destination.

How a request spells them is `api.telemetry_api`'s matter. Two requests that mean the same are equal values.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Api(StrEnum):
    """The two APIs; the value is how the service names them in its errors."""

    TELEMETRY = "Telemetry"
    LOGS = "Logs"


class SchemaVersion(StrEnum):
    """How records are written; *api* is the API that has this version."""

    api: Api

    def __new__(cls, value: str, api: Api) -> "SchemaVersion":
        """A member whose value is the date alone."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.api = api
        return member

    LOGS_2020_08_15 = "2020-08-15", Api.LOGS
    LOGS_2021_03_18 = "2021-03-18", Api.LOGS
    TELEMETRY_2022_07_01 = "2022-07-01", Api.TELEMETRY
    TELEMETRY_2022_12_13 = "2022-12-13", Api.TELEMETRY
    TELEMETRY_2025_01_29 = "2025-01-29", Api.TELEMETRY


class Category(StrEnum):
    """Who a record comes from: the platform, the runtime's process, or the process of an external extension."""

    PLATFORM = "platform"
    FUNCTION = "function"
    EXTENSION = "extension"


class Limits(NamedTuple):
    """What a number is without being asked for, and between what it may be, both ends included."""

    default: int
    lowest: int
    highest: int


MAX_ITEMS: Final = Limits(10_000, 1_000, 10_000)
"""Records in a batch (AWS: Telemetry API, "Configuring memory usage and buffering"; the default: recorded on AWS)."""

MAX_BYTES: Final = Limits(262_144, 262_144, 1_048_576)
"""Bytes in a batch, each record without its envelope (same section; recorded on AWS)."""

TIMEOUT_MS: Final = Limits(1_000, 25, 30_000)
"""From the first record of a batch until the batch is sent, in milliseconds (same section; recorded on AWS)."""

TCP_PORTS: Final = range(1025, 65_536)
"""What a TCP destination may name (the published schema of the Telemetry API)."""


@dataclass(frozen=True, slots=True)
class Buffering:
    """When a batch is sent: at so many records, at so many bytes, or so many seconds after its first record."""

    max_items: int = MAX_ITEMS.default
    max_bytes: int = MAX_BYTES.default
    timeout: float = TIMEOUT_MS.default / 1000


@dataclass(frozen=True, slots=True)
class HttpDestination:
    """A listener inside the environment; *target* is path and query as a request line has them."""

    port: int
    target: str = "/"
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class TcpDestination:
    """A listener inside the environment that reads one JSON object a line."""

    port: int


Destination = HttpDestination | TcpDestination


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one request asks for; *categories* are in the order of the request."""

    schema: SchemaVersion
    categories: tuple[Category, ...]
    destination: Destination
    buffering: Buffering = Buffering()
