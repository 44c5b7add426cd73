"""Owns the experiment: which combinations of extensions are tried, how often, and in which order.

One run with all extensions comes first and does not count: it warms the machine up and tells which extensions there
are. Then every round tries all of them together and each of them left out, and begins with another combination.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from supervisor.errors import ExperimentError
from supervisor.impact.comparison import Impact, compare
from supervisor.impact.presentation import Experiment
from supervisor.impact.run_log import Run
from supervisor.impact.targets import Target
from supervisor.impact.trial import FailedTrialError, try_out

_ALL = ""
"""The extension that is left out of the run with all of them: no extension has an empty name."""


def read_events(text: str) -> list[bytes]:
    """The events of a file: one JSON document, or one on each line.

    Raises:
        ExperimentError: It is neither, or empty.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    for documents in ([text], lines):
        try:
            for document in documents:
                json.loads(document)
        except ValueError:
            continue
        if documents:
            return [document.strip().encode() for document in documents]
    raise ExperimentError("the file with the events must hold one JSON document, or one on each line")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Args:
        target: What is started.
        left_out: The names of the extensions in question; none named: every extension.
        events: What each start is given, in this order.
        rounds: How often each combination is started.
        price: Of a GB-second.
    """

    target: Target
    left_out: Sequence[str]
    events: Sequence[bytes]
    rounds: int
    price: float


async def measure(plan: Plan, tell: Callable[[str], None]) -> tuple[list[Impact], Experiment]:
    """What each of the extensions in question adds; *tell* is called with a line on how far it is.

    Raises:
        ExperimentError: It cannot be measured; the text says why.
    """
    tell("warming up")
    first = await _with_all(plan)
    names = _known(plan.left_out or first.extensions, first)
    runs: dict[str, list[Run]] = {name: [] for name in (_ALL, *names)}
    failures: dict[str, str] = {}
    for number in range(plan.rounds):
        tell(f"round {number + 1} of {plan.rounds}")
        for name in _rotated([_ALL, *names], number):
            if name == _ALL:
                runs[name].append(await _with_all(plan))
            elif name not in failures:
                await _without(plan, name, runs[name], failures)
    impacts = [
        Impact(name, failure=failures[name])
        if name in failures
        else compare(name, list(zip(runs[_ALL], runs[name], strict=True)), plan.price)
        for name in names
    ]
    return impacts, Experiment(plan.rounds, len(plan.events), first.memory_size_mb, plan.price)


def _known(names: Sequence[str], run: Run) -> Sequence[str]:
    if not names:
        raise ExperimentError("no extension was ready after Init, so there is nothing to compare")
    for name in names:
        if name not in run.extensions:
            raise ExperimentError(
                f"there is no extension {name}; ready after Init: {', '.join(run.extensions) or 'none'}"
            )
    return names


async def _with_all(plan: Plan) -> Run:
    try:
        return await try_out(plan.target.start(_ALL), plan.events)
    except FailedTrialError as failure:
        raise ExperimentError(f"the function fails with all its extensions: {failure}") from None


async def _without(plan: Plan, name: str, runs: list[Run], failures: dict[str, str]) -> None:
    try:
        run = await try_out(plan.target.start(name), plan.events)
    except FailedTrialError as failure:
        failures[name] = str(failure)
        return
    if name in run.extensions:
        raise ExperimentError(f"{name} cannot be left out: it is internal, registered by the runtime's own process")
    runs.append(run)


def _rotated(names: Sequence[str], by: int) -> Sequence[str]:
    by %= len(names)
    return [*names[by:], *names[:by]]
