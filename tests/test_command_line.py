from collections.abc import Mapping, Sequence

import pytest

from supervisor import life_options, options
from supervisor.command_line import Choices, CommandLine, help_text, read_command_line
from supervisor.function_options import FUNCTION_SETTINGS
from supervisor.option import Option
from supervisor.option_values import Address, LogLevel
from supervisor.options import OPTIONS


@pytest.mark.parametrize(
    ("option", "text", "other", "value"),
    [
        (options.INVOKE_ADDRESS, "127.0.0.1:1", "127.0.0.1:2", Address("127.0.0.1", 1)),
        (options.RUNTIME_API_ADDRESS, "127.0.0.1:1", "127.0.0.1:2", Address("127.0.0.1", 1)),
        (options.METRICS_ADDRESS, ":1", ":2", Address("0.0.0.0", 1)),
        (options.METRICS_ADDRESS, "off", ":2", None),
        (options.TRACE, "/one", "/two", "/one"),
        (options.EXTENSIONS_DIR, "/one", "/two", "/one"),
        (options.QUEUE_SIZE, "1", "2", 1),
        (life_options.INIT_TIMEOUT, "1.5", "2", 1.5),
        (options.LOG_LEVEL, "debug", "fatal", LogLevel.DEBUG),
    ],
)
def test_an_option_comes_from_its_flags_or_its_variables_and_a_flag_wins(
    option: Option[object], text: str, other: str, value: object
) -> None:
    for flag in option.flags:
        for words in ([flag, text], [f"{flag}={text}"]):
            for environ in ({}, dict.fromkeys(option.variables, other)):
                assert Choices(read_command_line(words), environ).value(option) == value

    for variable in option.variables:
        assert Choices(read_command_line([]), {variable: text}).value(option) == value

    for stronger, weaker in zip(option.variables, option.variables[1:], strict=False):
        assert Choices(read_command_line([]), {stronger: text, weaker: other}).value(option) == value


def test_every_option_that_takes_a_value_has_a_variable_of_its_own() -> None:
    for option in OPTIONS:
        if option.placeholder:
            own = option.flags[0].removeprefix("--").replace("-", "_").upper()

            assert option.variables[0] == f"SUPERVISOR_{own}"


@pytest.mark.parametrize(
    ("words", "flags", "command"),
    [
        (["--queue-size", "1", "run", "--queue-size", "2"], {"--queue-size": "1"}, ("run", "--queue-size", "2")),
        (["run", "--help"], {}, ("run", "--help")),
        (["--queue-size=1", "--", "--run", "--"], {"--queue-size": "1"}, ("--run", "--")),
        (["--"], {}, ()),
        ([""], {}, ("",)),
    ],
)
def test_the_command_begins_at_the_first_word_without_a_dash_or_after_two(
    words: Sequence[str], flags: Mapping[str, str], command: Sequence[str]
) -> None:
    command_line = read_command_line(words)

    assert dict(command_line.chosen.values()) == flags
    assert command_line.command == command


def test_a_command_line_without_options_chooses_nothing() -> None:
    assert read_command_line(["run"]) == CommandLine({}, ("run",))


def test_help_shows_every_flag_variable_and_default_in_100_columns() -> None:
    text = help_text()

    for option in (*OPTIONS, *FUNCTION_SETTINGS):
        for word in (*option.flags, *option.variables, f"default {option.default}" if option.default else ""):
            assert word in text
    assert max(len(line) for line in text.splitlines()) <= 100
    assert all(line == line.rstrip() for line in text.splitlines())


def test_what_is_explained_in_help_begins_in_one_column() -> None:
    rows = [line for line in help_text().splitlines() if line.startswith("  ") and not line.startswith("   ")]

    assert len(rows) == len(OPTIONS) + len(FUNCTION_SETTINGS) + 4
    assert {row.index(row.split("  ")[-1].strip()) for row in rows if "  " in row.strip()} == {36}
