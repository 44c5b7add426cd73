"""What runtime.py and extension.py share: a connection to the runtime's port, and the steps that any process can go.

An actor goes through the words of its command line, one step after the other. A step is `verb` or `verb:argument`, and
prints one line, which begins with the actor's name. With `lives:FILE` as the first word, ` / ` between two words begins
the script of the next life: the process that is started anew after a reset goes on there, and the last script repeats.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import NamedTuple, NoReturn

STDOUT = 1

Step = Callable[[str], object]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def outcome(self) -> str:
        """`status 403 Extension.InvalidExtensionState`, or `status 202`."""
        error_type = ""
        if self.body.startswith(b"{"):
            error_type = json.loads(self.body).get("errorType", "")
        return f"status {self.status} {error_type}".rstrip()


class Connection:
    """One connection to the port, which lives as long as both sides keep it."""

    def __init__(self) -> None:
        host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._file = self._socket.makefile("rb")

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: runtime"]
        length = {} if "Transfer-Encoding" in headers else {"Content-Length": str(len(body))}
        lines += [f"{name}: {value}" for name, value in {**length, **headers}.items()]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    def send_chunk(self, piece: bytes) -> None:
        """One chunk of a body in chunks; an empty one is the last."""
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))

    def receive(self) -> Answer:
        status = int(self._file.readline().split()[1])
        headers = {}
        while line := self._file.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers, self._file.read(int(headers["content-length"])))

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Actor:
    """A process with a name that says what it does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connection: Connection | None = None

    def say(self, text: str) -> None:
        """One line, in one write: other actors may speak at the same time."""
        os.write(STDOUT, f"{self.name} {text}\n".encode())

    def call(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        if self.connection is None:
            self.connection = Connection()
        self.connection.send(method, path, headers or {}, body)
        return self.connection.receive()

    def perform(self, words: Sequence[str], steps: Mapping[str, Step]) -> None:
        steps = {**self._common_steps(), **steps}
        for word in _of_this_life(words):
            verb, _, argument = word.partition(":")
            steps[verb](argument)

    def _common_steps(self) -> dict[str, Step]:
        return {
            "print": self.say,
            "write": lambda text: os.write(STDOUT, text.encode()),
            "exit": lambda code: os._exit(int(code)),
            "kill": lambda name: os.kill(os.getpid(), signal.Signals[name]),
            "kill-group": lambda name: os.kill(0, signal.Signals[name]),
            "hold": self._hold,
            "pause": lambda _: _pause(),
            "on-sigterm": self._on_sigterm,
            "orphan": self._leave_orphan,
            "worker": self._start_worker,
            "busy": _be_busy,
            "later": self._leave_for_later,
            "environ": lambda _: self.say(f"environ {json.dumps(dict(os.environ))}"),
            "cwd": lambda _: self.say(f"cwd {os.getcwd()}"),
            "pid": lambda _: self.say(f"pid {os.getpid()}"),
        }

    def _hold(self, path: str) -> None:
        """Wait until somebody puts a byte into the FIFO *path*."""
        self.say("holds")
        with open(path, "rb", buffering=0) as gate:
            gate.read(1)

    def _on_sigterm(self, reaction: str) -> None:
        """`exit` with code 0, or `ignore` it; either way it is told."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.say("got SIGTERM")
            if reaction == "exit":
                os._exit(0)

        signal.signal(signal.SIGTERM, handle)

    def _leave_orphan(self, _: str) -> None:
        """A daemon: in a session of its own, child of nobody, deaf to SIGTERM, with our output open."""
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.write(write_end, str(os.getpid()).encode())
                _pause()
            os._exit(0)
        os.wait()
        self.say(f"orphan {os.read(read_end, 16).decode()}")

    def _start_worker(self, _: str) -> None:
        """A child of ours that keeps all that we have open, our connection too."""
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _pause()
        self.say(f"worker {pid}")

    def _leave_for_later(self, path: str) -> None:
        """A thread that goes on when somebody puts a byte into the FIFO *path*."""

        def go_on() -> None:
            with open(path, "rb", buffering=0) as gate:
                gate.read(1)
            self.say("goes on")

        threading.Thread(target=go_on, daemon=True).start()


def _be_busy(milliseconds: str) -> None:
    """Have something to do for so long, as a function or an extension has."""
    until = time.monotonic() + int(milliseconds) / 1000
    while time.monotonic() < until:
        pass


def _of_this_life(words: Sequence[str]) -> Sequence[str]:
    if not words or not words[0].startswith("lives:"):
        return words
    with open(words[0].removeprefix("lives:"), "ab") as file:
        life = file.tell()
        file.write(b".")
    scripts: list[list[str]] = [[]]
    for word in words[1:]:
        if word == "/":
            scripts.append([])
        else:
            scripts[-1].append(word)
    return scripts[min(life, len(scripts) - 1)]


def _pause() -> NoReturn:
    while True:
        signal.pause()


def script() -> list[str]:
    return sys.argv[1:]
