import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FOR_A_DEVELOPERS_MACHINE = "typer"
"""The subcommands that need it are not those of an image."""

PYTHON_OF_THE_FILE = {"python_version": "3.13", "python_full_version": "3.13.5", "extra": ""}


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
    assert frozen == {name: checked[name] for name in needed_by(in_images)}
