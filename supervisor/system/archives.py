"""Owns the reading of a layer's zip archive: every entry is checked before any byte of it becomes a file.

Where entries go, and how much they may need together, is `layers`' matter. Imported when there is a layer: `zipfile`
has no place on the boot path.
"""

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from supervisor.errors import LayerError
from supervisor.system.files import OPT

_CHUNK_BYTES: Final = 64 * 1024

_ENCRYPTED: Final = 0x1
"""A bit of an entry's flags (PKWARE: APPNOTE.TXT, 4.4.4)."""

_STORED_OR_DEFLATED: Final = (0, 8)
"""Methods of compression (same document, 4.4.5); what else there is needs libraries that not every build has."""

_LONGEST_TARGET: Final = 4096
"""Linux: `PATH_MAX`."""


_BROKEN: Final = (BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, ValueError)
"""What `zipfile` raises for bytes that are no archive; of the last two are names and numbers that make no sense."""


class Kind(Enum):
    """What an entry becomes."""

    FOLDER = auto()
    FILE = auto()
    LINK = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive.

    Args:
        path: Where it belongs below /opt: names with a slash between them.
        kind: What it becomes.
        mode: Its permission bits.
        size: How many bytes the archive says it has.
        target: Where a link leads.
    """

    path: str
    kind: Kind
    mode: int
    size: int = 0
    target: str = ""


class Archive:
    """The zip archive *path*, open until `close`.

    Raises:
        LayerError: It cannot be read, or has an entry that no layer may have.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._zip = ZipFile(path)
        except OSError as error:
            raise self.error(error.strerror or "it cannot be read", "name a zip archive that is there") from None
        except _BROKEN as error:
            raise self._broken_error(error) from None
        self._infos: dict[Entry, ZipInfo] = {}

    def entries(self) -> list[Entry]:
        """Every entry, in the order of the archive.

        Raises:
            LayerError: One of them is no part of a layer.
        """
        self._infos = {entry: info for info in self._zip.infolist() if (entry := self._entry(info)) is not None}
        return list(self._infos)

    def content(self, entry: Entry) -> Iterator[bytes]:
        """What is in a file, piece by piece, compared with its checksum.

        Raises:
            LayerError: The archive is broken.
        """
        try:
            with self._zip.open(self._infos[entry]) as file:
                while piece := file.read(_CHUNK_BYTES):
                    yield piece
        except _BROKEN as error:
            raise self._broken_error(error) from None

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def error(self, reason: str, remedy: str) -> LayerError:
        """The error that says why this layer cannot be used, and what helps."""
        return LayerError(self.path, reason, remedy)

    def _broken_error(self, error: Exception) -> LayerError:
        return self.error(f"the archive is broken ({error})", "make it anew")

    def _entry(self, info: ZipInfo) -> Entry | None:
        name = info.filename
        if info.flag_bits & _ENCRYPTED:
            raise self.error(f"{name!a} is encrypted", "pack it without a password")
        if info.compress_type not in _STORED_OR_DEFLATED:
            raise self.error(f"{name!a} is compressed by another method than deflate", "pack it with that")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts:
            raise self.error(f"{name!a} leads out of {OPT}", f"name every entry relative to {OPT}")
        return self._entry_at("/".join(parts), info) if parts else None

    def _entry_at(self, path: str, info: ZipInfo) -> Entry:
        mode = info.external_attr >> 16
        if info.is_dir() or stat.S_ISDIR(mode):
            return Entry(path, Kind.FOLDER, stat.S_IMODE(mode) & 0o777 or 0o755)
        if stat.S_ISLNK(mode):
            return Entry(path, Kind.LINK, 0o777, target=self._target(path, info))
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise self.error(f"{path!a} is a device, a pipe or a socket", "leave it out")
        # Whoever packed it on Windows gave no permissions. On Lambda too such a file is not executable.
        return Entry(path, Kind.FILE, stat.S_IMODE(mode) & 0o777 or 0o644, info.file_size)

    def _target(self, path: str, info: ZipInfo) -> str:
        try:
            with self._zip.open(info) as file:
                target = file.read(_LONGEST_TARGET).decode(errors="surrogateescape")
        except _BROKEN as error:
            raise self._broken_error(error) from None
        if not _stays(path, target):
            raise self.error(
                f"the link {path!a} leads out of {OPT}, to {target!a}", f"let it lead to a path below {OPT}"
            )
        return target


def _stays(path: str, target: str) -> bool:
    """Whether a link *path* to *target* leads to somewhere below /opt, whatever other links are on its way.

    So steps up are fine at the beginning alone, where they lead through the link's own folders.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    if target.startswith("/"):
        return parts[:1] == [OPT.strip("/")] and ".." not in parts
    steps_up = 0
    while parts[steps_up : steps_up + 1] == [".."]:
        steps_up += 1
    return bool(target) and steps_up <= path.count("/") and ".." not in parts[steps_up:]
