"""The Invoke API, on the callers' port: synchronous invocations, Events, dry runs."""

from supervisor.api import invoke_api
from supervisor.api.http import Response
from supervisor.backlog import Backlog
from supervisor.environment import Environment
from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.lifecycle.endings import SHUT_DOWN
from supervisor.lifecycle.invocation import Invocation, Outcome
from supervisor.system.http_exchange import Exchange
from supervisor.telemetry.tail import LogTail


class CallerService:
    """Answers those who invoke the function.

    Args:
        environment: Where the invocations run.
        backlog: Where those wait that no caller waits for.
        tail: The end of its log.
        function: The function that they invoke.
        raw_payload: Whether a payload may be something else than JSON.
    """

    def __init__(
        self,
        environment: Environment,
        backlog: Backlog,
        tail: LogTail,
        function: Function,
        *,
        raw_payload: bool = False,
    ) -> None:
        self._environment = environment
        self._backlog = backlog
        self._tail = tail
        self._function = function
        self._raw_payload = raw_payload

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in."""
        request = exchange.request
        target = invoke_api.find(request.method, request.path)
        if isinstance(target, Response):
            exchange.answer(target)
            return
        exchange.context = target
        exchange.body_limit = invoke_api.REQUEST_BYTES
        if invoke_api.is_event(request, target):
            exchange.body_limit = invoke_api.EVENT_BYTES

    def invoke(self, exchange: Exchange, fresh: invoke_api.Identifiers) -> None:
        """The whole request is in: run the function, now or when nobody waits, and answer.

        Raises:
            ProtocolError: The request is refused; nothing has happened.
        """
        function, request, target = self._function, exchange.request, exchange.context
        assert isinstance(target, invoke_api.Target)
        invocation = invoke_api.parse(request, target, function, fresh, raw_payload=self._raw_payload)
        if not invoke_api.is_plain(request, target):
            if invoke_api.is_event(request, target):
                self._accept(exchange, invocation, target)
                return
            if invoke_api.is_dry_run(request):
                exchange.answer(invoke_api.dry_run(invocation.request_id))
                return
        if self._backlog.is_closed:
            raise ProtocolError(500, "ServiceException", SHUT_DOWN)

        def answer(outcome: Outcome) -> None:
            log_tail = bytes(self._tail) if invocation.wants_log_tail else None
            exchange.answer(invoke_api.answer(invocation, outcome, function.version, log_tail))

        self._environment.invoke(invocation, answer)

    def _accept(self, exchange: Exchange, invocation: Invocation, target: invoke_api.Target) -> None:
        def answer(kept: bool) -> None:
            if kept:
                exchange.answer(invoke_api.accepted(invocation.request_id, target))
            else:
                exchange.answer(invoke_api.refused(invoke_api.not_kept(), invocation.request_id))

        self._backlog.accept(invocation, answer)
