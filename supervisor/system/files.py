"""Owns the look into the image's folders: which layers and extensions lie there, which bootstrap.

Whether a file can be executed is seen when it is.
"""

import logging
import os
from collections.abc import Collection, Sequence
from typing import Final

_log = logging.getLogger(__name__)

OPT: Final = "/opt"
"""Where the contents of the layers are (AWS: Packaging layers, "Layer paths for each Lambda runtime")."""

EXTENSIONS_FOLDER: Final = "/opt/extensions"
"""AWS: Using Lambda extensions, "Extensions in container images"."""

BOOTSTRAPS: Final = ("/var/task/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap")
"""Where the runtime's program is looked for, in this order (RIE 1.170 `getBootstrap`)."""


OFF_SWITCH: Final = "/opt/disable-extensions-jwigqn8j"
"""Where this file exists there are no extensions, and no API for them (RIE 1.170 `extensions.go`)."""


def find_layers(given: Sequence[str], opt: str = OPT) -> list[str]:
    """The zip archives in the order of their extraction: those in *opt*, sorted by name, then those *given*."""
    try:
        with os.scandir(opt) as entries:
            found = sorted(entry.path for entry in entries if entry.name.endswith(".zip") and entry.is_file())
    except OSError:
        found = []
    return [path for path in found if path not in given] + list(given)


def extensions_disabled(off_switch: str = OFF_SWITCH) -> bool:
    """Whether the image has switched all extensions off."""
    return os.path.exists(off_switch)


def extensions_in(folder: str = EXTENSIONS_FOLDER, *, without: Collection[str] = ()) -> list[str]:
    """The paths of all external extensions, sorted by name: every entry that is no folder, executable or not.

    Those whose names are in *without* are passed over; a warning names what is not there to be passed over.

    A link counts as a file wherever it leads (RIE 1.170 `ListExternalAgentPaths`). Without the folder there are no
    extensions; if it cannot be read there are none either, and a warning says so.
    """
    try:
        with os.scandir(folder) as entries:
            paths = {entry.name: entry.path for entry in entries if not entry.is_dir(follow_symlinks=False)}
    except FileNotFoundError:
        return []
    except OSError as error:
        _log.warning("No extension is started: %s cannot be read (%s).", folder, error.strerror)
        return []
    if missing := [name for name in without if paths.pop(name, None) is None]:
        _log.warning("Not launched, but not in %s either: %s", folder, ", ".join(missing))
    return sorted(paths.values())


def find_bootstrap(candidates: Sequence[str] = BOOTSTRAPS) -> str | None:
    """The first of *candidates* that is, or leads to, something else than a folder (RIE 1.170 `getBootstrap`)."""
    for path in candidates:
        if os.path.exists(path) and not os.path.isdir(path):
            return path
    return None
