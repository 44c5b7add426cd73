"""The polls of the runtime and of the extensions that wait for something to be sent, and the sending.

Nothing here decides: which poll gets what, and when, is the lifecycle's business.
"""

from collections import deque

from supervisor.api import extensions_api, runtime_api
from supervisor.lifecycle.effects import SendInvocation, SendInvoke, SendRestore, SendShutdown
from supervisor.system.clock import Clock
from supervisor.system.http_exchange import Exchange
from supervisor.system.identifiers import new_uuid


class Mailboxes:
    """Every parked poll of one environment: any number of the runtime's, one of each extension."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._runtime: deque[Exchange] = deque()
        self._extensions: dict[str, Exchange] = {}
        self._owed: dict[str, SendShutdown] = {}
        self._latest_invoke = ("", 0.0)
        self._invoke_event = b""

    def park_runtime(self, poll: Exchange) -> None:
        """Keep *poll* until an invocation is sent."""
        self._runtime.append(poll)

    def drop_runtime(self, poll: Exchange) -> bool:
        """Forget *poll*; whether it was still waiting."""
        if poll not in self._runtime:
            return False
        self._runtime.remove(poll)
        return True

    def park_extension(self, extension_id: str, poll: Exchange) -> None:
        """Keep *poll* until an event is sent."""
        self._extensions[extension_id] = poll
        if self._owed and (owed := self._owed.pop(extension_id, None)):
            self.send_shutdown(owed)

    def drop_extension(self, extension_id: str, poll: Exchange) -> bool:
        """Forget *poll*; whether it was still waiting."""
        if self._extensions.get(extension_id) is not poll:
            return False
        del self._extensions[extension_id]
        return True

    def send_invocation(self, order: SendInvocation) -> None:
        """Answer one of the runtime's polls."""
        deadline_ms = self._clock.epoch_ms(order.deadline)
        self._runtime.popleft().answer(runtime_api.next_invocation(order.invocation, deadline_ms))

    def send_restore(self, _: SendRestore) -> None:
        """Answer the runtime's poll for the restore."""
        self._runtime.popleft().answer(runtime_api.RESTORED)

    def send_invoke(self, order: SendInvoke) -> None:
        """Answer an extension's poll with an INVOKE event."""
        invoke = order.invocation.invocation_id, order.deadline
        if self._latest_invoke != invoke:
            self._latest_invoke = invoke
            self._invoke_event = extensions_api.invoke_event(order.invocation, self._clock.epoch_ms(order.deadline))
        event = extensions_api.next_event(self._invoke_event, new_uuid())
        self._extensions.pop(order.extension_id).answer(event)

    def send_shutdown(self, order: SendShutdown) -> None:
        """Answer an extension's poll with a SHUTDOWN event; if it has just dropped its poll, the next one."""
        poll = self._extensions.pop(order.extension_id, None)
        if poll is None:
            self._owed[order.extension_id] = order
            return
        poll.answer(extensions_api.shutdown_event(order.reason, self._clock.epoch_ms(order.deadline)))

    def clear(self) -> None:
        """Close every parked poll unanswered: those who sent them are gone."""
        for poll in (*self._runtime, *self._extensions.values()):
            poll.close()
        self._runtime.clear()
        self._extensions.clear()
        self._owed.clear()
