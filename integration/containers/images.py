"""The images that are tested: somebody's image, with the supervisor and the programs that play the parts in it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from integration.containers.base_images import BUSYBOX, RECIPES, BaseImage, StandIn
from integration.containers.docker import build
from integration.containers.needs import need
from integration.environments import ROOT

FILES: Final = {arch: ROOT / "dist" / f"supervisor-linux-{arch}" for arch in ("amd64", "arm64")}
"""The files under test, by architecture."""

MakeImage = Callable[..., str]

ACTORS: Final = ("python3", "-S")
"""Runs an actor, where there is a Python."""


def supervisor_image(arch: str = "amd64") -> str:
    """The image that holds the supervisor and nothing else."""
    need(FILES[arch].exists(), f"no {FILES[arch].name} in dist: make image")
    recipe = RECIPES / "supervisor.Dockerfile"
    return build(recipe, arch, context=FILES[arch].parent, tag=f"integration/supervisor:{arch}")


def subject(base: BaseImage | StandIn | None, arch: str = "amd64") -> str:
    """An image on top of *base*, or of nothing at all."""
    return build(
        RECIPES / "subject.Dockerfile",
        arch,
        context=ROOT,
        SUPERVISOR=supervisor_image(arch),
        BUSYBOX=BUSYBOX.reference(arch),
        BASE=base.reference(arch) if base else "scratch",
    )


def runtime(*script: str) -> list[str]:
    """The command of tests/actors/runtime.py with its script, in an image with a Python."""
    return [*ACTORS, "/actors/runtime.py", *script]


def extension_file(script: Sequence[str], program: str = "extension.py") -> str:
    """The content of the file of an extension that goes through a script, in an image with a Python."""
    words = " ".join(f"'{word}'" for word in script)
    return f'#!/bin/sh\nexec {" ".join(ACTORS)} /actors/{program} "$0" {words}\n'


def with_extensions(folder: Path, **contents: str) -> str:
    """The option of `docker run` that gives a container these extensions."""
    folder.chmod(0o755)
    for name, content in contents.items():
        file = folder / name
        file.write_text(content)
        file.chmod(0o755)
    return f"--volume={folder}:/opt/extensions:ro"
