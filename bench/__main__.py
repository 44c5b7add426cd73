"""The command: measures this tree, or another build, beside aws-lambda-rie, and shows the results."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import results, rie
from bench.contestants import Contestant, all_cpus
from bench.figures import FLOOR, OURS, RIE, Figure
from bench.measurements import SHORT, Arena, Plan, cold, memory, warm
from bench.programs import NoCompilerError, Programs

_MEASUREMENTS: Final = {"warm": warm, "cold": cold, "memory": memory}


def main() -> int:
    """Measure and show."""
    options = _options()
    try:
        with TemporaryDirectory() as folder:
            figures = _measure(_arena(options, Programs.compile(Path(folder))), options)
    except (NoCompilerError, PermissionError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(results.as_json(figures))
    if options.plot:
        options.plot.write_text(results.as_svg(figures))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="under a minute: fewer rounds and fewer rows")
    parser.add_argument("--only", choices=_MEASUREMENTS, action="append", help="one measurement of the three")
    parser.add_argument("--target", metavar="COMMAND", help="another build than this tree, as the static file")
    parser.add_argument("--no-freeze", action="store_true", help="leave the processes running between invocations")
    parser.add_argument(
        "--cpus", metavar="LIST", default=all_cpus(), help="where everything runs, as for taskset [%(default)s]"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results there as JSON")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="write the ratios there as an SVG picture")
    return parser.parse_args()


def _arena(options: argparse.Namespace, programs: Programs) -> Arena:
    command = shlex.split(options.target) if options.target else [sys.executable, "-m", "supervisor"]
    command[0] = os.path.abspath(command[0]) if "/" in command[0] else command[0]
    freeze = {"SUPERVISOR_FREEZE": "0"} if options.no_freeze else {}
    return Arena(
        Contestant(OURS, command, freeze),
        Contestant(RIE, [str(rie.fetched())]),
        Contestant(FLOOR, [str(programs.floor)]),
        programs,
        options.cpus,
    )


def _measure(arena: Arena, options: argparse.Namespace) -> list[Figure]:
    plan = SHORT if options.short else Plan()
    figures: list[Figure] = []
    print(results.heading())
    for name in options.only or _MEASUREMENTS:
        for figure in _MEASUREMENTS[name](arena, plan):
            figures.append(figure)
            print(results.row(figure), flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
