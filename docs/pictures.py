"""Takes the pictures in docs/images: environments that really run, and their timelines in a real Chromium.

    .venv/bin/python -m docs.pictures [FOLDER]

It needs root, for the namespaces, and chromium with its driver.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from integration.browser import Browser, browser
from integration.environments import Environment, Setup
from integration.namespaces import Namespaces

IMAGES: Final = Path(__file__).parent / "images"

DESKTOP: Final = (1280, 940)
PHONE: Final = (390, 844)

REGISTER: Final = "register:INVOKE,SHUTDOWN"


class Picture(NamedTuple):
    """One environment, and what happens to it before its picture is taken.

    Args:
        name: Of the file, without what makes it a file of pictures.
        setup: What is started.
        invocations: How many there are, one after the other.
        chosen: The span whose details are shown, the last one with this name.
        is_phone: Whether it is seen on a phone.
        is_dark: Whether in dark colours.
    """

    name: str
    setup: Setup
    invocations: int
    chosen: str
    is_phone: bool = False
    is_dark: bool = False


def serving(*busy: int) -> Sequence[str]:
    """The steps of a runtime whose invocations take so many milliseconds each."""
    return [step for milliseconds in busy for step in ("next", f"busy:{milliseconds}", "respond")] + ["loop"]


def watching(*busy: int) -> Sequence[str]:
    """The steps of an extension that is busy for so many milliseconds after each event."""
    return [step for milliseconds in busy for step in ("next", f"busy:{milliseconds}")] + ["loop"]


NORMAL: Final = Setup(
    runtime=["busy:90", *serving(60, 35, 50)],
    extensions={
        "metrics": [REGISTER, "busy:60", *watching(20, 15, 25)],
        "traces": [REGISTER, "busy:20", *watching(110, 90, 120)],
    },
)
SLOW: Final = Setup(
    runtime=serving(40, 40, 40),
    extensions={
        "logs": [REGISTER, *watching(15, 15, 15)],
        "profiler": [REGISTER, *watching(480, 520, 450)],
    },
    options=["--no-freeze"],
)
TIMEOUT: Final = Setup(
    runtime=["next", "busy:60", "respond", "next", "pause", "/", *serving(50)],
    extensions={"telemetry": [REGISTER, *("next", "busy:30") * 2, "next", "exit:0", "/", REGISTER, *watching(30)]},
    environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "2"},
    options=["--no-freeze"],
)

PICTURES: Final = (
    Picture("timeline-normal", NORMAL, 3, "Extensions after the runtime"),
    Picture("timeline-phone", NORMAL, 3, "Invoke", is_phone=True, is_dark=True),
    Picture("timeline-slow-extension", SLOW, 3, "INVOKE"),
    Picture("timeline-timeout", TIMEOUT, 3, "Reset", is_dark=True),
)


def take(picture: Picture, folder: Path, images: Path) -> None:
    """Run the environment of *picture*, and save what its timeline looks like."""
    namespaces = Namespaces(folder, {})
    size = PHONE if picture.is_phone else DESKTOP
    # The window is open before the environment begins, so that its first invocation follows at once.
    with browser(folder, namespaces.run, size, is_phone=picture.is_phone) as window:
        if picture.is_dark:
            window.be_dark()
        environment = Environment(namespaces, folder, picture.setup)
        environment.wait_until_started()
        window.open("http://127.0.0.1:9464/timeline")
        window.wait_until("items.length")
        invoke(environment, picture.invocations)
        window.wait_until(f"$('facts').textContent.includes('invocations{picture.invocations}')")
        window.wait_until("$('facts').textContent.includes('phaseReady')")
        show(window, picture.chosen)
        window.take_picture(images / f"{picture.name}.png")
    environment.close()
    namespaces.close()


def invoke(environment: Environment, times: int) -> None:
    """Invoke the function so often, each time when the last invocation is over."""
    for number in range(1, times + 1):
        environment.invoke(json.dumps({"order": number}).encode())
        environment.wait_for("^REPORT", number)


def show(window: Browser, chosen: str) -> None:
    """Show everything, and the details of one span."""
    window.run(
        "setLive(false); fit(); choose(items.findLast(item => item.what === arguments[0] && !item.mark)); draw();",
        chosen,
    )
    window.wait_until("!dirty && !logDirty")


def main() -> None:
    """Take every picture."""
    images = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    images.mkdir(exist_ok=True)
    for picture in PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            take(picture, Path(folder), images)
        print(images / f"{picture.name}.png")


if __name__ == "__main__":
    main()
