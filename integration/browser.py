"""A real Chromium, driven by the protocol of its own driver (W3C: WebDriver), with nothing between but HTTP."""

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

CHROMIUM: Final = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER: Final = shutil.which("chromedriver")

_PATIENCE: Final = 60
_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"
"""The name of a reference to an element (W3C: WebDriver, "Elements")."""

_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)

Call = Callable[..., Any]
"""Calls a function where the browser is."""


def missing() -> str:
    """What is not installed, for whoever reads why a test is skipped; empty when everything is."""
    absent = [name for name, path in (("chromium", CHROMIUM), ("chromedriver", DRIVER)) if path is None]
    return f"there is no {' and no '.join(absent)} here: apt-get install chromium chromium-driver" if absent else ""


class Browser:
    """One window.

    Args:
        port: Of the driver.
        call: Calls a function where that port is.
        options: What the browser is started with.
    """

    def __init__(self, port: str, call: Call, options: dict[str, object]) -> None:
        self._base = f"http://127.0.0.1:{port}/session"
        self._call = call
        session = self._ask("POST", "", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self._base += f"/{session['sessionId']}"

    def open(self, url: str) -> None:
        """Show the page at *url*."""
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """What the JavaScript function with this body returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": arguments})

    def wait_until(self, expression: str) -> None:
        """Wait until the JavaScript *expression* is true."""
        script = f"""
            const done = arguments[0], look = () => {{ ({expression}) ? done(true) : requestAnimationFrame(look); }};
            look();"""
        assert self._ask("POST", "/execute/async", {"script": script, "args": ()}), expression

    def click(self, selector: str) -> None:
        """Click on what *selector* finds first."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{found[_ELEMENT]}/click", {})

    def point(self, x: float, y: float, *, press: bool = False) -> None:
        """Move the mouse to a place of the window, and press its button there."""
        actions: list[dict[str, object]] = [{"type": "pointerMove", "x": round(x), "y": round(y)}]
        if press:
            actions += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def be_dark(self) -> None:
        """Prefer dark colours."""
        features = [{"name": "prefers-color-scheme", "value": "dark"}]
        command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}}
        self._ask("POST", "/goog/cdp/execute", command)

    def take_picture(self, path: Path) -> None:
        """Save what is seen as a PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def close(self) -> None:
        """End the browser."""
        self._ask("DELETE", "")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)

        def send() -> bytes:
            try:
                with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
                    return bytes(response.read())
            except urllib.error.HTTPError as error:
                raise AssertionError(error.read().decode()) from None

        return json.loads(self._call(send))["value"]


@contextmanager
def browser(folder: Path, call: Call, size: tuple[int, int], *, is_phone: bool = False) -> Iterator[Browser]:
    """A window of *size*, in the namespaces in which *call* calls; its files are in *folder*."""
    assert DRIVER is not None, missing()
    width, height = size
    options: dict[str, object] = {
        "binary": CHROMIUM,
        "args": [*_FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"],
    }
    if is_phone:
        metrics = {"width": width, "height": height, "pixelRatio": 2, "touch": True, "mobile": True}
        options["mobileEmulation"] = {"deviceMetrics": metrics}
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    driver = call(subprocess.Popen, [DRIVER, "--port=0"], stdout=subprocess.PIPE, env=environ, text=True)
    try:
        line = next(line for line in driver.stdout if "successfully on port" in line)
        window = Browser(re.findall(r"port (\d+)", line)[0], call, options)
        try:
            yield window
        finally:
            window.close()
    finally:
        driver.terminate()
        driver.communicate()
