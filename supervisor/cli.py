"""The subcommands for a developer's machine, by typer. Nothing that supervises imports it.

What a subcommand does is the business of the package that it calls.
"""

import sys
from pathlib import Path
from typing import Annotated

import trio
import typer

from supervisor.errors import ExperimentError
from supervisor.impact import experiment
from supervisor.impact.comparison import DEFAULT_PRICE
from supervisor.impact.picture import picture
from supervisor.impact.presentation import as_json, table
from supervisor.impact.targets import target_of

app = typer.Typer(
    name="supervisor",
    help="Tools beside the supervisor. `supervisor --help` is about the supervisor itself.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def subcommands() -> None:
    """Tools beside the supervisor. `supervisor --help` is about the supervisor itself."""


@app.command(context_settings={"allow_interspersed_args": False})
def impact(  # noqa: PLR0913 -- one argument an option
    target: Annotated[list[str], typer.Argument(metavar="IMAGE-OR-COMMAND", help="an image, or the runtime's command")],
    *,
    events: Annotated[Path, typer.Option(help="the events: a JSON document, or one on each line")],
    without: Annotated[list[str] | None, typer.Option(help="measure this extension; may be repeated")] = None,
    each: Annotated[bool, typer.Option("--each", help="measure every extension, as without --without")] = False,
    rounds: Annotated[int, typer.Option("--rounds", "-n", min=1, help="how often each combination is started")] = 10,
    price: Annotated[float, typer.Option(min=0, help="of a GB-second")] = DEFAULT_PRICE,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the figures as JSON to this file")] = None,
    svg_file: Annotated[Path | None, typer.Option("--svg", help="write a picture to this file")] = None,
) -> None:
    """Show what each extension adds to Init, to an invocation, to memory and to the bill.

    The same events are given to the function with all its extensions and with one of them left out, interleaved.
    """
    if each and without:
        raise typer.BadParameter("--each measures every extension; leave out --without")
    try:
        given = experiment.read_events(events.read_text())
        plan = experiment.Plan(target_of(target), without or [], given, rounds, price)
        impacts, done = trio.run(experiment.measure, plan, _tell)
    except OSError as error:
        raise _failed(f"cannot read {events}: {error.strerror}") from None
    except ExperimentError as error:
        raise _failed(str(error)) from None
    typer.echo(table(impacts, done), nl=False)
    if json_file:
        json_file.write_text(as_json(impacts, done))
    if svg_file:
        svg_file.write_text(picture(impacts, done))


def _tell(line: str) -> None:
    if sys.stderr.isatty():
        typer.echo(f"{line} ...", err=True)


def _failed(text: str) -> typer.Exit:
    typer.echo(f"supervisor impact: {text}", err=True)
    return typer.Exit(1)
