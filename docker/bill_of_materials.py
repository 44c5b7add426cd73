"""Prints what the one file is made of, as SPDX 2.3: a scanner that looks into it finds no package there.

It is read from what the build is pinned to, in `steps/`; the licenses are for the reader to look up.
"""

import json
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

STEPS: Final = Path(__file__).parent / "steps"
PACKAGE: Final = Path(__file__).parents[1] / "supervisor" / "__init__.py"

FETCHED: Final = re.compile(r"^fetch \S+ (\S+) (\S+) ([0-9a-f]{64})$", re.MULTILINE)
PINNED: Final = re.compile(r"^([\w.-]+)==(\S+)((?: +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)
VERSION: Final = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)

ROOT: Final = "SPDXRef-supervisor"


class Part(NamedTuple):
    """One thing that is linked or frozen in.

    Args:
        url: Its package URL.
        checksums: SHA-256 of what the build may fetch; of a source of Debian's that is the .dsc.
    """

    name: str
    version: str
    url: str
    checksums: list[str]


def parts() -> Iterator[Part]:
    """Everything that is not the supervisor's own."""
    for name, version, checksum in FETCHED.findall((STEPS / "fetch-sources").read_text()):
        yield Part(name, version, f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch=source", [checksum])
    for file in ("packages.txt", "tools.txt"):
        for name, version, hashes in PINNED.findall((STEPS / file).read_text().replace("\\\n   ", "")):
            canonical = name.lower().replace("_", "-")
            yield Part(canonical, version, f"pkg:pypi/{canonical}@{version}", re.findall("[0-9a-f]{64}", hashes))


def described(part: Part) -> dict[str, Any]:
    """A part as SPDX has it."""
    return {
        "SPDXID": f"SPDXRef-{part.name}",
        "name": part.name,
        "versionInfo": part.version,
        "downloadLocation": "NOASSERTION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": checksum} for checksum in part.checksums],
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": part.url}
        ],
    }


def document() -> dict[str, Any]:
    """The whole bill."""
    found = VERSION.search(PACKAGE.read_text())
    version = found[1] if found else "NOASSERTION"
    packages = [described(part) for part in parts()]
    root = {"SPDXID": ROOT, "name": "supervisor", "versionInfo": version, "downloadLocation": "NOASSERTION"}
    contains = [("SPDXRef-DOCUMENT", "DESCRIBES", ROOT)]
    contains += [(ROOT, "CONTAINS", package["SPDXID"]) for package in packages]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"supervisor-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/supervisor-{version}-{uuid.uuid4()}",
        "creationInfo": {
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: bill_of_materials.py"],
        },
        "packages": [root, *packages],
        "relationships": [
            {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}
            for element, kind, related in contains
        ],
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
