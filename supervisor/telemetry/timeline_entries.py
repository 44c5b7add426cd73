"""What a timeline consists of: entries on lanes. A lane is a place where spans begin and end like brackets."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

Details = Mapping[str, str]
NO_DETAILS: Final[Details] = {}


class Kind(StrEnum):
    """The begin or the end of a span, or something that takes no time."""

    BEGIN = "begin"
    END = "end"
    MARK = "mark"


class Entry(NamedTuple):
    """One thing that happened.

    Args:
        kind: What it is.
        lane: Where it is shown.
        name: Of the span or the mark; empty at the end of a span, which is that of the innermost one.
        at: When, on the lifecycle's clock, in seconds.
        details: What else there is to say, by words for people.
    """

    kind: Kind
    lane: str
    name: str
    at: float
    details: Details


class Lane:
    """One lane, which knows how many of its spans are open.

    Args:
        name: What it is called.
        tell: Gets every entry.
    """

    __slots__ = ("_name", "_open", "_tell")

    def __init__(self, name: str, tell: Callable[[Entry], None]) -> None:
        self._name = name
        self._tell = tell
        self._open = 0

    def begin(self, name: str, now: float, details: Details = NO_DETAILS) -> None:
        """Begin a span inside those that are open."""
        self._open += 1
        self._tell(Entry(Kind.BEGIN, self._name, name, now, details))

    def end(self, now: float, details: Details = NO_DETAILS) -> None:
        """End the innermost span, if there is one: who was not watched at its begin does not see it."""
        if self._open:
            self._open -= 1
            self._tell(Entry(Kind.END, self._name, "", now, details))

    def end_all(self, now: float, details: Details = NO_DETAILS) -> None:
        """End every span that is open; the *details* belong to the outermost."""
        while self._open > 1:
            self.end(now)
        self.end(now, details)

    def mark(self, name: str, now: float, details: Details = NO_DETAILS) -> None:
        """Tell of something that takes no time."""
        self._tell(Entry(Kind.MARK, self._name, name, now, details))

    @property
    def is_open(self) -> bool:
        """Whether a span is open."""
        return bool(self._open)
