"""The service behind the function URL: HTTP requests become invocations, results become HTTP responses."""

import logging
from collections.abc import Callable
from typing import Final

from supervisor.api import function_url, http_prelude, invoke_api
from supervisor.api.function_url import Arrival, MalformedResponseError, Url
from supervisor.api.http import JSON, Response
from supervisor.environment import Environment, Sink
from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.gateway.sinks import AnswerSink
from supervisor.lifecycle.endings import SHUT_DOWN
from supervisor.lifecycle.invocation import FunctionResponse, Invocation, Outcome, Payload, Unavailable
from supervisor.system.clock import Clock
from supervisor.system.http_exchange import Exchange
from supervisor.system.http_stream import AnswerStream
from supervisor.system.identifiers import new_trace_id, new_uuid

_log = logging.getLogger(__name__)

_OCTETS: Final = "application/octet-stream"


class UrlService:
    """Answers those who open the function URL.

    Args:
        environment: Where the invocations run.
        function: The function. Its URL gets a new name each time, as one that is made on AWS.
        streaming: Whether responses are streamed (AWS: Function URLs, invoke mode `RESPONSE_STREAM`).
        is_closing: Whether the end has begun, so that nothing new may.
    """

    def __init__(
        self,
        environment: Environment,
        function: Function,
        *,
        streaming: bool,
        is_closing: Callable[[], bool],
    ) -> None:
        self._environment = environment
        self._arn = f"arn:aws:lambda:{function.region}:{function.account_id}:function:{function.name}"
        self._url = Url(new_uuid().replace("-", ""), function.region)
        self._streaming = streaming
        self._is_closing = is_closing
        self._clock = Clock()

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in."""
        exchange.body_limit = function_url.REQUEST_BYTES

    def finish(self, exchange: Exchange) -> None:
        """The whole request is in, or it is too large to be kept."""
        try:
            self._invoke(exchange)
        except ProtocolError as error:
            exchange.answer(function_url.refused(error))

    def _invoke(self, exchange: Exchange) -> None:
        if exchange.oversized:
            text = f"Request must be smaller than {function_url.REQUEST_BYTES} bytes"
            raise ProtocolError(413, "RequestTooLargeException", text)
        if self._is_closing():
            raise ProtocolError(500, "ServiceException", SHUT_DOWN)
        trace_id = exchange.request.headers.get("x-amzn-trace-id") or new_trace_id()
        arrival = Arrival(new_uuid(), trace_id, exchange.peer_host, self._clock.epoch_ms(self._clock.now()))
        invocation = Invocation(
            request_id=arrival.request_id,
            payload=function_url.event(exchange.request, self._url, arrival),
            invoked_function_arn=self._arn,
            invocation_id=new_uuid(),
            trace_id=trace_id,
            wants_stream=self._streaming,
        )
        if self._streaming:
            browser = StreamingBrowser(exchange, invocation.request_id)
            self._environment.invoke(invocation, browser.answer, browser.read_along)
        else:
            self._environment.invoke(invocation, lambda outcome: _answer(exchange, invocation.request_id, outcome))

    def abandon(self, exchange: Exchange) -> None:
        """Whoever asked went away. The function is not disturbed."""


def _answer(exchange: Exchange, request_id: str, outcome: Outcome) -> None:
    """Answer with the whole result."""
    if not isinstance(outcome, FunctionResponse):
        exchange.answer(_failed(outcome))
        return
    try:
        exchange.answer(_named(function_url.response(outcome.payload), request_id))
    except MalformedResponseError as error:
        exchange.answer(_malformed(error, request_id))


class StreamingBrowser(AnswerSink):
    """One who reads a response as it comes."""

    def __init__(self, exchange: Exchange, request_id: str) -> None:
        super().__init__(exchange)
        self._request_id = request_id
        self._prelude: http_prelude.Prelude | None = None

    def read_along(self, content_type: str) -> Sink:
        """The function begins to respond; only one content type promises a prelude."""
        if content_type == http_prelude.CONTENT_TYPE:
            self._prelude = http_prelude.Prelude()
        else:
            self._begin(Response(200, (("Content-Type", content_type or _OCTETS),)))
        return self

    def take(self, piece: Payload) -> None:
        """Send a piece of the response, if it is not of the prelude. After a malformed one nothing is sent."""
        if self.is_cut:
            return
        if self.stream is not None:
            self.stream.send(piece)
        elif self._prelude is not None and not self.exchange.answered:
            self._take_prelude(self._prelude, piece)

    def _take_prelude(self, prelude: http_prelude.Prelude, piece: Payload) -> None:
        try:
            head = prelude.feed(piece)
        except MalformedResponseError as error:
            self.exchange.answer(_malformed(error, self._request_id))
            return
        if head is not None:
            self._begin(head).send(prelude.rest)

    def answer(self, outcome: Outcome) -> None:
        """Send what is left, and the end; a stream that failed breaks off, since its status is sent."""
        if isinstance(outcome, FunctionResponse):
            if self.stream is None and self._prelude is None:
                self.read_along(outcome.content_type or JSON[1])
            self.take(outcome.payload)
        if self.stream is None:
            self.exchange.answer(_failed(outcome))
        elif isinstance(outcome, FunctionResponse) and outcome.is_whole:
            self.stream.end()
        else:
            self.stream.abort()

    def _begin(self, head: Response) -> AnswerStream:
        return self.begin(_named(head, self._request_id))


def _named(response: Response, request_id: str) -> Response:
    return Response(response.status, (*response.headers, ("x-amzn-RequestId", request_id)), response.body)


def _failed(outcome: Outcome) -> Response:
    if isinstance(outcome, Unavailable) and outcome.is_setback:
        return function_url.refused(invoke_api.refusal_of(outcome))
    return function_url.FAILED


def _malformed(error: MalformedResponseError, request_id: str) -> Response:
    """Lambda's answer says nothing of the reason; whoever develops the function finds it among our lines."""
    _log.warning("The function URL answers request %s with 502: %s", request_id, error)
    return function_url.FAILED
