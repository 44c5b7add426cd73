"""The ports for those who come from outside: callers of the Invoke APIs, and browsers at the function URL."""

import socket

from supervisor.backlog import Backlog
from supervisor.environment import Environment
from supervisor.function import Function
from supervisor.gateway.callers import CallerService
from supervisor.gateway.invoke_port import InvokePort
from supervisor.gateway.streams import StreamService
from supervisor.system.http_exchange import Service
from supervisor.system.http_server import HttpServer
from supervisor.system.reactor import Reactor
from supervisor.telemetry.tail import LogTail


class Outside:
    """Serves one environment to the outside, each way in on its own port.

    Args:
        reactor: What calls the servers.
        environment: Where the invocations run.
        backlog: Where those wait that no caller waits for. Once it is closed nothing new begins.
        function: The function.
    """

    def __init__(self, reactor: Reactor, environment: Environment, backlog: Backlog, function: Function) -> None:
        self._reactor = reactor
        self._environment = environment
        self._backlog = backlog
        self._function = function
        self._servers: list[HttpServer] = []

    def serve_callers(self, listener: socket.socket, tail: LogTail, *, raw_payload: bool) -> None:
        """Serve those who invoke the function; *tail* is the end of the log, which they may want."""
        environment, function = self._environment, self._function
        callers = CallerService(environment, self._backlog, tail, function, raw_payload=raw_payload)
        streams = StreamService(environment, tail, function, is_closing=self._is_closing, raw_payload=raw_payload)
        self._serve(listener, InvokePort(callers, streams))

    def serve_browsers(self, listener: socket.socket, *, streaming: bool) -> None:
        """Serve those who open the function URL, with *streaming* each piece of a response as it comes."""
        from supervisor.gateway.urls import UrlService

        self._serve(
            listener,
            UrlService(self._environment, self._function, streaming=streaming, is_closing=self._is_closing),
        )

    async def answers_sent(self) -> None:
        """Wait until the kernel has taken every answer that was given, as long as the peers read on."""
        for server in self._servers:
            await server.answers_sent()

    def close(self) -> None:
        """Give up every address."""
        for server in self._servers:
            server.close()

    def _is_closing(self) -> bool:
        return self._backlog.is_closed

    def _serve(self, listener: socket.socket, service: Service) -> None:
        self._servers.append(HttpServer(self._reactor, listener, service))
