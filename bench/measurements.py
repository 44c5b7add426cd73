"""The measurements: each yields figures, in rounds that take turns between the programs."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.contestants import Contestant, Place, Running, places
from bench.figures import FLOOR, OURS, RIE, Figure
from bench.programs import Programs

SIZES: Final = {"1 KB": 1_000, "100 KB": 100_000, "6 MB": 6_000_000}
EXTENSIONS: Final = (0, 1, 10)
CLIENTS: Final = 16

_PYTHON_FUNCTION: Final = "def handler(event, context):\n    return event\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """How thoroughly is measured.

    Args:
        rounds: How often each program has its turn.
        seconds: How long a turn of the warm measurements is.
        cold_rounds: How often each program is started.
        invocations: How many invocations the memory has to stand.
        sizes: Which payloads.
        crossed: Payloads of every size with extensions too.
    """

    rounds: int = 9
    seconds: float = 0.5
    cold_rounds: int = 15
    invocations: int = 10_000
    sizes: tuple[str, ...] = tuple(SIZES)
    crossed: bool = True


SHORT: Final = Plan(rounds=3, seconds=0.3, cold_rounds=3, invocations=2_000, sizes=("1 KB", "6 MB"), crossed=False)


@dataclass(frozen=True, slots=True)
class Arena:
    """Who is measured with what, and where."""

    ours: Contestant
    rie: Contestant
    floor: Contestant
    programs: Programs
    cpus: str

    def named(self, *names: str) -> list[Contestant]:
        """The contestants with these names."""
        return [contestant for contestant in (self.ours, self.rie, self.floor) if contestant.name in names]


def warm(arena: Arena, plan: Plan) -> Iterator[Figure]:
    """How long callers wait, how many invocations there are in a second, and what they cost."""
    for extensions in EXTENSIONS:
        names = (OURS, RIE) if extensions else (OURS, RIE, FLOOR)
        with places(arena.named(*names), arena.programs, extensions, arena.cpus) as opened:
            running = {name: place.start() for name, place in opened.items()}
            for label in plan.sizes if plan.crossed or not extensions else plan.sizes[:1]:
                yield from _one_client(running, plan, label, _with(extensions))
            yield from _many_clients(running[OURS], plan, _with(extensions))
            for contestant in running.values():
                contestant.stop()


def _one_client(running: dict[str, Running], plan: Plan, label: str, conditions: str) -> Iterator[Figure]:
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for contestant in running.values():
        contestant.load(1, SIZES[label], seconds=plan.seconds / 2)
    for _ in range(plan.rounds):
        for name, contestant in running.items():
            before = contestant.cpu_seconds()
            load = contestant.load(1, SIZES[label], seconds=plan.seconds)
            cpu = contestant.cpu_seconds() - before
            for figure, value in (("p50, µs", load.p50), ("p90, µs", load.p90), ("p99, µs", load.p99)):
                samples[figure][name].append(value)
            samples["invocations/s"][name].append(load.invocations / load.seconds)
            samples["CPU of an invocation, µs"][name].append(cpu / load.invocations * 1e6)
    for figure, by_name in samples.items():
        yield Figure.of(f"{label}, {conditions}: {figure}", by_name)


def _many_clients(ours: Running, plan: Plan, conditions: str) -> Iterator[Figure]:
    """RIE does not live through two requests at a time."""
    loads = [ours.load(CLIENTS, SIZES["1 KB"], seconds=plan.seconds) for _ in range(plan.rounds)]
    conditions = f"1 KB, {conditions}, {CLIENTS} clients"
    yield Figure.of(f"{conditions}: p50, µs", {OURS: [load.p50 for load in loads]})
    yield Figure.of(f"{conditions}: p99, µs", {OURS: [load.p99 for load in loads]})
    yield Figure.of(f"{conditions}: invocations/s", {OURS: [load.invocations / load.seconds for load in loads]})


def cold(arena: Arena, plan: Plan) -> Iterator[Figure]:
    """How long it takes from the exec to the first answer."""
    for extensions in EXTENSIONS:
        names = (OURS, RIE) if extensions else (OURS, RIE, FLOOR)
        with places(arena.named(*names), arena.programs, extensions, arena.cpus) as opened:
            yield _cold_starts(opened, plan, f"cold start, {_with(extensions)}: ms")
    with places(arena.named(OURS, RIE, FLOOR), arena.programs, 0, arena.cpus) as opened:
        yield _cold_starts(opened, plan, "cold start, awslambdaric: ms", _python_runtime(arena.programs.runtime.parent))


def _cold_starts(opened: dict[str, Place], plan: Plan, figure: str, runtime: Sequence[str] = ()) -> Figure:
    samples: dict[str, list[float]] = defaultdict(list)
    for place in opened.values():
        place.cold_start(runtime)
    for _ in range(plan.cold_rounds):
        for name, place in opened.items():
            samples[name].append(place.cold_start(runtime))
    return Figure.of(figure, samples)


def _python_runtime(folder: Path) -> Sequence[str]:
    folder.joinpath("echo.py").write_text(_PYTHON_FUNCTION)
    return ("/usr/bin/env", f"PYTHONPATH={folder}", sys.executable, "-m", "awslambdaric", "echo.handler")


def memory(arena: Arena, plan: Plan) -> Iterator[Figure]:
    """What is resident after how much work."""
    samples: dict[str, dict[str, list[float]]] = defaultdict(dict)
    with places(arena.named(OURS, RIE), arena.programs, 0, arena.cpus) as opened:
        for name, place in opened.items():
            running = place.start()
            samples["ready: resident, MB"][name] = [running.memory().now]
            running.load(1, SIZES["1 KB"], invocations=1_000)
            samples["after 1,000 invocations: resident, MB"][name] = [running.memory().now]
            running.load(1, SIZES["1 KB"], invocations=plan.invocations - 1_000)
            samples[f"after {plan.invocations:,} invocations: resident, MB"][name] = [running.memory().now]
            running.load(1, SIZES["6 MB"], invocations=10)
            samples["after 10 invocations of 6 MB: resident, MB"][name] = [running.memory().now]
            running.load(1, SIZES["6 MB"], invocations=90)
            samples["after 100 invocations of 6 MB: resident, MB"][name] = [running.memory().now]
            samples["peak, MB"][name] = [running.memory().peak]
            running.stop()
    for figure, by_name in samples.items():
        yield Figure.of(f"memory {figure}", by_name)


def _with(extensions: int) -> str:
    return f"{extensions or 'no'} extension{'' if extensions == 1 else 's'}"
