"""Reads the supervisor's words and variables by the table of `options`, and renders that table as `--help`.

No `argparse`: it would cost more than the rest of the boot before trio.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from supervisor.errors import UsageError
from supervisor.function_options import FUNCTION_SETTINGS
from supervisor.option import Option
from supervisor.option_values import quoted
from supervisor.options import OPTIONS

T = TypeVar("T")

_COLUMNS: Final = 100
_INDENT: Final = 36

_USAGE: Final = """\
Usage: supervisor [OPTIONS] [COMMAND ...]
       supervisor health

Gives a Lambda function and its extensions the execution environment of AWS Lambda.
Where AWS_LAMBDA_RUNTIME_API is set that environment is there already: COMMAND is executed at once.

Command:"""

_COMMANDS: Final = (
    ("(none)", "the image's own bootstrap, in /var/task, /opt or /var/runtime"),
    ("HANDLER", "one word that is no executable: the handler, for the image's own bootstrap"),
    ("PROGRAM [WORD ...]", "the runtime itself; the last of two or more words is also the handler"),
    ("health", "this word alone, without options: exit code 0 if a supervisor that runs here is ready, else 1"),
)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The words after `supervisor`, told apart.

    Args:
        chosen: By option: the flag as it was spelled, and its value.
        command: The words of the runtime.
    """

    chosen: Mapping[Option[object], tuple[str, str]]
    command: tuple[str, ...]


def read_command_line(words: Sequence[str]) -> CommandLine:
    """Tell the options from the command, which begins at the first word without a dash, or after `--`.

    Raises:
        UsageError: A flag is unknown, lacks its value, or has one that it does not take.
    """
    known = {flag: option for option in OPTIONS for flag in option.flags}
    chosen: dict[Option[object], tuple[str, str]] = {}
    rest = list(reversed(words))
    while rest and rest[-1].startswith("-"):
        word = rest.pop()
        if word == "--":
            break
        flag, has_value, value = word.partition("=")
        if flag not in known:
            raise UsageError(f"unknown option {quoted(flag)}; --help lists the options")
        option = known[flag]
        if has_value and not option.placeholder:
            raise UsageError(f"{flag} takes no value")
        if option.placeholder and not has_value:
            if not rest:
                raise UsageError(f"{flag} needs a value: {flag} {option.placeholder}")
            value = rest.pop()
        if option.repeats and option in chosen:
            value = f"{chosen[option][1]}:{value}"
        chosen[option] = (flag, value)
    return CommandLine(chosen, tuple(reversed(rest)))


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose, on the command line and in the environment."""

    command_line: CommandLine
    environ: Mapping[str, str]

    def value(self, option: Option[T]) -> T:
        """By the flag, else by the first variable that is set and not empty, else the default.

        Raises:
            UsageError: The text is no value of *option*.
        """
        name, text = next(self._given(option), ("", option.default))
        try:
            return option.parse(text)
        except ValueError as error:
            if name in option.shared:
                return option.parse(option.default)
            stronger = f" ({option.variables[0]} wins over it)" if name in option.variables[1:] else ""
            raise UsageError(f"{name} {error}{stronger}") from None

    def is_given(self, option: Option[object]) -> bool:
        """Whether the user chose, and not the default."""
        return next(self._given(option), None) is not None

    def _given(self, option: Option[object]) -> Iterator[tuple[str, str]]:
        if option in self.command_line.chosen:
            yield self.command_line.chosen[option]
        for variable in option.variables:
            if self.environ.get(variable):
                yield variable, self.environ[variable]


def help_text() -> str:
    """All of `--help`, at most 100 columns wide."""
    return "\n".join(
        [
            _USAGE,
            *(_row(words, meaning) for words, meaning in _COMMANDS),
            "\nOptions (a flag wins over its variable, an empty variable is none):",
            *map(_option_row, OPTIONS),
            "\nThe function (variables with the names of Lambda or aws-lambda-rie):",
            *map(_option_row, FUNCTION_SETTINGS),
        ]
    )


def _option_row(option: Option[object]) -> str:
    names = ", ".join(option.flags or option.variables)
    notes = []
    if option.flags and option.variables:
        notes.append(f"variable {' or '.join(option.variables)}")
    if option.default:
        notes.append(f"default {option.default}")
    return _row(f"{names} {option.placeholder}".rstrip(), option.help, "; ".join(notes))


def _row(left: str, *paragraphs: str) -> str:
    import textwrap

    lines = [line for text in paragraphs for line in textwrap.wrap(text, _COLUMNS - _INDENT)]
    first = f"  {left}  "
    if len(first) > _INDENT:
        lines.insert(0, "")
    rest = (" " * _INDENT + line for line in lines[1:])
    return "\n".join([(first.ljust(_INDENT) + lines[0]).rstrip(), *rest])
