import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supervisor import __version__

ROOT = Path(__file__).parents[1]
FOR_A_DEVELOPERS_MACHINE = "typer"
"""The subcommands that need it are not those of an image."""

PYTHON_OF_THE_FILE = {"python_version": "3.13", "python_full_version": "3.13.5", "extra": ""}


IMPORT_AS_IN_THE_FILE = """
import importlib, sys
stand_ins, module, *left_out = sys.argv[1:]
class LeftOut:
    def find_spec(self, name, path=None, target=None):
        if name in left_out:
            raise ModuleNotFoundError(f"{name} is left out")
for name in {*left_out} & {*sys.modules} - {"__main__"}:
    del sys.modules[name]
sys.path.insert(0, stand_ins)
sys.meta_path.insert(0, LeftOut())
importlib.import_module(module)
"""


NOT_MISSED = {"anyio", "typing-extensions"}
"""What the dependencies ask for and do without, see docker/steps/packages.txt."""


def releases(file: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)", file.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def needed_by(lines: Iterable[str]) -> set[str]:
    needed: set[str] = set()
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate(PYTHON_OF_THE_FILE):
            needed |= {canonicalize_name(requirement.name)} | needed_by(requires(requirement.name) or ())
    return needed


def test_what_the_package_needs_is_frozen_into_the_file_in_the_release_it_is_checked_with() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    checked = releases(ROOT / "constraints.txt")

    frozen = releases(ROOT / "docker" / "steps" / "packages.txt")

    in_images = [line for line in package["dependencies"] if not line.startswith(FOR_A_DEVELOPERS_MACHINE)]
    assert frozen == {name: checked[name] for name in needed_by(in_images) - NOT_MISSED}


def test_the_bill_of_materials_lists_what_the_file_is_made_of() -> None:
    steps = ROOT / "docker" / "steps"
    bill = subprocess.run(
        [sys.executable, ROOT / "docker" / "bill_of_materials.py"], capture_output=True, text=True, check=True
    )
    document = json.loads(bill.stdout)

    listed = {package["name"]: package["versionInfo"] for package in document["packages"]}

    from_debian = re.findall(r"^fetch \S+ (\S+) (\S+) ", steps.joinpath("fetch-sources").read_text(), re.MULTILINE)
    assert from_debian
    assert listed == {
        "supervisor": __version__,
        **dict(from_debian),
        **releases(steps / "packages.txt"),
        **releases(steps / "tools.txt"),
    }
    contained = {row["relatedSpdxElement"] for row in document["relationships"]}
    assert contained == {package["SPDXID"] for package in document["packages"]}
    assert all(re.fullmatch(r"SPDXRef-[a-zA-Z0-9.-]+", identifier) for identifier in contained)


@pytest.mark.parametrize("module", ["supervisor.app", "supervisor.health", "supervisor.telemetry.exposition", "httpx"])
def test_what_is_left_out_is_not_missed(module: str) -> None:
    lines = (ROOT / "docker" / "steps" / "left-out.txt").read_text().splitlines()
    stand_ins = ROOT / "docker" / "stand-ins"
    left_out = {name for line in lines if not line.startswith("#") for name in line.split()}
    left_out -= {path.stem for path in stand_ins.iterdir()}
    left_out |= {name.replace("-", "_") for name in NOT_MISSED}

    words = [sys.executable, "-c", IMPORT_AS_IN_THE_FILE, str(stand_ins), module, *left_out]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")
