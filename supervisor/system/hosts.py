"""Owns the names `sandbox` and `sandbox.localdomain`, under which extensions listen and are called on Lambda.

Only the file of names is looked at; what a name server answers is not.
"""

import logging
from typing import Final

_log = logging.getLogger(__name__)

HOSTS_FILE: Final = "/etc/hosts"

_LOOPBACK: Final = "127.0.0.1"

_SANDBOX_NAMES: Final = ("sandbox.localdomain", "sandbox")
"""AWS: Telemetry API, "Destination" (`http://sandbox.localdomain:PORT`) and Logs API (`http://sandbox:PORT`)."""


def name_sandbox(path: str = HOSTS_FILE) -> None:
    """Have Lambda's names for the environment resolve to the loopback address.

    A name that the file has already is left alone. Where that is impossible a warning says what to do; the supervisor
    works on.

    Args:
        path: The file of host names.
    """
    content = _read(path)
    known = _addresses(content)
    for name in _SANDBOX_NAMES:
        if not _is_loopback(known.get(name, _LOOPBACK)):
            _log.warning("%s gives %s the address %s, where no extension listens.", path, name, known[name])
    missing = [name for name in _SANDBOX_NAMES if name not in known]
    if missing:
        _append(path, content, f"{_LOOPBACK}\t{' '.join(missing)}\n")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _addresses(content: str) -> dict[str, str]:
    """The names in the file; where one stands twice the first line wins, as for the C library."""
    known: dict[str, str] = {}
    for line in content.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            known.setdefault(name.lower(), address)
    return known


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _append(path: str, content: str, line: str) -> None:
    separator = "\n" if content and not content.endswith("\n") else ""
    try:
        # In place: in a container the file is a mount and cannot be replaced.
        with open(path, "a", encoding="utf-8") as file:
            file.write(separator + line)
    except OSError as error:
        _log.warning(
            "%s cannot be written (%s), so the names %s do not resolve and an extension that uses them fails. "
            "Give the container these names for %s (docker run --add-host, or hostAliases in Kubernetes).",
            path,
            error.strerror,
            " and ".join(_SANDBOX_NAMES),
            _LOOPBACK,
        )
