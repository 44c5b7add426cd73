"""The generated documents are what the code and the tests say, and the generator tells what is wrong with either."""

import re
import shutil
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import pytest

from supervisor.lifecycle.states import ExtensionState, RuntimeState

REPOSITORY = Path(__file__).resolve().parent.parent


def generate(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(repository / "docs/generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the real documents, three rules and no test."""
    shutil.copytree(REPOSITORY / "docs", tmp_path / "docs")
    write_rules(tmp_path, "runtime-api/ping", "lifecycle/orphans-are-reaped", "invoke-api/dry-run")
    write_test(tmp_path, "")
    generate(tmp_path)
    return tmp_path


def write_rules(repository: Path, *rule_ids: str) -> None:
    entries = (f'[[rule]]\nid = "{rule_id}"\nrule = "It is so."\nsource = "ours"\n' for rule_id in rule_ids)
    (repository / "docs/rules.toml").write_text("\n".join(entries))


def write_test(repository: Path, text: str) -> None:
    (repository / "tests").mkdir(exist_ok=True)
    (repository / "tests/test_it.py").write_text(text)


def line_of(repository: Path, rule_id: str) -> str:
    lines = (repository / "docs/conformance.md").read_text().splitlines()
    (line,) = (line for line in lines if f"`{rule_id}`" in line)
    return line


def test_the_generated_documents_are_up_to_date_and_every_marker_names_a_rule() -> None:
    checked = generate(REPOSITORY, "--check")

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_marker_that_names_no_rule_is_reported_with_its_place(repository: Path) -> None:
    write_test(repository, '@pytest.mark.rule("runtime-api/pong")\ndef test_a_sentence(): ...\n')

    checked = generate(repository, "--check")

    assert checked.returncode == 1
    assert checked.stderr == "tests/test_it.py:1: test_a_sentence: docs/rules.toml has no rule 'runtime-api/pong'\n"


def test_two_rules_with_one_id_are_reported(repository: Path) -> None:
    write_rules(repository, "runtime-api/ping", "runtime-api/ping")

    checked = generate(repository, "--check")

    assert checked.returncode == 1
    assert checked.stderr == "docs/rules.toml: 2 rules have the id runtime-api/ping\n"


def test_a_rule_of_an_unknown_api_is_reported(repository: Path) -> None:
    write_rules(repository, "runtime/ping")

    checked = generate(repository, "--check")

    assert checked.returncode == 1
    assert checked.stderr.startswith("docs/rules.toml: runtime/ping: an id begins with one of runtime-api, ")


def test_a_new_marker_makes_the_conformance_stale_until_it_is_written(repository: Path) -> None:
    assert line_of(repository, "runtime-api/ping").endswith("| *not yet* |")
    write_test(repository, '@pytest.mark.rule("runtime-api/ping")\nasync def test_a_sentence(): ...\n')

    stale = generate(repository, "--check")
    written = generate(repository)
    fresh = generate(repository, "--check")

    assert stale.returncode == 1
    assert stale.stderr == "docs/conformance.md is out of date. Run: python docs/generate.py\n"
    assert written.stdout == "docs/conformance.md is written\n"
    assert (fresh.returncode, fresh.stderr) == (0, "")
    assert line_of(repository, "runtime-api/ping").endswith(
        "| [tests/test_it.py](../tests/test_it.py) test_a_sentence |"
    )


def test_one_marker_may_name_several_rules_and_a_parameter_its_own(repository: Path) -> None:
    write_test(
        repository,
        '@pytest.mark.rule("runtime-api/ping", "invoke-api/dry-run")\n'
        "@pytest.mark.parametrize(\n"
        '    "n", [pytest.param(1, marks=pytest.mark.rule("lifecycle/orphans-are-reaped")), 2]\n'
        ")\n"
        "def test_a_sentence(n): ...\n",
    )

    generate(repository)

    assert "\n3 of 3 rules are held by a test;" in (repository / "docs/conformance.md").read_text()


@pytest.mark.parametrize("name", ["runtime-states", "extension-states", "shutdown-tiers"])
def test_a_block_of_the_lifecycle_that_was_changed_by_hand_is_stale(repository: Path, name: str) -> None:
    page = repository / "docs/lifecycle.md"
    begin = f"<!-- {name}: made by docs/generate.py -->\n"
    page.write_text(page.read_text().replace(begin, f"{begin}\nby hand\n"))

    checked = generate(repository, "--check")

    assert checked.returncode == 1
    assert checked.stderr == "docs/lifecycle.md is out of date. Run: python docs/generate.py\n"


def test_a_block_of_the_lifecycle_that_was_taken_out_is_reported(repository: Path) -> None:
    page = repository / "docs/lifecycle.md"
    page.write_text(page.read_text().replace("<!-- end of shutdown-tiers -->", ""))

    checked = generate(repository, "--check")

    assert checked.returncode == 1
    assert checked.stderr.startswith("docs/lifecycle.md: there must be one block between <!-- shutdown-tiers: ")


@pytest.mark.parametrize(("name", "states"), [("runtime-states", RuntimeState), ("extension-states", ExtensionState)])
def test_a_diagram_shows_a_way_to_every_state(name: str, states: type[StrEnum]) -> None:
    page = (REPOSITORY / "docs/lifecycle.md").read_text()
    block = page.partition(f"<!-- {name}: ")[2].partition(f"<!-- end of {name} -->")[0]

    assert set(re.findall(r"--> (\w+):", block)) == set(states)
