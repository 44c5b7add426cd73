"""The timeline of the whole program: as a stream, as a file, and as a page in a real browser."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration.browser import browser, missing
from integration.conftest import StartEnvironment
from integration.environments import Environment
from integration.gates import Gate

METRICS = 9464
EXTENSION = {"x": ["register:INVOKE,SHUTDOWN", "loop"]}


@contextmanager
def stream(environment: Environment) -> Iterator["Stream"]:
    with environment.port(METRICS).connect() as connection:
        connection.sendall(b"GET /timeline/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        yield Stream(connection)


class Stream:
    """What a browser reads."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = connection.makefile("rb")
        self.head = b"".join(iter(self._lines.readline, b"\r\n")).decode()
        self.rows: list[Any] = []

    def wait_for(self, name: str) -> list[Any]:
        """Read until the span or the mark *name* has come; everything that came so far."""
        while not any(row[2] == name for row in self.rows):
            line = self._lines.readline()
            assert line, self.rows
            if line.startswith(b"data: ") and b'"rows"' in line:
                self.rows += json.loads(line.removeprefix(b"data: "))["rows"]
        return self.rows


def test_a_stream_begins_with_what_was_and_goes_on(environment: StartEnvironment) -> None:
    env = environment(extensions=EXTENSION)
    env.wait_for("^runtime ready")
    with stream(env) as watched:
        assert "Content-Type: text/event-stream" in watched.head
        names = [row[2] for row in watched.wait_for("Extensions get ready")]
        assert names[:2] == ["Init", "Extension init"]
        env.invoke()
        watched.wait_for("Extensions after the runtime")

    assert {row[1] for row in watched.rows} == {"environment", "callers", "runtime", "extension x"}


def test_a_stream_ends_with_the_end(environment: StartEnvironment) -> None:
    env = environment(extensions=EXTENSION)
    env.invoke()
    with stream(env) as watched:
        env.signal(signal.SIGTERM)

        names = [row[2] for row in watched.wait_for("Ended")]
        assert {"Shutdown requested", "Shutdown", "SIGTERM", "SHUTDOWN", "Exit"} <= set(names)
    assert env.wait() == 0


def test_a_trace_is_whole_after_the_end(environment: StartEnvironment, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    env = environment(extensions=EXTENSION, options=["--trace", str(trace)])
    env.invoke()
    assert env.terminate() == 0

    events = json.loads(trace.read_text())
    begun = [event["name"] for event in events if event["ph"] == "B"]
    assert {"Init", "Invoke", "Shutdown", "INVOKE", "SHUTDOWN"} <= set(begun)
    assert len(begun) == sum(event["ph"] == "E" for event in events)


def test_a_trace_can_be_read_after_kill_9(environment: StartEnvironment, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    env = environment(options=["--trace", str(trace)])
    env.invoke()
    with stream(env) as watched:
        watched.wait_for("Extensions get ready")
        # Each turn of the stream takes a while, and what the file lacks is written meanwhile.
        while '"Invoke"' not in trace.read_text():
            os.sched_yield()
    os.kill(env.pid, signal.SIGKILL)
    env.wait()

    json.loads(trace.read_text() + "]")


def test_a_trace_that_cannot_be_written_is_one_line_and_exit_code_1(environment: StartEnvironment) -> None:
    env = environment(options=["--trace", "/missing/trace.json"], first_line="cannot write the trace")

    assert env.wait() == 1
    assert env.lines == [
        "supervisor: cannot write the trace /missing/trace.json: No such file or directory; "
        "--trace chooses another file"
    ]


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_the_page_shows_what_happens_while_it_happens(
    environment: StartEnvironment, gate: Gate, tmp_path: Path
) -> None:
    env = environment(["next", gate.step, "respond", "loop"], extensions=EXTENSION)
    with browser(tmp_path, env.run_inside, (1280, 900)) as window:
        window.open("http://127.0.0.1:9464/timeline")
        window.wait_until("$('state').textContent === 'live' && items.length")
        assert window.run("return document.querySelector('h1').textContent") == "test_function"
        answer = env.start_invoke()
        window.wait_until("$('facts').textContent.includes('phaseInvoke')")
        assert window.run("return lanes.get('runtime').open[0].what") == "Invocation"
        gate.let_through()
        assert answer.result().status == 200
        window.wait_until("$('facts').textContent.includes('phaseReady')")
        window.wait_until("$('rows').textContent.includes('Extensions after the runtime')")

        window.run("setLive(false); fit(); draw();")
        place = window.run("""
            const box = boxes.find(box => box.item.what === 'Invoke'), frame = canvas.getBoundingClientRect();
            return [frame.left + (box.left + box.right) / 2, frame.top + (box.top + box.bottom) / 2];""")
        window.point(*place, press=True)
        window.wait_until("$('chosen').textContent.includes('status') && $('chosen').textContent.includes('success')")
        window.click(".row")
        window.wait_until("!$('tip').hidden || !$('chosen').hidden")


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_the_page_fits_a_phone_and_needs_nothing_from_elsewhere(environment: StartEnvironment, tmp_path: Path) -> None:
    env = environment(extensions=EXTENSION)
    with browser(tmp_path, env.run_inside, (390, 844), is_phone=True) as window:
        window.open("http://127.0.0.1:9464/timeline")
        window.wait_until("items.length && !logDirty")

        assert window.run("return [innerWidth, document.documentElement.scrollWidth]") == [390, 390]
        loaded = window.run("return performance.getEntriesByType('resource').map(one => one.name)")
        assert [url for url in loaded if not url.startswith("data:")] == []
