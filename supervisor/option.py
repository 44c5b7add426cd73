"""What an option is: one thing to choose, by a flag or by a variable. Which there are is in `options`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Option(Generic[T_co]):
    """One thing that the user may choose.

    Args:
        parse: Text to value. Raises ValueError, whose text continues the option's name: "must be ...".
        help: What is chosen, for `--help`.
        default: The text that counts when nobody chose.
        flags: How the option is spelled on the command line; the first is its name.
        variables: The environment variables that mean the same; the first that is set and not empty counts.
        shared: Those of the variables that the function may read too: a value of its own there is no mistake.
        placeholder: What stands for the value in `--help`; a flag without one takes no value.
        repeats: Whether the flag may be given several times; the values are then joined by `:`.
    """

    parse: Callable[[str], T_co]
    help: str
    default: str = ""
    flags: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    placeholder: str = ""
    repeats: bool = False
