"""The program: from the command line to the application, at the least cost.

What can be decided before trio is imported is decided here; what runs, and for how long, is `app`'s matter.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Final

from supervisor import __version__, function_options, options
from supervisor.boot import (
    EXIT_NOT_FOUND,
    given_environ,
    import_trio,
    layers_of_image,
    open_missing_descriptors,
    replace_process,
    say,
    this_image,
)
from supervisor.command_line import Choices, CommandLine, help_text, read_command_line
from supervisor.config import RelayConfig, read_config, read_relay_config, wants_relay
from supervisor.errors import LayerError, UsageError
from supervisor.option_values import LogLevel
from supervisor.runtime_command import runtime_command

EXIT_FAILED: Final = 1
"""A layer cannot be used; standard error says why."""

EXIT_USAGE: Final = 2
EXIT_SIGNAL: Final = 128
"""Plus the number of the signal that ended us before anything was started, as a shell counts."""

TOOLS: Final = frozenset({"check", "impact"})
"""First words that are neither a command nor a handler."""

HEALTH: Final = "health"
"""Alone, this word is neither a program nor a handler: the health of a supervisor that runs already is asked for."""

STDOUT: Final = 1
STDERR: Final = 2


def main() -> int:
    """Run the supervisor with the words and the variables of this process; the exit code."""
    # As PID 1 we would never see a signal that nobody handles, and `app` does not yet.
    signal.signal(signal.SIGTERM, _stop)
    try:
        return _main(sys.argv[1:], given_environ())
    except UsageError as error:
        say(STDERR, f"supervisor: {error}")
        return EXIT_USAGE
    except LayerError as error:
        say(STDERR, f"supervisor: {error}")
        return EXIT_FAILED
    except KeyboardInterrupt as stop:
        number = stop.args[0] if stop.args else signal.SIGINT
        return EXIT_SIGNAL + int(number)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _main(words: Sequence[str], environ: Mapping[str, str]) -> int:
    if words and words[0] in TOOLS:
        return _use_tool(words, environ)
    if words == [HEALTH]:
        return _check_health(environ)
    command_line = read_command_line(words)
    if options.HELP in command_line.chosen:
        say(STDOUT, help_text())
        return os.EX_OK
    if options.VERSION in command_line.chosen:
        say(STDOUT, f"supervisor {__version__}")
        return os.EX_OK
    if environ.get("AWS_LAMBDA_RUNTIME_API"):
        return _leave_it_to_the_platform(command_line, environ)
    return _run(command_line, environ)


def _use_tool(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do something beside supervising. What makes sense inside an image needs no more than the one file."""
    if words[0] == "check":
        from supervisor.check import main as check

        exit_code, text = check(words[1:], environ)
        say(STDOUT, text)
        return exit_code
    try:
        from supervisor.cli import app
    except ModuleNotFoundError as missing:
        raise UsageError(f"{words[0]} needs the Python package lambda-supervisor ({missing.name} is missing)") from None
    app(words, prog_name="supervisor")
    return os.EX_OK


def _check_health(environ: Mapping[str, str]) -> int:
    from supervisor.health import check

    code, text = check(environ)
    say(STDOUT, text)
    return code


def _leave_it_to_the_platform(command_line: CommandLine, environ: Mapping[str, str]) -> int:
    """Become the runtime, or stay before it: Lambda itself, or whatever stands in for it, is here already."""
    command = runtime_command(command_line.command, environ, this_image())
    if not command.argv:
        say(STDERR, "supervisor: COMMAND names no program, and the image has no bootstrap")
        return EXIT_NOT_FOUND
    handler = Choices(command_line, environ).value(function_options.FUNCTION_HANDLER) or command.handler
    variables = {**environ, "_HANDLER": handler} if handler else environ
    if wants_relay(command_line, environ):
        config = read_relay_config(command_line, variables, command.argv, environ["AWS_LAMBDA_RUNTIME_API"])
        return _relay(config)
    return replace_process(command.argv, variables)


def _relay(config: RelayConfig) -> int:
    open_missing_descriptors()
    import_trio()
    from supervisor.relay import relay

    return relay(config)


def _run(command_line: CommandLine, environ: Mapping[str, str]) -> int:
    config = read_config(command_line, environ, this_image())
    if layers := layers_of_image(config.layers):
        from supervisor.system.layers import extract_layers

        extract_layers(layers)
        # One of them may have brought the bootstrap.
        config = read_config(command_line, environ, this_image())
    if config.log_level <= LogLevel.WARN:
        for warning in config.warnings:
            say(STDERR, f"supervisor: {warning}")
    open_missing_descriptors()
    import_trio()
    from supervisor.app import run

    return run(config)


if __name__ == "__main__":
    sys.exit(main())
