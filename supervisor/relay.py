"""A relay: where the platform is there already, we start the runtime, and it talks to the platform through us.

No extension is started, and nothing is decided: the platform does that. What is passed on, and what is counted, is the
gateway's matter.
"""

import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import astuple
from typing import Final

import trio

from supervisor.boot import EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND
from supervisor.config import RelayConfig
from supervisor.gateway.platform import RelayService
from supervisor.lifecycle.exits import ExitStatus
from supervisor.option_values import Address
from supervisor.system.children import launch_like_exec
from supervisor.system.console import Console
from supervisor.system.diagnostics import DiagnosticHandler
from supervisor.system.http_server import HttpServer, listen
from supervisor.system.reactor import Reactor
from supervisor.system.reaper import become_subreaper, reap
from supervisor.system.upstream import Platform, Upstream

EXIT_FAILED: Final = 1
"""We cannot listen; standard error says why."""

EXIT_SIGNAL: Final = 128
"""Plus the number of the signal that ended the runtime, as a shell counts."""

PASSED_ON: Final = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
    signal.SIGWINCH,
)
"""The signals that are meant for the runtime, if it has a use for them."""

_LAST_WORDS_SECONDS: Final = 1.0
"""How long what the runtime said last may take to the platform. Ours: Lambda stops us soon after it."""

_STDERR: Final = 2

_log = logging.getLogger(__name__)


def relay(config: RelayConfig) -> int:
    """Start the runtime and pass on what it and the platform say, until it ends.

    Returns:
        Its exit code; 126 or 127 when it cannot be started, as a shell counts.
    """
    reactor = Reactor()
    console = Console(_STDERR, reactor)
    logging.basicConfig(handlers=[DiagnosticHandler(console)], level=config.log_level)
    try:
        listener = listen(*config.address)
    except OSError as error:
        _log.error("cannot listen on %s: %s", config.address, os.strerror(error.errno or 0))
        return EXIT_FAILED
    try:
        return trio.run(_Relay(config, reactor, listener).run)
    finally:
        console.flush()


class _Relay:
    def __init__(self, config: RelayConfig, reactor: Reactor, listener: socket.socket) -> None:
        self._config = config
        self._reactor = reactor
        self._listener = listener
        self._pid = 0
        self._ended = trio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        become_subreaper()
        address = Address(*self._listener.getsockname()[:2])
        upstream = Upstream(Platform(*self._config.platform, self._config.prefix))
        with trio.open_signal_receiver(*PASSED_ON) as signals:
            async with trio.open_nursery() as nursery:
                service = RelayService(upstream, nursery)
                server = HttpServer(self._reactor, self._listener, service)
                nursery.start_soon(self._reactor.pump)
                if self._launch({**self._config.environ, "AWS_LAMBDA_RUNTIME_API": str(address)}):
                    nursery.start_soon(reap, self._exited)
                    nursery.start_soon(self._pass_signals_on, signals)
                    await self._ended.wait()
                with trio.move_on_after(_LAST_WORDS_SECONDS):
                    await service.passed_on()
                nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await upstream.aclose()
        server.close()
        self._reactor.close()
        _log.info(
            "Relayed: invocations %d, responses %d, errors %d, seconds %.3f; unanswered %d",
            *astuple(service.counts),
        )
        return self._exit_code

    def _launch(self, environ: dict[str, str]) -> bool:
        command = self._config.command
        try:
            self._pid = launch_like_exec(command, environ)
        except OSError as error:
            _log.error("cannot execute %a: %s", command[0], error.strerror)
            self._exit_code = EXIT_NOT_FOUND if isinstance(error, FileNotFoundError) else EXIT_NOT_EXECUTABLE
            return False
        return True

    async def _pass_signals_on(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if not self._ended.is_set():
                os.kill(self._pid, number)

    def _exited(self, pid: int, status: ExitStatus, _peak: int) -> None:
        if pid == self._pid:
            self._exit_code = EXIT_SIGNAL + status.signal if status.signal else status.code
            self._ended.set()
