"""`supervisor check`: finds what would keep an image from starting, without running anything of it.

What is wrong with a program file is `program_file`'s matter, what with a layer `layers`'.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from supervisor.errors import LayerError, UsageError
from supervisor.lifecycle.limits import MAX_EXTENSIONS
from supervisor.program_file import HEAD_BYTES, Host, ProgramFile, find_flaw, machine_of
from supervisor.runtime_command import TASK_ROOT, Image, runtime_command
from supervisor.system.archives import Entry, Kind
from supervisor.system.files import BOOTSTRAPS, EXTENSIONS_FOLDER, OFF_SWITCH, OPT, extensions_in, find_layers
from supervisor.system.layers import read_layers
from supervisor.system.program_files import ImageFiles

USAGE: Final = """\
Usage: supervisor check [ROOT] [COMMAND ...]

Says what would keep the image whose files are in ROOT (default /) from starting: extensions, layers, the runtime.
COMMAND is what the container would be given; without it the image has to have a bootstrap.
One line for each finding, and exit code 1; 0 when there is none."""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/opt/bin"
"""Where programs are looked for in somebody else's image (AWS: Lambda environment variables, `PATH`)."""

_NATIVE_PROGRAMS: Final = ("/bin/sh", "/usr/bin/env", "/bin/busybox", "/var/lang/bin/python3", "/opt/supervisor")
"""Which processor an image is for, one of these tells."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what, and what helps."""

    path: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}; {self.remedy}"


def main(words: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Check what *words* name; the exit code, and what to say on standard output.

    Raises:
        UsageError: There is no such folder.
    """
    if words[:1] and words[0] in ("-h", "--help"):
        return os.EX_OK, USAGE
    root = os.path.realpath(words[0] if words else "/")
    if not os.path.isdir(root):
        raise UsageError(f"check: {words[0]!a} is no folder; name the one that holds the image's files")
    findings = check(root, words[1:], environ.get("PATH", _PATH) if root == "/" else _PATH)
    if findings:
        return 1, "\n".join(map(str, findings))
    return os.EX_OK, "Nothing was found that would keep this image from starting."


def check(root: str, command: Sequence[str] = (), path: str = _PATH) -> list[Finding]:
    """What would keep an image from starting.

    Args:
        root: The folder with its files.
        command: What its container would be given.
        path: The search path in it.
    """
    return list(_Check(root, path.split(os.pathsep)).findings(command))


class _Check:
    def __init__(self, root: str, folders: Sequence[str]) -> None:
        self._root = root
        self._files = ImageFiles(root)
        self._folders = folders
        self._host = Host(self._find_machine(), self._has_program)
        # By path in the image; a link is None, because where it leads is not looked at.
        self._from_layers: dict[str, ProgramFile | None] = {}

    def findings(self, command: Sequence[str]) -> Iterator[Finding]:
        yield from self._of_layers()
        yield from self._of_extensions()
        yield from self._of_runtime(command)

    def _find_machine(self) -> str:
        for path in _NATIVE_PROGRAMS:
            if self._files.is_program(path) and (machine := machine_of(self._files.head(path))):
                return machine
        return os.uname().machine

    def _of_layers(self) -> Iterator[Finding]:
        layers = find_layers([], self._files.place(OPT))
        try:
            read_layers(layers, self._files.place(TASK_ROOT), self._keep)
        except LayerError as error:
            yield Finding(f"{OPT}/{os.path.basename(error.layer)}", error.reason, error.remedy)

    def _keep(self, entry: Entry, content: Iterator[bytes]) -> None:
        head = b""
        for piece in content:
            head = head or piece[:HEAD_BYTES]
        if entry.kind is not Kind.FOLDER:
            file = ProgramFile(head, entry.mode) if entry.kind is Kind.FILE else None
            self._from_layers[f"{OPT}/{entry.path}"] = file

    def _of_extensions(self) -> Iterator[Finding]:
        if os.path.lexists(self._files.place(OFF_SWITCH)):
            yield Finding(OFF_SWITCH, "switches all extensions off", "remove it")
            return
        paths = [f"{EXTENSIONS_FOLDER}/{os.path.basename(path)}" for path in self._extensions_of_image()]
        brought = [path for path in self._from_layers if os.path.dirname(path) == EXTENSIONS_FOLDER]
        paths = sorted({*paths, *brought})
        if len(paths) > MAX_EXTENSIONS:
            reason = f"holds {len(paths)} extensions, and Lambda starts {MAX_EXTENSIONS}"
            yield Finding(EXTENSIONS_FOLDER, reason, "remove what is not needed")
        for path in paths:
            yield from self._of_program(path)

    def _extensions_of_image(self) -> list[str]:
        return extensions_in(self._files.place(EXTENSIONS_FOLDER))

    def _of_runtime(self, words: Sequence[str]) -> Iterator[Finding]:
        image = Image("/", self._files.is_program, self._find_bootstrap)
        command = runtime_command(words, {"PATH": os.pathsep.join(self._folders)}, image)
        if not command.argv:
            yield Finding(
                BOOTSTRAPS[0],
                f"is no bootstrap, and neither is {' or '.join(BOOTSTRAPS[1:])}",
                "add one, or name the container's command after ROOT",
            )
        elif "/" in command.argv[0]:
            yield from self._of_program(os.path.join("/", command.argv[0]))

    def _find_bootstrap(self) -> str | None:
        there = (path for path in BOOTSTRAPS if path in self._from_layers or self._is_no_folder(path))
        return next(there, None)

    def _is_no_folder(self, path: str) -> bool:
        place = self._files.place(path)
        return os.path.exists(place) and not os.path.isdir(place)

    def _of_program(self, path: str) -> Iterator[Finding]:
        if path not in self._from_layers:
            flaw = self._files.flaw(path, self._host)
        else:
            file = self._from_layers[path]
            flaw = find_flaw(file, self._host) if file is not None else None
        if flaw is not None:
            yield Finding(path, f"it {flaw.reason}", flaw.remedy)

    def _has_program(self, name: str) -> bool:
        brought = (name, *(f"{folder}/{name}" for folder in self._folders))
        return any(path in self._from_layers for path in brought) or self._files.has_program(name, self._folders)
