"""The service behind the callers' port: which API a request is for, by its path."""

from supervisor.api import stream_api
from supervisor.gateway.callers import CallerService
from supervisor.gateway.streams import StreamService
from supervisor.system.http_exchange import Exchange, Service


class InvokePort:
    """Hands every request to the service of its API.

    Args:
        callers: The Invoke API, which also answers what is for nobody.
        streams: InvokeWithResponseStream.
    """

    def __init__(self, callers: CallerService, streams: StreamService) -> None:
        self._callers = callers
        self._streams = streams

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in."""
        self._service_of(exchange).begin(exchange)

    def finish(self, exchange: Exchange) -> None:
        """The whole request is in, or it is too large to be kept."""
        self._service_of(exchange).finish(exchange)

    def abandon(self, exchange: Exchange) -> None:
        """The caller went away."""
        self._service_of(exchange).abandon(exchange)

    def _service_of(self, exchange: Exchange) -> Service:
        return self._streams if exchange.request.path.startswith(stream_api.PATHS) else self._callers
