"""One file in every image: whatever C library is in there, or none, and whatever the container may not do."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from integration.containers.base_images import BOOKWORM, BULLSEYE, MUSL, TRIXIE, BaseImage
from integration.containers.conftest import StartContainer
from integration.containers.images import MakeImage, with_extensions

CONFINED = ("--read-only", "--user=12345:12345", "--cap-drop=ALL", "--security-opt=no-new-privileges")

MEMORY = {"amd64": "--memory=64m", "arm64": "--memory=512m"}
"""An emulator has to live on it too."""

EXTENSION = Path(__file__).parent / "peers" / "extension"

in_every_image = pytest.mark.parametrize(
    ("base", "arch", "shell"),
    [
        pytest.param(None, "amd64", (), id="scratch amd64"),
        pytest.param(MUSL, "amd64", (), id="musl amd64"),
        pytest.param(BULLSEYE, "amd64", ("/bin/sh",), id="bullseye amd64"),
        pytest.param(BOOKWORM, "amd64", ("/bin/sh",), id="bookworm amd64"),
        pytest.param(TRIXIE, "amd64", ("/bin/sh",), id="trixie amd64"),
        pytest.param(None, "arm64", (), id="scratch arm64"),
        pytest.param(BOOKWORM, "arm64", ("/bin/sh",), id="bookworm arm64"),
    ],
)


@in_every_image
@pytest.mark.parametrize("confined", [False, True], ids=["as it is", "confined"])
def test_a_whole_life(
    image: MakeImage,
    container: StartContainer,
    tmp_path: Path,
    base: BaseImage | None,
    arch: str,
    shell: Sequence[str],
    confined: bool,
) -> None:
    extension = with_extensions(tmp_path, ext=EXTENSION.read_text())
    options = [*CONFINED, MEMORY[arch]] if confined else []
    subject = container(
        image(base, arch), [*shell, "/peers/runtime"], [f"--platform=linux/{arch}", *options, extension]
    )

    answers = [subject.invoke(payload).body for payload in (b'{"first": 1}', b'"second"')]

    assert answers == [b'{"first": 1}', b'"second"']
    assert subject.stop() == 0
    subject.wait_for('^ext got .*"INVOKE"', 2)
    subject.wait_for('^ext got .*"SHUTDOWN".*"spindown"')
    assert not subject.state()["OOMKilled"]
