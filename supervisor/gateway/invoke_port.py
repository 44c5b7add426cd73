"""The service behind the callers' port: which API a request is for, by its path, and how it is refused."""

from typing import Protocol

from supervisor.api import invoke_api, stream_api
from supervisor.api.invoke_api import Identifiers
from supervisor.errors import ProtocolError
from supervisor.system.http_exchange import Exchange
from supervisor.system.identifiers import new_trace_id, new_uuid


class InvokingApi(Protocol):
    """One of the APIs by which the function is invoked."""

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in."""

    def invoke(self, exchange: Exchange, fresh: Identifiers) -> None:
        """The whole request is in: run the function, and answer.

        Raises:
            ProtocolError: The request is refused; nothing has happened.
        """


class InvokePort:
    """Hands every request to its API.

    Args:
        callers: The Invoke API, which also answers what is for nobody.
        streams: InvokeWithResponseStream.
    """

    def __init__(self, callers: InvokingApi, streams: InvokingApi) -> None:
        self._callers = callers
        self._streams = streams

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in."""
        api = self._streams if exchange.request.path.startswith(stream_api.PATHS) else self._callers
        api.begin(exchange)

    def finish(self, exchange: Exchange) -> None:
        """The whole request is in, or it is too large to be kept."""
        fresh = Identifiers(new_uuid(), new_uuid(), new_trace_id())
        try:
            if exchange.oversized:
                raise invoke_api.too_large(exchange.body_limit)
            api = self._streams if exchange.request.path.startswith(stream_api.PATHS) else self._callers
            api.invoke(exchange, fresh)
        except ProtocolError as error:
            exchange.answer(invoke_api.refused(error, fresh.request_id))

    def abandon(self, exchange: Exchange) -> None:
        """The caller went away. What it asked for runs on, as on Lambda; its answer finds nobody.

        A stream runs dry without disturbing the function (AWS: Response streaming).
        """
