"""The images that others are built on: public ones, or some like them made of Debian's packages, each once.

Where no registry can be reached there are only the packages. The variable BASE_IMAGES=public asks for the public ones.
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from integration.containers.docker import build, exists

PUBLIC: Final = os.environ.get("BASE_IMAGES") == "public"

RECIPES: Final = Path(__file__).parent / "images"

CERTIFICATES: Final = Path("/usr/local/share/ca-certificates")
"""What this machine trusts beside Debian's own, where a proxy stands before the registries."""

_COMPLETION: Final = """
set -eu
cd "$1"
passwd=usr/share/base-passwd
[ -e etc/passwd ] || [ ! -e $passwd ] || { cp $passwd/passwd.master etc/passwd; cp $passwd/group.master etc/group; }
[ -e bin/sh ] || [ ! -e bin/dash ] || ln -s dash bin/sh
for python in usr/bin/python3.*[0-9]; do
  [ ! -e "$python" ] || [ -e usr/bin/python3 ] || ln -s "${python##*/}" usr/bin/python3
done
rm -rf usr/share/doc usr/share/man usr/share/locale
"""
"""What the packages' own scripts would do, which cannot run for another architecture."""

_DEBIAN: Final = ("base-files", "base-passwd", "bash", "coreutils", "dash", "libc-bin", "libc6")


@dataclass(frozen=True, slots=True)
class BaseImage:
    """Something to build on.

    Args:
        name: Its name here.
        public: Its name where everybody finds it.
        suite: The release of Debian that the packages come from.
        packages: Those that are unpacked; none stands for a whole Debian, in which packages can be installed.
    """

    name: str
    public: str
    suite: str = "bookworm"
    packages: tuple[str, ...] = ()

    def reference(self, arch: str) -> str:
        """What FROM can name; the image is made if need be."""
        if PUBLIC:
            return self.public
        recipe = repr((self, _COMPLETION)).encode()
        tag = f"integration/{self.name}-{arch}:{hashlib.sha256(recipe).hexdigest()[:12]}"
        if not exists(tag):
            self._make(tag, arch)
        return tag

    def _make(self, tag: str, arch: str) -> None:
        with TemporaryDirectory() as folder:
            hook = Path(folder, "complete")
            hook.write_text(f"#!/bin/sh{_COMPLETION}")
            hook.chmod(0o755)
            what = ["--variant=extract", f"--include={','.join(self.packages)}"] if self.packages else self._whole()
            options = ["--quiet", *what, f"--architectures={arch}", f"--customize-hook={hook}"]
            subprocess.run(["mmdebstrap", *options, self.suite, f"{folder}/root.tar"], check=True)
            Path(folder, "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
            build(Path(folder, "Dockerfile"), arch, tag=tag)

    @staticmethod
    def _whole() -> list[str]:
        copy = f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}"
        return ["--variant=apt", *([copy] if CERTIFICATES.is_dir() else [])]


@dataclass(frozen=True, slots=True)
class StandIn:
    """An image that is built like a public one which cannot be had.

    Args:
        name: Its name here, and that of its recipe.
        public: The name of the public one.
        base: What it is built on.
    """

    name: str
    public: str
    base: BaseImage

    def reference(self, arch: str) -> str:
        """What FROM can name; the image is made if need be."""
        if PUBLIC:
            return self.public
        recipe = RECIPES / f"{self.name}.Dockerfile"
        return build(recipe, arch, tag=f"integration/{self.name}:{arch}", BASE=self.base.reference(arch))


MUSL: Final = BaseImage("musl", "alpine:3.22", packages=("busybox-static", "musl"))
BULLSEYE: Final = BaseImage("bullseye", "debian:bullseye-slim", "bullseye", _DEBIAN)
BOOKWORM: Final = BaseImage("bookworm", "python:3.11-slim-bookworm", "bookworm", (*_DEBIAN, "python3"))
TRIXIE: Final = BaseImage("trixie", "debian:trixie-slim", "trixie", _DEBIAN)
DEBIAN: Final = BaseImage("debian", "debian:bookworm-slim")

DISTROLESS: Final = StandIn("distroless", "gcr.io/distroless/python3-debian12", BOOKWORM)
LAMBDA_PYTHON: Final = StandIn("lambda-python", "public.ecr.aws/lambda/python:3.12", DEBIAN)

BUSYBOX: Final = BaseImage("musl", "busybox:1.37-musl", packages=MUSL.packages)
"""Where the one program comes from that the peers need, static."""


def can_be_made() -> bool:
    """Whether there are base images here."""
    return PUBLIC or shutil.which("mmdebstrap") is not None
