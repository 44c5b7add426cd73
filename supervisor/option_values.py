"""What the text of an option may be, and the value that it means.

Each parser raises ValueError, whose text continues the name of the option: "must be ...". Which option takes what is in
`options`.
"""

import re
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple, TypeVar

_QUOTED_LENGTH: Final = 60
_HIGHEST_PORT: Final = 65_535

_ADDRESS: Final = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]*)):(?P<port>[0-9]{1,5})")
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_DECIMAL_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_HTTP_URL: Final = re.compile(r"http://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:/[!-~]*)?")
_USER: Final = re.compile(r"([0-9]{1,9}|[A-Za-z_][A-Za-z0-9_.-]*)(:[0-9]{1,9})?")
_WORD: Final = re.compile(r"[!-~]+")


class LogLevel(IntEnum):
    """How much the supervisor tells of its own doings: RIE's names on the scale of Python's `logging`."""

    TRACE = 5
    DEBUG = 10
    INFO = 20
    WARN = 30
    WARNING = 30
    ERROR = 40
    FATAL = 50
    PANIC = 60


class InitMode(StrEnum):
    """When Init happens, and what an environment is told of that: on demand, or ahead of the first invocation."""

    EAGER = "eager"
    ON_DEMAND = "on-demand"
    PROVISIONED_CONCURRENCY = "provisioned-concurrency"
    SNAP_START = "snap-start"


class IdleAction(StrEnum):
    """What follows when an environment was idle for too long."""

    RENEW = "renew"
    EXIT = "exit"


class Address(NamedTuple):
    """Where to listen. Port 0 lets the kernel choose a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Choice = TypeVar("Choice", bound=StrEnum)


def quoted(text: str) -> str:
    """What a user wrote, for an error message: on one line, and not endless."""
    line = ascii(text)
    return line if len(line) <= _QUOTED_LENGTH else f"{line[: _QUOTED_LENGTH - 3]}..."


def text(text: str) -> str:
    """Anything at all."""
    return text


def word(text: str) -> str:
    """What may become part of an ARN, thus of a header line."""
    if not _WORD.fullmatch(text):
        raise ValueError(f"must be ASCII without blanks, not {quoted(text)}")
    return text


def switch(text: str) -> bool:
    """On or off. A flag that is given without a value is on."""
    values = {"": True, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    try:
        return values[text.lower()]
    except KeyError:
        raise ValueError(f"must be one of 1, true, yes, 0, false, no, not {quoted(text)}") from None


def off_switch(text: str) -> bool:
    """On or off, for what is on until somebody turns it off. A flag that is given without a value is off."""
    return bool(text) and switch(text)


def is_json(text: str) -> bool:
    """Whether a log format is JSON rather than Text (AWS: Lambda advanced logging controls)."""
    if text.lower() not in ("text", "json"):
        raise ValueError(f"must be Text or JSON, not {quoted(text)}")
    return text.lower() == "json"


def is_response_stream(text: str) -> bool:
    """Whether the invoke mode of a function URL is RESPONSE_STREAM rather than BUFFERED (AWS: Function URLs)."""
    if text.upper() not in ("BUFFERED", "RESPONSE_STREAM"):
        raise ValueError(f"must be BUFFERED or RESPONSE_STREAM, not {quoted(text)}")
    return text.upper() == "RESPONSE_STREAM"


def path(text: str) -> str:
    """The path of a file or folder, which need not exist."""
    if not text:
        raise ValueError("must be a path, not empty")
    return text


def paths(text: str) -> tuple[str, ...]:
    """Paths of files or folders with `:` between them; empty ones count as none."""
    return tuple(path for path in text.split(":") if path)


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def one_of(kind: type[Choice]) -> Callable[[str], Choice]:
    """A parser of the values of *kind*."""

    def parse(text: str) -> Choice:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(kind)}, not {quoted(text)}") from None

    return parse


def user(text: str) -> str:
    """A user by number or name, and perhaps the number of a group."""
    if text and not _USER.fullmatch(text):
        raise ValueError(f"must be UID, UID:GID, NAME or NAME:GID, not {quoted(text)}")
    return text


def log_level(text: str) -> LogLevel:
    """One of RIE's names, in any case of letters."""
    try:
        return LogLevel[text.upper()]
    except KeyError:
        names = ", ".join(LogLevel.__members__).lower()
        raise ValueError(f"must be one of {names}, not {quoted(text)}") from None


def whole_number(limits: tuple[int, int]) -> Callable[[str], int]:
    """A parser of decimal digits; *limits* are the lowest and the highest number that it takes."""
    lowest, highest = limits

    def parse(text: str) -> int:
        if not _WHOLE_NUMBER.fullmatch(text) or not lowest <= int(text) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}, not {quoted(text)}")
        return int(text)

    return parse


def seconds(highest: int) -> Callable[[str], float]:
    """A parser of a time above 0 and up to *highest* seconds; decimals are fine."""

    def parse(text: str) -> float:
        if not _DECIMAL_NUMBER.fullmatch(text) or not 0 < float(text) <= highest:
            raise ValueError(f"must be a number of seconds above 0 and up to {highest}, not {quoted(text)}")
        return float(text)

    return parse


def seconds_or_none(highest: int) -> Callable[[str], float]:
    """A parser of a time from 0, which is none, up to *highest* seconds; decimals are fine."""

    def parse(text: str) -> float:
        if not _DECIMAL_NUMBER.fullmatch(text) or float(text) > highest:
            raise ValueError(f"must be a number of seconds from 0 to {highest}, not {quoted(text)}")
        return float(text)

    return parse


def several_seconds(text: str) -> tuple[float, ...]:
    """Times in seconds, separated by commas; decimals and 0 are fine."""
    parts = text.split(",")
    if not all(map(_DECIMAL_NUMBER.fullmatch, parts)):
        raise ValueError(f"must be numbers of seconds, separated by commas, not {quoted(text)}")
    return tuple(map(float, parts))


def destination(text: str) -> str:
    """The path of a file, or the URL of a server that is spoken to in the clear."""
    if "://" in text and not _HTTP_URL.fullmatch(text):
        raise ValueError(f"must be the path of a file or a URL that begins with http://, not {quoted(text)}")
    return text


def address(default_host: str) -> Callable[[str], Address]:
    """A parser of where to listen; without a host it is *default_host*."""

    def parse(text: str) -> Address:
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"]) > _HIGHEST_PORT:
            raise ValueError(
                f"must be HOST:PORT, [IPV6]:PORT or :PORT with a port from 0 to {_HIGHEST_PORT}, not {quoted(text)}"
            )
        return Address(match["ipv6"] or match["host"] or default_host, int(match["port"]))

    return parse


def address_or_off(default_host: str) -> Callable[[str], Address | None]:
    """A parser of where to listen, and of `off`, which is nowhere."""
    parse_address = address(default_host)

    def parse(text: str) -> Address | None:
        if text == "off":
            return None
        try:
            return parse_address(text)
        except ValueError as error:
            raise ValueError(str(error).replace("must be ", "must be off, ", 1)) from None

    return parse
