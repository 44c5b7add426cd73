"""InvokeWithResponseStream, on the callers' port."""

from collections.abc import Callable

from supervisor.api import invoke_api, stream_api
from supervisor.api.http import Response
from supervisor.environment import Environment, Sink
from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.gateway.sinks import AnswerSink
from supervisor.lifecycle.endings import SHUT_DOWN
from supervisor.lifecycle.invocation import FunctionResponse, Invocation, Outcome, Payload, Unavailable
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_stream import AnswerStream
from supervisor.telemetry.tail import LogTail


class StreamService:
    """Answers those who read a response as it comes.

    Args:
        environment: Where the invocations run.
        tail: The end of its log.
        function: The function that they invoke.
        is_closing: Whether the end has begun, so that nothing new may.
        raw_payload: Whether a payload may be something else than JSON.
    """

    def __init__(
        self,
        environment: Environment,
        tail: LogTail,
        function: Function,
        *,
        is_closing: Callable[[], bool],
        raw_payload: bool = False,
    ) -> None:
        self._environment = environment
        self._is_closing = is_closing
        self._tail = tail
        self._function = function
        self._raw_payload = raw_payload

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in."""
        target = stream_api.find(exchange.request.method, exchange.request.path)
        if isinstance(target, Response):
            exchange.answer(target)
            return
        exchange.context = target
        exchange.body_limit = invoke_api.REQUEST_BYTES

    def invoke(self, exchange: Exchange, fresh: invoke_api.Identifiers) -> None:
        """The whole request is in: run the function, and send its response as it comes.

        Raises:
            ProtocolError: The request is refused; nothing has happened.
        """
        function, request, target = self._function, exchange.request, exchange.context
        assert isinstance(target, invoke_api.Target)
        invocation = stream_api.parse(request, target, function, fresh, raw_payload=self._raw_payload)
        caller = StreamCaller(exchange, invocation, function.version, self._tail)
        if invoke_api.is_dry_run(request):
            caller.answer(FunctionResponse(b""))
        elif self._is_closing():
            raise ProtocolError(500, "ServiceException", SHUT_DOWN)
        else:
            self._environment.invoke(invocation, caller.answer, caller.read_along)


class StreamCaller(AnswerSink):
    """One caller who reads an event stream."""

    def __init__(self, exchange: Exchange, invocation: Invocation, version: str, tail: LogTail) -> None:
        super().__init__(exchange)
        self._invocation = invocation
        self._version = version
        self._tail = tail

    def read_along(self, content_type: str) -> Sink:
        """The function begins to respond."""
        self._begin(content_type)
        return self

    def take(self, piece: Payload) -> None:
        """Send a piece of the response."""
        if self.is_cut:
            return
        assert self.stream is not None
        for message in stream_api.payload_chunks(piece):
            self.stream.send(message)

    def answer(self, outcome: Outcome) -> None:
        """Send what is left, and the end."""
        if isinstance(outcome, Unavailable):
            error = invoke_api.refusal_of(outcome)
            self.exchange.answer(invoke_api.refused(error, self._invocation.request_id))
            return
        stream = self.stream or self._begin(stream_api.content_type_of(outcome))
        self.take(stream_api.rest(outcome))
        log_tail = bytes(self._tail) if self._invocation.wants_log_tail else None
        stream.send(stream_api.invoke_complete(outcome, log_tail))
        stream.end()

    def _begin(self, content_type: str) -> AnswerStream:
        return self.begin(stream_api.head(self._invocation, self._version, content_type))
