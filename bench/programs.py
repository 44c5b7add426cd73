"""The C programs of this folder, compiled when they are needed."""

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SOURCES: Final = Path(__file__).with_name("programs")
_FLAGS: Final = ("-O2", "-Wall", "-Wextra", "-pthread")


class NoCompilerError(Exception):
    """There is nothing to compile C with."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The executable files. What each of them does says the beginning of its source."""

    cold: Path
    extension: Path
    floor: Path
    load: Path
    runtime: Path

    @classmethod
    def compile(cls, folder: Path, *flags: str) -> "Programs":
        """Compile all of them into *folder*, with further *flags*.

        Raises:
            NoCompilerError: There is no C compiler.
            CalledProcessError: It does not compile.
        """
        compiler = _compiler()
        built: dict[str, Path] = {}
        for name in cls.__slots__:
            built[name] = folder / name
            subprocess.run([*compiler, *_FLAGS, *flags, "-o", built[name], _SOURCES / f"{name}.c"], check=True)
        return cls(**built)


def _compiler() -> list[str]:
    if path := shutil.which("cc"):
        return [path]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise NoCompilerError("no C compiler: install gcc or clang, or the package ziglang from PyPI")
