"""Owns `frozen`, which makes the classes of what travels: events, effects, milestones, answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def frozen(*, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """A slotted dataclass that nobody changes: mypy refuses it.

    At run time a change is not refused, because a frozen dataclass takes three to five times as long to make (CPython
    3.11 to 3.13), and an invocation makes some twenty of them. With *eq* two are equal when their fields are.
    """
    return dataclass(slots=True, eq=eq, unsafe_hash=eq)
