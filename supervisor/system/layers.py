"""Owns the layers: zip archives whose contents are put into /opt before anybody looks for extensions there.

Theory of operation: everything is unpacked into a folder beside its destination and checked there; only when all
layers are whole is it moved into place, file by file, by rename(2). So a layer that cannot be used leaves nothing
behind, and a container that is started again does the same once more.

(AWS: Using Lambda extensions, "Execution environment": layers are extracted into /opt in the Init phase.)
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final

from supervisor.errors import LayerError
from supervisor.system.archives import Archive, Entry, Kind
from supervisor.system.files import OPT

UNZIPPED_BYTES: Final = 250 * 1024 * 1024
"""The function and all of its layers together, unzipped (AWS: Lambda quotas, "Deployment package size")."""

TASK_ROOT: Final = "/var/task"
"""Where the function is (AWS: Lambda environment variables, `LAMBDA_TASK_ROOT`)."""

_STAGE: Final = ".supervisor-layers"
"""In /opt itself, so that it is in the same file system."""

Take = Callable[[Entry, Iterator[bytes]], None]
"""What becomes of an entry and its content."""


def extract_layers(layers: Sequence[str], opt: str = OPT, task_root: str = TASK_ROOT) -> None:
    """Put the contents of all *layers* into *opt*. A later one wins over an earlier one.

    Args:
        layers: The paths of the archives.
        opt: Where they are extracted.
        task_root: The folder of the function, whose size counts too.

    Raises:
        LayerError: One of them cannot be used; nothing was put anywhere.
    """
    stage = os.path.join(opt, _STAGE)
    try:
        shutil.rmtree(stage, ignore_errors=True)
        os.makedirs(stage)
        try:
            tree = read_layers(layers, task_root, lambda entry, content: _unpack(stage, entry, content))
            _check_destination(opt, tree)
            _move(tree, stage, opt)
        finally:
            shutil.rmtree(stage)
    except OSError as error:
        raise LayerError(
            layers[0],
            f"nothing can be written to {opt} ({error.strerror})",
            "let the container write there, or extract it when the image is built and leave the archive out",
        ) from None


def read_layers(layers: Sequence[str], task_root: str, take: Take) -> dict[str, Entry]:
    """Read and check *layers* and let *take* have every entry; what there is in the end, by path, parents first.

    Raises:
        LayerError: One of them cannot be used.
    """
    tree: dict[str, Entry] = {}
    room = _Room(task_root)
    for layer in layers:
        with closing(Archive(layer)) as archive:
            entries = archive.entries()
            room.expect(archive, sum(entry.size for entry in entries))
            for entry in entries:
                for placed in _place(tree, archive, entry):
                    take(placed, room.measured(archive, entry))
    return tree


class _Room:
    """How much may still be unpacked. What an archive says of its sizes is believed only when it is too much."""

    def __init__(self, task_root: str) -> None:
        self._task_root = task_root
        self._free = UNZIPPED_BYTES - size_of(task_root)

    def expect(self, archive: Archive, size: int) -> None:
        if size > self._free:
            raise archive.error(
                f"with it the function in {self._task_root} and its layers have more than {UNZIPPED_BYTES} bytes "
                "unzipped, and Lambda takes no more",
                "make one of them smaller",
            )

    def measured(self, archive: Archive, entry: Entry) -> Iterator[bytes]:
        if entry.kind is Kind.FILE:
            for piece in archive.content(entry):
                self.expect(archive, len(piece))
                self._free -= len(piece)
                yield piece


def size_of(folder: str) -> int:
    """The bytes of all files in *folder* and below; 0 if there is none."""
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(path, name)).st_size
            except OSError:
                continue
    return size


def _place(tree: dict[str, Entry], archive: Archive, entry: Entry) -> Iterator[Entry]:
    """Note *entry* in *tree*, after the folders above it that no archive names."""
    above = entry.path.split("/")[:-1]
    for depth in range(1, len(above) + 1):
        path = "/".join(above[:depth])
        parent = tree.setdefault(path, folder := Entry(path, Kind.FOLDER, 0o755))
        if parent.kind is not Kind.FOLDER:
            raise archive.error(f"{entry.path!a} is below {path!a}, which is no folder", "rename one of them")
        if parent is folder:
            yield folder
    before = tree.get(entry.path, entry)
    if (before.kind is Kind.FOLDER) != (entry.kind is Kind.FOLDER):
        raise archive.error(f"{entry.path!a} is both a folder and something else", "rename one of them")
    tree[entry.path] = entry
    yield entry


def _unpack(stage: str, entry: Entry, content: Iterator[bytes]) -> None:
    path = os.path.join(stage, entry.path)
    if entry.kind is Kind.FOLDER:
        os.makedirs(path, exist_ok=True)
        return
    if os.path.lexists(path):
        os.unlink(path)
    if entry.kind is Kind.LINK:
        os.symlink(entry.target, path)
        return
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.writelines(content)
        os.fchmod(file.fileno(), entry.mode)


def _check_destination(opt: str, tree: dict[str, Entry]) -> None:
    """What the image has there already must not stand in the way, or lead the layers elsewhere."""
    root = os.path.realpath(opt)
    for path, entry in tree.items():
        there = os.path.join(opt, path)
        if entry.kind is not Kind.FOLDER:
            if os.path.isdir(there) and not os.path.islink(there):
                raise LayerError(opt, f"{there} is a folder, and a file in a layer", "rename one of them")
        elif os.path.lexists(there):
            if not os.path.isdir(there):
                raise LayerError(opt, f"{there} is a folder in a layer, and none in the image", "rename one of them")
            if os.path.commonpath([root, os.path.realpath(there)]) != root:
                raise LayerError(opt, f"{there} leads out of {opt} in the image", "make it a folder")


def _move(tree: dict[str, Entry], stage: str, opt: str) -> None:
    new_folders = []
    for path, entry in tree.items():
        there = os.path.join(opt, path)
        if entry.kind is not Kind.FOLDER:
            os.replace(os.path.join(stage, path), there)
        elif not os.path.isdir(there):
            os.mkdir(there)
            new_folders.append((there, entry.mode))
    # At last, because a folder may be closed to its own writer.
    for there, mode in new_folders:
        os.chmod(there, mode)
