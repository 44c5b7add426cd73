"""Who is measured, and how one of them is started: in namespaces of its own, on chosen CPUs, as PID 1."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from bench.programs import Programs
from integration.namespaces import Namespaces
from integration.processes import children_of, status_of, wait_until

CALLERS_PORT: Final = 8080

_AS_PID_1: Final = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--")
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that gives a function its environment.

    Args:
        name: How it is called in the results.
        command: What starts it; the runtime's command follows.
        environ: Environment variables, beside PATH.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)


class Load(NamedTuple):
    """What the load generator reports: seconds, and microseconds."""

    invocations: int
    seconds: float
    p50: float
    p90: float
    p99: float


class Memory(NamedTuple):
    """Resident memory in MB."""

    now: float
    peak: float


class Place:
    """Where one contestant runs, several times over if need be, with some number of extensions.

    Args:
        contestant: Who.
        programs: The runtime, the extension and the load.
        extensions: How many extensions it finds.
        cpus: The CPUs that everything runs on, as taskset takes them.
        folder: An empty folder.
    """

    def __init__(self, contestant: Contestant, programs: Programs, extensions: int, cpus: str, folder: Path) -> None:
        extension = programs.extension.read_bytes()
        image = {f"/opt/extensions/extension-{number}": extension for number in range(extensions)}
        self.contestant = contestant
        self._programs = programs
        self._on_cpus = ("taskset", "--cpu-list", cpus)
        self._namespaces = Namespaces(folder, image)

    def cold_start(self, runtime: Sequence[str] = ()) -> float:
        """Start it and invoke it once, in milliseconds; *runtime* is a command instead of the quickest runtime."""
        runtime = runtime or (str(self._programs.runtime),)
        words = [
            *self._on_cpus,
            *_AS_PID_1,
            str(self._programs.cold),
            str(CALLERS_PORT),
            *self.contestant.command,
            *runtime,
        ]
        return float(self._run(words))

    def start(self) -> "Running":
        """Start it with the quickest runtime, and wait until it is ready."""
        words = [*self._on_cpus, *_AS_PID_1, *self.contestant.command, str(self._programs.runtime)]
        process = self._namespaces.run(
            subprocess.Popen,
            words,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return Running(self, process)

    def load(self, clients: int, size: int, invocations: int, seconds: float) -> Load:
        """Let *clients* invoke, see `programs/load.c`."""
        words = (str(CALLERS_PORT), str(clients), str(size), str(invocations), str(seconds))
        return Load(**json.loads(self._run([*self._on_cpus, str(self._programs.load), *words])))

    def close(self) -> None:
        """Leave the namespaces."""
        self._namespaces.close()

    @property
    def _environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **self.contestant.environ}

    def _run(self, words: Sequence[str]) -> str:
        done = self._namespaces.run(
            subprocess.run, words, env=self._environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{self.contestant.name} failed: {words}")
        return str(done.stdout)


class Running:
    """A contestant that has been started."""

    def __init__(self, place: Place, process: "subprocess.Popen[bytes]") -> None:
        self._place = place
        self._process = process
        self.load(1, 16, invocations=50)
        (self._pid,) = children_of(process.pid)

    def load(self, clients: int, size: int, *, invocations: int = 0, seconds: float = 0.0) -> Load:
        """Let *clients* invoke with payloads of *size* bytes, so often or for so long."""
        return self._place.load(clients, size, invocations, seconds)

    def cpu_seconds(self) -> float:
        """What the contestant itself, without its children, has used so far."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND

    def memory(self) -> Memory:
        """What the contestant itself has resident."""
        status = status_of(self._pid)
        return Memory(*(int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")))

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it and everything that it started, by the signal *number*."""
        os.kill(self._pid, number)
        self._process.wait()
        wait_until(lambda: not Path(f"/proc/{self._pid}").exists(), lambda: f"{self._place.contestant.name} stays")


def all_cpus() -> str:
    """Every CPU that this process may use, as taskset takes them."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


@contextmanager
def places(
    contestants: Sequence[Contestant], programs: Programs, extensions: int, cpus: str
) -> Iterator[dict[str, Place]]:
    """A place for each of *contestants*, by its name."""
    with TemporaryDirectory() as folder:
        opened: dict[str, Place] = {}
        try:
            for contestant in contestants:
                own = Path(folder) / contestant.name
                own.mkdir()
                opened[contestant.name] = Place(contestant, programs, extensions, cpus, own)
            yield opened
        finally:
            for place in opened.values():
                place.close()
