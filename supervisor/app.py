"""The running program: wires the parts, holds the nursery, passes signals on, gives the exit code; decides nothing."""

import logging
import os
import signal
import socket
from typing import Final

import trio

from supervisor import options
from supervisor.api.metrics_api import METRICS_PATH
from supervisor.backlog import Backlog, Destinations
from supervisor.config import Config, EventConfig
from supervisor.confinement import confine, oom_kills, storage_to_check
from supervisor.environment import Environment
from supervisor.function import Function
from supervisor.gateway.outside import Outside
from supervisor.gateway.peers import PeerService
from supervisor.gateway.throttle import Throttle
from supervisor.lifecycle.events import EnvironmentStarted, ShutdownRequested
from supervisor.lifecycle.exits import ExitStatus
from supervisor.log import Log
from supervisor.once import Once, read_invocation
from supervisor.option import Option
from supervisor.option_values import Address
from supervisor.processes import Processes
from supervisor.readings import Readings
from supervisor.report import Report
from supervisor.settings import commands_of, credentials_of, lifecycle_settings
from supervisor.system.clock import Clock, MonotonicClock
from supervisor.system.console import Console
from supervisor.system.delivery import Delivery
from supervisor.system.diagnostics import DiagnosticHandler
from supervisor.system.event_store import EventStore
from supervisor.system.files import extensions_disabled, extensions_in
from supervisor.system.hosts import name_sandbox
from supervisor.system.http_server import HttpServer, listen
from supervisor.system.memory import Memory
from supervisor.system.reactor import Reactor
from supervisor.system.reaper import become_subreaper, reap
from supervisor.system.trace_file import TraceFile
from supervisor.telemetry.hub import Telemetry
from supervisor.telemetry.log_format import JsonFormat, TextFormat
from supervisor.watching import Watching

EXIT_FAILED: Final = 1
"""The supervisor could not start, and standard error says why; or the event of `--once` failed."""

EXIT_SIGNAL: Final = 128
"""Plus the number of the signal that cut an orderly shutdown short, as a shell counts."""

_STDOUT: Final = 1
_STDERR: Final = 2

_LAST_ANSWERS_SECONDS: Final = 1.0
"""How long a caller may take to read an answer at the very end. Ours: a container's stop leaves 10 s in all."""

_log = logging.getLogger(__name__)


def run(config: Config) -> int:
    """Supervise one execution environment until it ends.

    Returns:
        The exit code: 0 after an orderly shutdown, otherwise one of the constants above.
    """
    reactor = Reactor()
    stdout = Console(_STDOUT, reactor)
    stderr = stdout if os.path.sameopenfile(_STDOUT, _STDERR) else Console(_STDERR, reactor)
    logging.basicConfig(handlers=[DiagnosticHandler(stderr)], level=config.log_level)
    try:
        application = Application(config, reactor, stdout, stderr)
    except OSError as error:
        _log.error("%s", error)
        return EXIT_FAILED
    try:
        return trio.run(application.supervise, clock=MonotonicClock())
    except Exception as error:  # noqa: BLE001 -- the one place; whoever reads standard error gets a line, and exit code 1
        _log.critical("The supervisor has failed, which is a defect of its own: %r", error, exc_info=_is_debugging())
        return EXIT_FAILED
    finally:
        stdout.flush()
        stderr.flush()


def _is_debugging() -> bool:
    return _log.isEnabledFor(logging.DEBUG)


class Application:
    """One supervisor with one environment.

    Args:
        config: What the user chose.
        reactor: Where sockets and pipes are watched.
        stdout: Where the children's standard output and the platform's lines go; with `--once` the answer alone.
        stderr: Where the children's standard error goes; with `--once` all the rest.

    Raises:
        OSError: An address cannot be listened on, or a folder not be used.
        UsageError: There is no such event, or no such user.
    """

    def __init__(self, config: Config, reactor: Reactor, stdout: Console, stderr: Console) -> None:
        function = config.function
        event = read_invocation(config.once, function, raw_payload=config.raw_payload) if config.once else None
        become_subreaper()
        name_sandbox()
        extensions_enabled = not extensions_disabled()
        extensions = (
            extensions_in(config.extensions_dir, without=config.without_extensions) if extensions_enabled else []
        )
        # The ports are taken before anything is started: whoever is early waits in the kernel's line.
        callers = _listen(config.invoke_address, options.INVOKE_ADDRESS) if config.invoke_address else None
        peers = _listen(config.runtime_api_address, options.RUNTIME_API_ADDRESS)
        watchers = _listen(config.metrics_address, options.METRICS_ADDRESS) if config.metrics_address else None
        browsers = (
            _listen(config.function_url_address, options.FUNCTION_URL_ADDRESS) if config.function_url_address else None
        )
        trace = _open_trace(config.trace, function) if config.trace else None
        runtime_api = Address(*peers.getsockname()[:2])
        if callers is not None:
            _log.info("The function is invoked at %s", Address(*callers.getsockname()[:2]))
        if browsers is not None:
            _log.info("The function is opened at http://%s", Address(*browsers.getsockname()[:2]))
        _log.info("The runtime and the extensions call at %s", runtime_api)
        if watchers is not None:
            _log.info("Metrics are at http://%s%s", Address(*watchers.getsockname()[:2]), METRICS_PATH)
        self._reactor = reactor
        self._confinement = confine(config.user, function.memory_mb if config.lambda_limits else None)
        self._memory = Memory(os.getpid(), self._confinement.memory_peak if self._confinement else "")
        self._delivery = Delivery()
        clock = Clock()
        telemetry = Telemetry(function, clock.epoch, self._delivery, json_format=config.json_logs)
        log = Log(stderr if event else stdout, stderr, telemetry, reactor.open_group(), prefixed=config.log_prefix)
        log_format = JsonFormat(function, clock.epoch) if config.json_logs else TextFormat(function)
        credentials = credentials_of(config)
        self._processes = Processes(
            commands_of(config, str(runtime_api), self._confinement, credentials),
            log,
            self._memory,
            oom_kills(self._confinement),
        )
        report = Report(log_format, log, telemetry, self._memory, self._processes.drain_output)
        report.storage = storage_to_check() if config.lambda_limits else None
        self._ended = trio.Event()
        self._exit_code = 0
        self._environment = Environment(
            lifecycle_settings(config, extensions),
            self._processes,
            report,
            close_connections=self._close_peers,
            unneeded=self._begin_end,
            ended=self._ended.set,
        )
        self._throttle = Throttle(config.stream_bandwidth) if config.stream_bandwidth else None
        peer_service = PeerService(
            self._environment,
            report,
            function,
            extensions_enabled=extensions_enabled,
            credentials=credentials,
            throttle=self._throttle,
        )
        self._peer_server = HttpServer(reactor, peers, peer_service)
        self._backlog = _backlog(config.events, self._environment, function)
        self._drain_timeout = config.events.drain_timeout
        self._stop = trio.Event()
        self._drain = trio.CancelScope()
        self._outside = Outside(reactor, self._environment, self._backlog, function)
        self._let_in(config, callers, browsers, log)
        self._once = None
        if event is not None:
            self._once = Once(self._environment, event, function.version, lambda line: stdout.write([line]))
        self._watching = Watching(self._environment, function, trace)
        if watchers is not None:
            readings = Readings(function, self._environment, self._processes, self._memory, telemetry)
            self._watching.serve(reactor, watchers, self._backlog, readings)

    def _let_in(self, config: Config, callers: socket.socket | None, browsers: socket.socket | None, log: Log) -> None:
        if callers is not None:
            self._outside.serve_callers(callers, log.tail, raw_payload=config.raw_payload)
        if browsers is not None:
            self._outside.serve_browsers(browsers, streaming=config.function_url_streams)

    async def supervise(self) -> int:
        """Run until the environment has ended; the exit code."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._environment.watch_time)
            if self._throttle is not None:
                nursery.start_soon(self._throttle.run)
            nursery.start_soon(reap, self._exited)
            await nursery.start(self._delivery.run)
            await nursery.start(self._watching.run)
            await nursery.start(self._watch_signals)
            self._environment.dispatch(EnvironmentStarted())
            # Whoever asks from now on finds Init begun: before that nobody could tell whether we are ready.
            nursery.start_soon(self._reactor.pump)
            nursery.start_soon(self._backlog.run)
            nursery.start_soon(self._shut_down)
            if self._once is not None:
                self._once.start(self._begin_end)
            await self._ended.wait()
            await self._backlog.close()
            await self._send_last_answers()
            nursery.cancel_scope.cancel()
        self._close()
        failed = self._once is not None and not self._once.succeeded
        return self._exit_code or (EXIT_FAILED if failed else os.EX_OK)

    async def _send_last_answers(self) -> None:
        with trio.move_on_after(_LAST_ANSWERS_SECONDS):
            await self._outside.answers_sent()
            await self._watching.end()

    def _close(self) -> None:
        self._backlog.close_store()
        self._peer_server.close()
        self._outside.close()
        self._watching.close()
        self._reactor.close()
        if self._confinement is not None:
            self._confinement.remove()

    async def _watch_signals(self, task_status: trio.TaskStatus[None]) -> None:
        """The first signal starts the shutdown, a second one hurries it and shows in the exit code."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            await anext(signals)
            self._begin_end()
            async for number in signals:
                self._exit_code = EXIT_SIGNAL + number
                self._drain.cancel()
                self._environment.dispatch(ShutdownRequested())

    def _begin_end(self) -> None:
        """Let nothing new in from this moment on, and shut down."""
        self._backlog.refuse()
        self._stop.set()

    async def _shut_down(self) -> None:
        """When it is time, let accepted Events run first; who is in a hurry comes before that."""
        await self._stop.wait()
        with self._drain:
            await self._backlog.drain(self._drain_timeout)
        if not self._drain.cancelled_caught:
            self._environment.dispatch(ShutdownRequested())

    def _close_peers(self) -> None:
        self._peer_server.close_connections()

    def _exited(self, pid: int, status: ExitStatus, peak: int) -> None:
        self._processes.exited(pid, status, peak, self._environment.dispatch)


def _open_trace(path: str, function: Function) -> TraceFile:
    try:
        return TraceFile(path, function.name)
    except OSError as error:
        raise OSError(f"cannot write the trace {path}: {error.strerror}; --trace chooses another file") from None


def _listen(address: Address, chosen_by: Option[Address | None]) -> socket.socket:
    try:
        return listen(*address)
    except OSError as error:
        # A name that does not resolve has a reason of its own, the rest those of the system.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise OSError(f"cannot listen on {address}: {reason}; {chosen_by.flags[0]} chooses another address") from None


def _backlog(config: EventConfig, environment: Environment, function: Function) -> Backlog:
    store = EventStore(config.folder) if config.folder else None
    destinations = Destinations(config.on_success, config.on_failure)
    return Backlog(environment, function, config.policy, destinations, store)
