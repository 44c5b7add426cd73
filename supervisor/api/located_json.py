"""JSON whose values know where they stand, and complaints about it in the words of the service that reads them on AWS.

That service names line and column, and what it expected (the words are serde_json's; recorded on AWS). What is to be in
the JSON is not known here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

_WHITESPACE: Final = re.compile(r"[ \t\n\r]*")

_COMPLAINTS: Final[Mapping[str, tuple[str, str]]] = {
    # What Python finds wrong: what the service says in the middle of a text, and at its end.
    "Expecting value": ("expected value", "EOF while parsing a value"),
    "Expecting ',' delimiter": ("expected `,` or `}`", "EOF while parsing an object"),
    "Expecting ':' delimiter": ("expected `:`", "EOF while parsing an object"),
    "Expecting property name enclosed in double quotes": ("key must be a string", "EOF while parsing an object"),
    "Illegal trailing comma before end of object": ("trailing comma", "trailing comma"),
    "Extra data": ("trailing characters", "trailing characters"),
    "Invalid control character at": (
        "control character (\\u0000-\\u001F) found while parsing a string",
        "EOF while parsing a string",
    ),
}
_OTHER_COMPLAINT: Final = ("invalid escape", "invalid escape")

_CONTAINERS: Final[Mapping[type, str]] = {dict: "map", list: "sequence"}
_SCALARS: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "boolean `{}`",
    int: "integer `{}`",
    float: "floating point `{}`",
    str: "string {}",
}


class MisreadError(ValueError):
    """The JSON, or a value in it, is not what is expected; the text says where."""


@dataclass(frozen=True, slots=True)
class Located:
    """A value and the piece of *text*, from *start* to *end*, that it was read from.

    *value* is as `json.loads` gives it, but what objects and arrays hold is located too.
    """

    value: object
    text: str
    start: int
    end: int

    def complain(self, complaint: str) -> NoReturn:
        """Refuse the value.

        Raises:
            MisreadError: Always. Scalars are pointed at by their end, and so are objects that lack something.
        """
        raise MisreadError(f"{complaint} {_position(self.text, self.end)}")

    def expect(self, expected: str) -> NoReturn:
        """Refuse the value for its type.

        Raises:
            MisreadError: Always.
        """
        described, end = _CONTAINERS.get(type(self.value), ""), self.start
        if not described:
            described, end = _SCALARS[type(self.value)].format(json.dumps(self.value)), self.end
        raise MisreadError(f"invalid type: {described}, expected {expected} {_position(self.text, end)}")


def parse(body: bytes) -> Located:
    """The value of a whole text.

    Raises:
        MisreadError: It is not JSON.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        before = body[: error.start].decode()
        raise MisreadError(f"invalid unicode code point {_position(before, len(before))}") from None
    try:
        _DECODER.decode(text)
        return _locate(text, 0)
    except json.JSONDecodeError as error:
        raise MisreadError(_complaint(text, error)) from None
    except RecursionError:
        raise MisreadError(f"recursion limit exceeded {_position(text, len(text))}") from None
    except ValueError:
        raise MisreadError(f"number out of range {_position(text, len(text))}") from None


def _refuse_constant(name: str) -> NoReturn:
    """Python reads NaN and the infinities, which are not JSON.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{name} is no number")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def _complaint(text: str, error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Unterminated string"):
        return f"EOF while parsing a string {_position(text, len(text))}"
    complaint, at_the_end = _COMPLAINTS.get(error.msg, _OTHER_COMPLAINT)
    if error.pos >= len(text):
        return f"{at_the_end} {_position(text, len(text))}"
    return f"{complaint} {_position(text, error.pos + 1)}"


def _position(text: str, end: int) -> str:
    """How far *text* was read, in bytes of its last line."""
    lines = text[:end].encode().split(b"\n")
    return f"at line {len(lines)} column {len(lines[-1])}"


def _locate(text: str, at: int) -> Located:
    """The value that begins at *at* in *text*, which is JSON."""
    start = _skip(text, at)
    match text[start]:
        case "{":
            members: dict[str, Located] = {}
            at = _skip(text, start + 1)
            while text[at] != "}":
                key, at = _DECODER.raw_decode(text, _skip(text, at + (text[at] == ",")))
                members[key] = _locate(text, _skip(text, at) + 1)
                at = _skip(text, members[key].end)
            return Located(members, text, start, at + 1)
        case "[":
            elements: list[Located] = []
            at = _skip(text, start + 1)
            while text[at] != "]":
                elements.append(_locate(text, at + (text[at] == ",")))
                at = _skip(text, elements[-1].end)
            return Located(elements, text, start, at + 1)
        case _:
            value, end = _DECODER.raw_decode(text, start)
            return Located(value, text, start, end)


def _skip(text: str, at: int) -> int:
    match = _WHITESPACE.match(text, at)
    assert match is not None
    return match.end()
