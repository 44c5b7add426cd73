"""The service behind the runtime's port: the Runtime API and the Extensions API."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from supervisor.api import credentials_api, extensions_api, routes, runtime_api, telemetry_api
from supervisor.api.credentials_api import Credentials
from supervisor.api.http import ACCEPTED, Response, refused
from supervisor.api.routes import Endpoint, Route
from supervisor.environment import Environment
from supervisor.errors import ProtocolError
from supervisor.function import Function
from supervisor.gateway.forwarding import Forwarding
from supervisor.gateway.throttle import Throttle
from supervisor.lifecycle.events import Event, ResponseModeRefused, UploadOversized, UploadTruncated
from supervisor.lifecycle.extensions import NameTakenError
from supervisor.lifecycle.limits import PAYLOAD_BYTES
from supervisor.report import Report
from supervisor.system.clock import Clock
from supervisor.system.http_exchange import Exchange
from supervisor.system.identifiers import new_uuid
from supervisor.telemetry.subscription import Api
from supervisor.values import frozen

SMALL_BODY_BYTES: Final = 1024 * 1024
"""No registration and no report of an error is larger. Ours: AWS documents no limit."""

_UPLOADS: Final = frozenset({Endpoint.INVOCATION_RESPONSE, Endpoint.INVOCATION_ERROR})


@frozen()
class _BegunResponse(Route):
    """The route of a response whose beginning was an event already."""


class PeerService:
    """Answers the runtime and the extensions.

    Args:
        environment: The environment that they belong to.
        report: Whose telemetry extensions may subscribe to.
        function: The function, as extensions are told of it.
        extensions_enabled: False makes every path of the extensions unknown (RIE 1.170 `AllowIfExtensionsEnabled`).
        credentials: What SnapStart keeps out of its snapshots; None makes every path of SnapStart unknown.
        throttle: What limits the bandwidth of streamed responses, None for no limit.
    """

    def __init__(  # noqa: PLR0913 -- what may be missing has a name
        self,
        environment: Environment,
        report: Report,
        function: Function,
        *,
        extensions_enabled: bool = True,
        credentials: Credentials | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._environment = environment
        self._report = report
        self._function = function
        self._extensions_enabled = extensions_enabled
        self._credentials = credentials
        self._clock = Clock()
        self._throttle = throttle
        self._finish: dict[Endpoint, Callable[[Exchange], None]] = {
            Endpoint.PING: lambda exchange: exchange.answer(runtime_api.PONG),
            Endpoint.INVOCATION_NEXT: environment.poll_runtime,
            Endpoint.INVOCATION_RESPONSE: self._accept_response,
            Endpoint.INVOCATION_ERROR: lambda exchange: self._accept(
                exchange, runtime_api.error_received(exchange.request)
            ),
            Endpoint.RUNTIME_INIT_ERROR: lambda exchange: self._accept(
                exchange, runtime_api.init_error_reported(exchange.request)
            ),
            Endpoint.RESTORE_NEXT: environment.poll_restore,
            Endpoint.RESTORE_ERROR: lambda exchange: self._accept(
                exchange, runtime_api.restore_error_reported(exchange.request)
            ),
            Endpoint.CREDENTIALS: self._give_credentials,
            Endpoint.EXTENSION_REGISTER: self._register,
            Endpoint.EXTENSION_NEXT: self._poll_extension,
            Endpoint.TELEMETRY_SUBSCRIBE: lambda exchange: self._subscribe(exchange, Api.TELEMETRY),
            Endpoint.LOGS_SUBSCRIBE: lambda exchange: self._subscribe(exchange, Api.LOGS),
            Endpoint.EXTENSION_INIT_ERROR: lambda exchange: self._accept(
                exchange, extensions_api.init_error_reported(exchange.request)
            ),
            Endpoint.EXTENSION_EXIT_ERROR: lambda exchange: self._accept(
                exchange, extensions_api.exit_error_reported(exchange.request)
            ),
        }

    def begin(self, exchange: Exchange) -> None:
        """The head of a request is in."""
        request = exchange.request
        route = routes.find(
            request.method,
            request.path,
            extensions_enabled=self._extensions_enabled,
            snap_start=self._credentials is not None,
        )
        if isinstance(route, Response):
            exchange.answer(route)
            return
        exchange.context = route
        exchange.body_limit = SMALL_BODY_BYTES
        if route.endpoint in _UPLOADS:
            exchange.body_limit = PAYLOAD_BYTES
            try:
                self._begin_upload(exchange, route)
            except ProtocolError as error:
                exchange.answer(refused(error))

    def _begin_upload(self, exchange: Exchange, route: Route) -> None:
        if route.endpoint is Endpoint.INVOCATION_ERROR:
            self._environment.dispatch(runtime_api.error_started(exchange.request, route.request_id))
            return
        if exchange.finished and runtime_api.RESPONSE_MODE not in exchange.request.headers:
            # Nobody may read it before it is whole. Its beginning and its end are one event, in `finish`.
            return
        exchange.context = _BegunResponse(route.endpoint, route.request_id)
        event = runtime_api.response_started(exchange.request, route.request_id)
        sink = self._environment.begin_response(event)
        if isinstance(event, ResponseModeRefused):
            exchange.answer(runtime_api.INVALID_MODE)
        elif sink is not None:
            Forwarding(exchange, sink, self._throttle)

    def finish(self, exchange: Exchange) -> None:
        """The whole request is in, or it is too large to be kept."""
        route = exchange.context
        assert isinstance(route, Route)
        try:
            if exchange.oversized:
                self._refuse_size(exchange, route)
            else:
                self._finish[route.endpoint](exchange)
        except ProtocolError as error:
            exchange.answer(refused(error))

    def _refuse_size(self, exchange: Exchange, route: Route) -> None:
        if route.endpoint in _UPLOADS:
            self._environment.dispatch(UploadOversized())
        is_forwarded = exchange.on_body is not None
        exchange.answer(runtime_api.STREAM_TOO_LARGE if is_forwarded else runtime_api.TOO_LARGE)

    def abandon(self, exchange: Exchange) -> None:
        """The peer went away before it had its answer."""
        route = exchange.context
        assert isinstance(route, Route)
        # After a reset nobody waits for an upload any more; a poll without an identifier was never parked.
        with suppress(ProtocolError):
            if route.endpoint in (Endpoint.INVOCATION_NEXT, Endpoint.RESTORE_NEXT):
                self._environment.drop_runtime_poll(exchange)
            elif route.endpoint is Endpoint.EXTENSION_NEXT:
                self._environment.drop_extension_poll(extensions_api.identifier(exchange.request), exchange)
            elif route.endpoint in _UPLOADS:
                self._environment.dispatch(UploadTruncated())
                exchange.answer(runtime_api.TRUNCATED)
        exchange.close()

    def _accept_response(self, exchange: Exchange) -> None:
        request, route = exchange.request, exchange.context
        assert isinstance(route, Route)
        if isinstance(route, _BegunResponse):
            event = runtime_api.response_received(request, exchange.trailers, exchange.handed_over_bytes)
        else:
            event = runtime_api.response_at_once(request, exchange.trailers, route.request_id)
        self._environment.dispatch(event)
        exchange.answer(ACCEPTED)

    def _accept(self, exchange: Exchange, event: Event) -> None:
        self._environment.dispatch(event)
        exchange.answer(ACCEPTED)

    def _give_credentials(self, exchange: Exchange) -> None:
        assert self._credentials is not None
        now = self._clock.epoch(self._clock.now())
        exchange.answer(credentials_api.answer(exchange.request, self._credentials, now))

    def _poll_extension(self, exchange: Exchange) -> None:
        self._environment.poll_extension(extensions_api.identifier(exchange.request), exchange)

    def _subscribe(self, exchange: Exchange, api: Api) -> None:
        """Two programs answer on AWS: the first knows the extension and the window, the second the body."""
        name = self._environment.extension_name(extensions_api.identifier(exchange.request))
        if not self._report.is_open:
            raise telemetry_api.closed(api)
        try:
            repeated = self._report.subscribe(name, telemetry_api.subscription(api, exchange.request.body))
        except ProtocolError as error:
            exchange.answer(telemetry_api.refused(error))
        else:
            exchange.answer(telemetry_api.ALREADY_SUBSCRIBED if repeated else telemetry_api.OK)

    def _register(self, exchange: Exchange) -> None:
        request, function = exchange.request, self._function
        extension_id = new_uuid()
        try:
            self._environment.dispatch(extensions_api.registered(request, extension_id))
        except NameTakenError as refusal:
            self._report.diagnose(refusal.diagnosis)
            raise
        facts = {
            "functionName": function.name,
            "functionVersion": function.version,
            "handler": function.handler,
        }
        if extensions_api.wants_account_id(request):
            facts = {"accountId": function.account_id, **facts}
        exchange.answer(extensions_api.registration(extension_id, facts))
