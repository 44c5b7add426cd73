"""Writes docs/conformance.md and the generated blocks of docs/lifecycle.md; `--check` only says what is out of date.

The rules come from docs/rules.toml, the tests that hold them from the `rule` markers in tests/ and integration/, the
diagrams and tables from `supervisor.lifecycle`. The words around the blocks of lifecycle.md are left alone.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from supervisor.lifecycle.shutdown import TIERS
from supervisor.lifecycle.states import (
    EXTENSION,
    RUNTIME,
    ExtensionCall,
    ExtensionState,
    RuntimeCall,
    RuntimeState,
)

ROOT: Final = Path(__file__).resolve().parent.parent
RULES: Final = Path("docs/rules.toml")
CONFORMANCE: Final = Path("docs/conformance.md")
LIFECYCLE: Final = Path("docs/lifecycle.md")

TITLES: Final = {
    "runtime-api": "Runtime API",
    "extensions-api": "Extensions API",
    "lifecycle": "Lifecycle",
    "layers": "Layers",
    "invoke-api": "Invoke API",
    "telemetry-api": "Telemetry API and Logs API",
}
"""The part of a rule's id before the slash, and what a reader calls it."""

State = TypeVar("State", bound=StrEnum)
Call = TypeVar("Call", bound=StrEnum)
Table = Mapping[State, Mapping[Call, State]]

START: Final = "[*]"
"""Mermaid's word for where everything begins."""

RUNTIME_MOVES: Final = (
    (START, RuntimeState.STARTED, "(launched)"),
    (RuntimeState.RESTORE_READY, RuntimeState.RESTORING, "(is restored)"),
    (RuntimeState.READY, RuntimeState.RUNNING, "(gets an event)"),
    (RuntimeState.INVOCATION_RESPONSE, RuntimeState.RESPONSE_SENT, "(upload ends)"),
    (RuntimeState.INVOCATION_ERROR_RESPONSE, RuntimeState.RESPONSE_SENT, "(upload ends)"),
)
"""What the platform does of its own accord; the tables hold calls only."""

EXTENSION_MOVES: Final = (
    (START, ExtensionState.STARTED, "(external, launched)"),
    (START, ExtensionState.REGISTERED, "internal, register"),
    (ExtensionState.STARTED, ExtensionState.LAUNCH_ERROR, "(cannot be started)"),
    (ExtensionState.READY, ExtensionState.RUNNING, "(gets an event)"),
    (ExtensionState.RUNNING, ExtensionState.EXITED, "(exits with 0 in a shutdown)"),
    (ExtensionState.RUNNING, ExtensionState.SHUTDOWN_FAILED, "(ends otherwise in a shutdown)"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of docs/rules.toml."""

    rule_id: str
    sentence: str
    source: str

    @property
    def group(self) -> str:
        """The part of the id before the slash."""
        return self.rule_id.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Marker:
    """A test that names a rule."""

    rule_id: str
    path: Path
    line: int
    test: str


def read_rules() -> list[Rule]:
    """The rules, in the order of the file. Exits with a message when two have one id or an id has no known group."""
    entries = tomllib.loads((ROOT / RULES).read_text())["rule"]
    rules = [Rule(entry["id"], entry["rule"], entry["source"]) for entry in entries]
    for rule_id, count in Counter(rule.rule_id for rule in rules).items():
        if count > 1:
            sys.exit(f"{RULES}: {count} rules have the id {rule_id}")
    for rule in rules:
        if rule.group not in TITLES:
            sys.exit(f"{RULES}: {rule.rule_id}: an id begins with one of {', '.join(TITLES)}")
    return rules


def read_markers() -> list[Marker]:
    """Every `rule` marker in the tests, in the order of files and lines."""
    folders = (ROOT / "tests", ROOT / "integration")
    paths = [path for folder in folders for path in sorted(folder.rglob("test_*.py"))]
    return [marker for path in paths for marker in _markers_of(path)]


def _markers_of(path: Path) -> Iterator[Marker]:
    for function in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in function.decorator_list:
                for rule_id in _named_rules(decorator):
                    yield Marker(rule_id, path.relative_to(ROOT), decorator.lineno, function.name)


def _named_rules(decorator: ast.expr) -> Iterator[str]:
    """The ids in a decorator: in its own marker, or in those of the parameters of a parametrized test."""
    for node in ast.walk(decorator):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule":
            yield from (ast.literal_eval(argument) for argument in node.args)


def check_markers(rules: Sequence[Rule], markers: Iterable[Marker]) -> None:
    """Exit with a message when a test names a rule that does not exist."""
    known = {rule.rule_id for rule in rules}
    unknown = [marker for marker in markers if marker.rule_id not in known]
    if unknown:
        sys.exit("\n".join(f"{m.path}:{m.line}: {m.test}: {RULES} has no rule {m.rule_id!r}" for m in unknown))


def conformance(rules: Sequence[Rule], markers: Sequence[Marker]) -> str:
    """The whole of docs/conformance.md."""
    held = {marker.rule_id for marker in markers}
    lines = [
        "# Conformance",
        "",
        "<!-- Made by docs/generate.py from docs/rules.toml and the `rule` markers of the tests. -->",
        "",
        f"{len(held)} of {len(rules)} rules are held by a test; the others say *not yet*.",
        "What a source means stands at the top of [rules.toml](rules.toml).",
        "",
        *_table("", ["rules", "held", "not yet"], _counts(rules, held)),
    ]
    for group, title in TITLES.items():
        rows = [_row(rule, markers) for rule in rules if rule.group == group]
        lines += ["", f"## {title}", "", *_table("rule", ["source", "held by"], rows)]
    return "\n".join(lines) + "\n"


def _counts(rules: Sequence[Rule], held: set[str]) -> Iterator[list[str]]:
    for group, title in TITLES.items():
        ids = {rule.rule_id for rule in rules if rule.group == group}
        yield [title, *map(str, (len(ids), len(ids & held), len(ids - held)))]


def _row(rule: Rule, markers: Sequence[Marker]) -> list[str]:
    tests = dict.fromkeys((marker.path, marker.test) for marker in markers if marker.rule_id == rule.rule_id)
    held_by = "<br>".join(f"[{path}](../{path}) {test}" for path, test in tests)
    return [f"`{rule.rule_id}`<br>{rule.sentence}", rule.source, held_by or "*not yet*"]


def _table(first: str, others: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in ([first, *others], ["---"] * (len(others) + 1), *rows)]


def diagram(table: Table[State, Call], moves: Iterable[tuple[str, State, str]]) -> str:
    """A Mermaid state diagram of the calls in *table* and of the platform's own *moves*."""
    calls = [(before, after, _words(call)) for before, row in table.items() for call, after in row.items()]
    arrows = [f"    {before} --> {after}: {label}" for before, after, label in (*moves, *calls)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])


def state_table(table: Table[State, Call], calls: Iterable[Call]) -> str:
    """Where each call leads from each state."""
    columns = list(calls)
    rows = [[f"`{state}`", *(_cell(row.get(call)) for call in columns)] for state, row in table.items()]
    return "\n".join(_table("state", [_words(call) for call in columns], rows))


def _cell(after: StrEnum | None) -> str:
    return "403" if after is None else f"`{after}`"


def _words(call: StrEnum) -> str:
    """A call as the last words of its path."""
    return call.name.lower().replace("_", "/")


def tier_table() -> str:
    """How long a shutdown may take, and what the runtime may have of it."""
    rows = [
        [_yes_or_no(external), _yes_or_no(internal), f"{total * 1000:.0f} ms", f"{share * 1000:.0f} ms"]
        for (external, internal), (total, share) in TIERS.items()
    ]
    return "\n".join(_table("an external one", ["an internal one", "all of the time", "the runtime's share"], rows))


def _yes_or_no(answer: bool) -> str:
    return "yes" if answer else "no"


def lifecycle(text: str) -> str:
    """The *text* of docs/lifecycle.md with its blocks renewed. Exits with a message when a block is missing."""
    blocks = {
        "runtime-states": f"{diagram(RUNTIME, RUNTIME_MOVES)}\n\n{state_table(RUNTIME, RuntimeCall)}",
        "extension-states": f"{diagram(EXTENSION, EXTENSION_MOVES)}\n\n{state_table(EXTENSION, ExtensionCall)}",
        "shutdown-tiers": tier_table(),
    }
    for name, block in blocks.items():
        begin, end = f"<!-- {name}: made by docs/generate.py -->", f"<!-- end of {name} -->"
        try:
            head, _, tail = re.split(f"{re.escape(begin)}|{re.escape(end)}", text)
        except ValueError:
            sys.exit(f"{LIFECYCLE}: there must be one block between {begin} and {end}")
        text = f"{head}{begin}\n\n{block}\n\n{end}{tail}"
    return text


def main(arguments: Sequence[str]) -> int:
    """Write the documents, or only check them; the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated documents.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a document is out of date")
    check = parser.parse_args(arguments).check
    rules, markers = read_rules(), read_markers()
    check_markers(rules, markers)
    wanted = {
        CONFORMANCE: conformance(rules, markers),
        LIFECYCLE: lifecycle((ROOT / LIFECYCLE).read_text()),
    }
    stale = [path for path, text in wanted.items() if not (ROOT / path).exists() or (ROOT / path).read_text() != text]
    for path in stale:
        if check:
            print(f"{path} is out of date. Run: python docs/generate.py", file=sys.stderr)
        else:
            (ROOT / path).write_text(wanted[path])
            print(f"{path} is written")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
