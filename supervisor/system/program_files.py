"""Owns the look at program files of an image, whose root may be a folder of this machine.

What is wrong with one is `program_file`'s matter.
"""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Final

from supervisor.program_file import HEAD_BYTES, Flaw, Host, ProgramFile, find_flaw

_MOST_LINKS: Final = 40
"""As many as the kernel follows (path_resolution(7))."""


class ImageFiles:
    """The files of the image whose root is the folder *root*; its links lead to places in it."""

    def __init__(self, root: str = "/") -> None:
        self._root = root

    def place(self, path: str) -> str:
        """Where the file is on this machine to which the absolute *path* leads in the image.

        Raises:
            OSError: The links lead round in circles.
        """
        if self._root == "/":
            return path
        rest, done, links = path.split("/"), "", 0
        while rest:
            name = rest.pop(0)
            if name == "..":
                done = done.rpartition("/")[0]
            elif name not in ("", "."):
                here = f"{self._root}{done}/{name}"
                if not os.path.islink(here):
                    done = f"{done}/{name}"
                    continue
                if (links := links + 1) > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                target = os.readlink(here)
                done = "" if target.startswith("/") else done
                rest = target.split("/") + rest
        return self._root + done

    def is_program(self, path: str) -> bool:
        """Whether the absolute *path* leads to a file that somebody may execute."""
        try:
            status = os.stat(self.place(path))
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)

    def has_program(self, name: str, folders: Sequence[str]) -> bool:
        """Whether *name* is a program: as a path, or as a word in one of *folders*."""
        if "/" in name:
            return self.is_program(os.path.join("/", name))
        return any(self.is_program(os.path.join("/", folder, name)) for folder in folders)

    def head(self, path: str) -> bytes:
        """The first bytes of the file at the absolute *path*.

        Raises:
            OSError: It cannot be read.
        """
        with open(self.place(path), "rb") as file:
            return file.read(HEAD_BYTES)

    def flaw(self, path: str, host: Host) -> Flaw | None:
        """Why *host* cannot start the file at the absolute *path*; None when nothing is to be seen."""
        try:
            status = os.stat(self.place(path))
            if stat.S_ISDIR(status.st_mode):
                return Flaw("is a folder", "put the program itself here")
            if not stat.S_ISREG(status.st_mode):
                return Flaw("is no file", "put a program here")
            return find_flaw(ProgramFile(self.head(path), stat.S_IMODE(status.st_mode)), host)
        except FileNotFoundError:
            link = self._root.rstrip("/") + path
            if os.path.islink(link):
                return Flaw(f"is a link to {os.readlink(link)!a}, where nothing is", "copy that file too")
            return Flaw("does not exist", "copy it into the image")
        except OSError as error:
            return Flaw(f"cannot be read ({error.strerror})", "let everybody read it")


def why_not_started(path: str, environ: Mapping[str, str], error: OSError | None = None) -> str:
    """Why the program *path* was not started, for a person; empty when nothing is to be seen.

    Args:
        path: An absolute path.
        environ: The environment variables that it was given.
        error: What the kernel said, if it said something.
    """
    files = ImageFiles()
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    host = Host(os.uname().machine, lambda name: files.has_program(name, folders))
    if flaw := files.flaw(path, host):
        return str(flaw)
    if error is not None and error.errno == errno.EACCES:
        return (
            "its user may not execute it; let everybody read and execute it, enter every folder above it, and see that "
            "its file system is not mounted with noexec"
        )
    return ""
