"""Owns one listening socket and the connections that were accepted from it.

What happens on a connection is the connection's business, and what a request means the service's.
"""

import errno
import socket
from select import EPOLLIN
from typing import Final

from supervisor.system.http_connection import Connection
from supervisor.system.http_exchange import Service
from supervisor.system.http_shared import Shared
from supervisor.system.reactor import Reactor

_BACKLOG: Final = 1024
"""Connections that wait to be accepted. The kernel lowers it to its own limit (Linux: listen(2))."""

_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def listen(host: str, port: int) -> socket.socket:
    """Take an address. Whoever connects waits in the kernel's line until a server serves it.

    Args:
        host: An address of this machine; an IPv6 one as it is, without brackets.
        port: 0 takes a free one.

    Raises:
        OSError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.setblocking(False)
    # On Linux an accepted socket starts with the options of its listener.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class HttpServer:
    """Serves HTTP/1.1 and HTTP/1.0 on one address.

    Args:
        reactor: What calls the server and its connections.
        listener: What `listen` gave. The server closes it.
        service: Who answers.

    Attributes:
        address: Host and port that it listens on.
    """

    def __init__(self, reactor: Reactor, listener: socket.socket, service: Service) -> None:
        self._reactor = reactor
        self._shared = Shared(reactor, service)
        self._connections: set[Connection] = set()
        self._accepting = True
        self._listener = listener
        self.address: tuple[str, int] = listener.getsockname()[:2]
        reactor.add(listener.fileno(), self._accept)

    async def answers_sent(self) -> None:
        """Wait until the kernel has taken every answer that was given, as long as the peers read on."""
        for connection in tuple(self._connections):
            await connection.answer_sent()

    def close_connections(self) -> None:
        """Drop every connection without a word to its peer or to the service. The server goes on accepting."""
        for connection in tuple(self._connections):
            connection.drop()

    def close(self) -> None:
        """Drop every connection in the same way and give up the address."""
        self.close_connections()
        self._reactor.remove(self._listener.fileno())
        self._listener.close()

    def _accept(self, _mask: int) -> None:
        try:
            accepted, peer = self._listener.accept()
        except OSError as error:
            # A peer that has gone again is no loss. Without room, whoever waits would be reported without end.
            if error.errno in _NO_ROOM and self._connections:
                self._set_accepting(accepting=False)
            return
        accepted.setblocking(False)
        connection = Connection(accepted, self._shared, self._forget)
        connection.peer_host = peer[0]
        self._connections.add(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._accepting:
            self._set_accepting(accepting=True)

    def _set_accepting(self, *, accepting: bool) -> None:
        self._accepting = accepting
        self._reactor.change(self._listener.fileno(), EPOLLIN if accepting else 0)
