"""The processes of one environment: the runtime and the external extensions, from their launch to their exit.

When a process is started or stopped is the lifecycle's decision; an exit becomes its event here.
"""

import errno
import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from supervisor.errors import Fault
from supervisor.lifecycle.events import (
    Event,
    ExtensionExited,
    ExtensionLaunchFailed,
    RuntimeExited,
    RuntimeLaunchFailed,
)
from supervisor.lifecycle.exits import ExitStatus
from supervisor.log import Log
from supervisor.system.cgroups import OomKills
from supervisor.system.children import Child, Outputs, disinherit, launch
from supervisor.system.files import BOOTSTRAPS
from supervisor.system.freezer import Freezer
from supervisor.system.launch_errors import WorkingDirectoryError, launch_error_text, missing_bootstrap_text
from supervisor.system.memory import Memory
from supervisor.system.output import Pipe
from supervisor.system.reaper import kill_descendants
from supervisor.telemetry.frames import Frame
from supervisor.telemetry.subscription import Category

if TYPE_CHECKING:
    from supervisor.system.confinement import Confinement

Dispatch = Callable[[Event], None]

LOG_FD_VARIABLE: Final = "_LAMBDA_TELEMETRY_LOG_FD"
"""The descriptor for the framed log of the runtime's client (awslambdaric and those of Node.js, Java, Ruby, .NET)."""

_log = logging.getLogger(__name__)

_NOT_STARTED: Final = (126, 127)
"""With these a shell or env(1) ends that cannot execute its program, or finds none (POSIX: Shell, 2.8.2)."""

_RUNTIME: Final = ""
"""The runtime's place among the names of the extensions, none of which is empty."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What is to be started, and with what.

    Args:
        runtime: The runtime's command, empty when no bootstrap was found.
        runtime_environ: The runtime's environment variables.
        extensions_dir: The folder of the external extensions.
        extension_environ: The extensions' environment variables.
        working_directory: Where all of them start.
        confinement: What all of them are confined to.
    """

    runtime: tuple[str, ...]
    runtime_environ: Mapping[str, str]
    extensions_dir: str
    extension_environ: Mapping[str, str]
    working_directory: str
    confinement: "Confinement | None" = None


class Processes:
    """Starts, signals and forgets processes; knows which pid is whose.

    Args:
        commands: What is started.
        log: Where its output goes.
        memory: Is told what each of them needed.
        oom_kills: Knows when the kernel kills for want of memory.
    """

    def __init__(self, commands: Commands, log: Log, memory: Memory, oom_kills: OomKills) -> None:
        disinherit()
        self._commands = commands
        self._log = log
        self._memory = memory
        confinement = commands.confinement
        self._freezer = Freezer(os.getpid(), confinement.freezer if confinement is not None else "")
        self._oom_kills = oom_kills
        self._children: dict[str, Child] = {}
        self._names: dict[int, str] = {}
        self._pipes: dict[int, Pipe[bytes] | Pipe[Frame]] = {}

    def launch_runtime(self, dispatch: Dispatch) -> None:
        """Start the runtime; a failure is dispatched."""
        commands = self._commands
        if not commands.runtime:
            text = missing_bootstrap_text(BOOTSTRAPS)
            dispatch(RuntimeLaunchFailed(Fault.RUNTIME_INVALID_ENTRYPOINT, text))
            return
        try:
            self._launch_runtime(commands.runtime, commands.runtime_environ)
        except WorkingDirectoryError as error:
            dispatch(RuntimeLaunchFailed(Fault.RUNTIME_INVALID_WORKING_DIR, launch_error_text(error)))
        except OSError as error:
            self._explain(_RUNTIME, error)
            dispatch(RuntimeLaunchFailed(Fault.RUNTIME_INVALID_ENTRYPOINT, launch_error_text(error)))

    def launch_extension(self, name: str, dispatch: Dispatch) -> None:
        """Start the external extension *name*; a failure is dispatched."""
        path = os.path.join(self._commands.extensions_dir, name)
        try:
            out, err = self._open_pipes(Category.EXTENSION, f"extension {name}")
            self._launch(name, (path,), self._commands.extension_environ, Outputs(out.child_end, err.child_end))
        except OSError as error:
            self._explain(name, error)
            kind = "PermissionDenied" if error.errno == errno.EACCES else "UnknownError"
            dispatch(ExtensionLaunchFailed(name, kind, launch_error_text(error)))

    def _launch_runtime(self, argv: tuple[str, ...], environ: Mapping[str, str]) -> None:
        out, err = self._open_pipes(Category.FUNCTION, "function")
        frames = self._log.open_frames("function")
        self._pipes[frames.fileno()] = frames
        environ = {**environ, LOG_FD_VARIABLE: str(frames.child_end)}
        self._launch(_RUNTIME, argv, environ, Outputs(out.child_end, err.child_end, frames.child_end))

    def _open_pipes(self, category: Category, source: str) -> tuple[Pipe[bytes], Pipe[bytes]]:
        pipes = self._log.open_pipes(category, source)
        self._pipes.update((pipe.fileno(), pipe) for pipe in pipes)
        return pipes

    def _launch(self, name: str, argv: tuple[str, ...], environ: Mapping[str, str], outputs: Outputs) -> None:
        child = launch(argv, environ, self._commands.working_directory, outputs, self._commands.confinement)
        self._children[name] = child
        self._names[child.pid] = name

    def living(self) -> dict[str, int]:
        """The pids of those whose end was not seen yet, by the name of the extension; the runtime's name is empty."""
        return {name: pid for pid, name in self._names.items()}

    def terminate_runtime(self) -> None:
        """SIGTERM to the runtime's process group."""
        self._signal(_RUNTIME, signal.SIGTERM)

    def kill_runtime(self) -> None:
        """SIGKILL to the runtime's process group."""
        self._signal(_RUNTIME, signal.SIGKILL)

    def kill_extension(self, name: str) -> None:
        """SIGKILL to the process group of an extension."""
        self._signal(name, signal.SIGKILL)

    def killer(self, name: str) -> Callable[[], None]:
        """What sends SIGKILL to the process group of an extension, later, if that is still the same process."""
        child = self._children.get(name)

        def kill() -> None:
            if child is not None and self._names.get(child.pid) == name:
                child.signal_group(signal.SIGKILL)

        return kill

    def _signal(self, name: str, number: signal.Signals) -> None:
        if child := self._children.get(name):
            child.signal_group(number)

    def freeze(self) -> None:
        """Stop every process where it stands."""
        self._freezer.freeze([child.pid for child in self._children.values()])

    def thaw(self) -> None:
        """Let every process run on."""
        self._freezer.thaw()

    def exited(self, pid: int, status: ExitStatus, peak: int, dispatch: Dispatch) -> None:
        """The reaper saw an exit; what the process wrote comes before what its exit causes. Orphans cause nothing."""
        self._memory.exited(peak)
        if status.signal == signal.SIGKILL and self._oom_kills.happened():
            status = replace(status, out_of_memory=True)
        name = self._names.pop(pid, None)
        if name is None:
            return
        self.drain_output()
        self._log.end_of_process()
        if status.out_of_memory:
            _log.warning("The kernel killed %s for want of memory.", f"the extension {name}" if name else "the runtime")
        if status.code in _NOT_STARTED:
            self._explain(name)
        dispatch(ExtensionExited(name, status) if name else RuntimeExited(status))

    def _explain(self, name: str, error: OSError | None = None) -> None:
        """Tell a person why the program of *name* does not start, if its file shows it; Lambda's own text does not."""
        from supervisor.system.program_files import why_not_started

        commands = self._commands
        if name:
            subject, path = f"the extension {name}", os.path.join(commands.extensions_dir, name)
            environ = commands.extension_environ
        else:
            subject, path, environ = "the runtime", commands.runtime[0], commands.runtime_environ
        if error is not None:
            path = os.fsdecode(error.filename)
        if "/" not in path:
            return
        path = os.path.join(commands.working_directory, path)
        if reason := why_not_started(path, environ, error):
            _log.warning("%s (%s) cannot be started: %s.", subject[0].upper() + subject[1:], path, reason)

    def drain_output(self) -> None:
        """Forward everything that has been written so far."""
        for fd in self._log.pipes.ready():
            self._pipes[fd].drain()

    def clear(self) -> None:
        """Kill whatever is left, forward the last of its output, and forget it all."""
        for child in self._children.values():
            child.signal_group(signal.SIGKILL)
        kill_descendants()
        for pipe in self._pipes.values():
            pipe.close()
        self._memory.close()
        self._children.clear()
        self._names.clear()
        self._pipes.clear()
