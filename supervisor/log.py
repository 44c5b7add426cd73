"""The log of one environment: what everybody wrote, shown at once, kept for the tail, told to those who subscribed.

What a line of the platform says is not known here.
"""

from collections.abc import Callable

from supervisor.system.clock import Clock
from supervisor.system.console import Console
from supervisor.system.output import LineSplitter, Pipe
from supervisor.system.reactor import Reactor
from supervisor.telemetry.frames import Frame, FrameParser
from supervisor.telemetry.hub import Telemetry
from supervisor.telemetry.subscription import Category
from supervisor.telemetry.tail import LogTail


class Log:
    """Takes what the processes write, and the platform's lines.

    Args:
        stdout: Where standard output appears, and the platform's lines.
        stderr: Where standard error appears.
        telemetry: Who is told.
        pipes: Where the pipes are watched, and nothing else.
        prefixed: Every line begins with its source in brackets.

    Attributes:
        pipes: The same.
        tail: The end of the log, for the callers who want it.
    """

    def __init__(
        self, stdout: Console, stderr: Console, telemetry: Telemetry, pipes: Reactor, *, prefixed: bool = False
    ) -> None:
        self.pipes = pipes
        self.tail = LogTail()
        self._stdout = stdout
        self._stderr = stderr
        self._telemetry = telemetry
        self._prefixed = prefixed
        self._clock = Clock()

    def open_pipes(self, category: Category, source: str) -> tuple[Pipe[bytes], Pipe[bytes]]:
        """Pipes for the standard output and the standard error of *source*, each of which is split into lines."""
        show = self._lines_of(category, self._prefix(source))
        consoles = self._stdout, self._stderr
        out, err = (console.open_pipe(self.pipes, LineSplitter(), show) for console in consoles)
        return out, err

    def open_frames(self, source: str) -> Pipe[Frame]:
        """A pipe for the framed log of the runtime, where one frame is one event whatever lines it has."""
        return self._stdout.open_pipe(self.pipes, FrameParser(), self._frames_of(self._prefix(source)))

    def write(self, line: str, *, in_tail: bool = True) -> None:
        """Write a line of the platform, which subscribers get in a form of its own."""
        # The name of an extension may be any bytes, as a file's may.
        lines = [line.encode("utf-8", "surrogateescape")]
        if in_tail:
            self.tail.add(lines)
        if self._prefixed:
            prefix = self._prefix("platform")
            lines = [prefix + part for part in lines[0].splitlines(keepends=True)]
        self._stdout.write(lines)

    def end_of_process(self) -> None:
        """A process has ended: subscribers wait no longer for what it wrote (AWS: Telemetry API, "Buffering")."""
        self._telemetry.flush()

    def _prefix(self, source: str) -> bytes:
        return f"[{source}] ".encode(errors="surrogateescape") if self._prefixed else b""

    def _lines_of(self, category: Category, prefix: bytes) -> Callable[[list[bytes]], list[bytes]]:
        telemetry, tail, now = self._telemetry, self.tail, self._clock.now

        def show(lines: list[bytes]) -> list[bytes]:
            tail.add(lines)
            if telemetry.is_listening:
                telemetry.tell_lines(category, lines, now())
            return [prefix + line for line in lines] if prefix else lines

        return show

    def _frames_of(self, prefix: bytes) -> Callable[[list[Frame]], list[bytes]]:
        telemetry, tail, now = self._telemetry, self.tail, self._clock.now

        def show(frames: list[Frame]) -> list[bytes]:
            lines = [prefix + _line(frame.message) for frame in frames if frame.message]
            tail.add(lines)
            if telemetry.is_listening:
                telemetry.tell_frames(frames, now())
            return lines

        return show


def _line(message: bytes) -> bytes:
    return message if message.endswith(b"\n") else message + b"\n"
