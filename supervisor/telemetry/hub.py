"""`Telemetry`: where everything that is told of one environment comes in, and goes out to the buffers of subscribers.

It knows the window in which one may subscribe. What a record looks like, and how it is delivered, is not known here.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from supervisor.function import Function
from supervisor.lifecycle.milestones import (
    InitPhase,
    InitReported,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    Milestone,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
    Status,
)
from supervisor.telemetry.delivery_tally import DeliveryTally
from supervisor.telemetry.frames import Frame
from supervisor.telemetry.history import History
from supervisor.telemetry.line_records import LineNotice
from supervisor.telemetry.platform_records import Platform
from supervisor.telemetry.records import Notice
from supervisor.telemetry.subscription import Category, Subscription
from supervisor.telemetry.subscriptions import Subscriber, Subscriptions

_OF_INVOCATIONS: Final = frozenset({InvocationStarted, RuntimeDone, InvocationReported})
"""No part of an init, even of one inside an invocation; and with them the payload would be kept."""


class Delivery(Protocol):
    """Whoever brings to subscribers what is in their buffers."""

    def start(self, subscriber: Subscriber) -> None:
        """Deliver to *subscriber* from now on."""

    def freeze(self) -> None:
        """Nobody can listen: begin no delivery, and let no time pass for those under way."""

    def thaw(self) -> None:
        """Deliver what has become due meanwhile."""

    def flush(self, then: Callable[[], None]) -> None:
        """Deliver what waits, and call *then*, after a bounded time in any case."""


class Telemetry:
    """The telemetry of one environment. Moments are on the lifecycle's clock.

    Args:
        function: The function that is served.
        epoch: Translates a moment into seconds since 1970.
        delivery: Brings it to the subscribers.
        json_format: The function's log format is JSON.

    Attributes:
        is_listening: Whether anybody could ever see what is told now. Lines need not be told otherwise.
    """

    def __init__(
        self,
        function: Function,
        epoch: Callable[[float], float],
        delivery: Delivery,
        *,
        json_format: bool = False,
    ) -> None:
        self.is_listening = False
        self._epoch = epoch
        self._platform = Platform(function, epoch)
        self._delivery = delivery
        self._json_format = json_format
        self._subscriptions = Subscriptions()
        self._history: History | None = None

    @property
    def is_open(self) -> bool:
        """Whether one may subscribe: from the start of an init until runtime and extensions have all said next.

        An init that fails does not end it (RIE 1.170 `rapid/handlers.go`).
        """
        return self._history is not None

    @property
    def tallies(self) -> Mapping[str, DeliveryTally]:
        """By the name of the extension: what was delivered to it and dropped."""
        return self._subscriptions.tallies

    def subscribe(self, name: str, subscription: Subscription, now: float) -> bool:
        """Let the extension *name* have what it asks for, and at once what was told since the init began.

        Returns:
            Whether it had the same subscription already.

        Raises:
            ProtocolError: 400, it has subscribed to the other API, or too often. Nothing has changed.
        """
        subscriber, repeated = self._subscriptions.subscribe(name, subscription)
        if repeated:
            subscriber.buffer.resume()
        else:
            self.is_listening = True
            self._delivery.start(subscriber)
            if self._history is not None:
                history = self._history
                subscriber.buffer.replay(history.records(subscription), history.dropped(subscription), now)
        notice = self._platform.subscription_notice(name, subscription, now, repeated=repeated)
        if self._history is not None:
            self._history.add(notice)
        self._send(notice, now)
        return repeated

    def tell(self, milestone: Milestone, now: float, max_memory_used_mb: int = 0) -> None:
        """Tell *milestone*; an invocation's report comes with the memory that was needed at the peak, in MB."""
        if not self.is_listening and type(milestone) in _OF_INVOCATIONS:
            return
        match milestone:
            case InitStarted(phase):
                self._open(fresh=phase is InitPhase.INIT)
            case ShutdownStarted():
                self.flush()
                return
            case ShutdownEnded():
                self._pause()
                return
        if self._is_wanted(Category.PLATFORM):
            notice = self._platform.notice(milestone, now, max_memory_used_mb)
            if self._history is not None and type(milestone) not in _OF_INVOCATIONS:
                self._history.add(notice)
            self._send(notice, now)
        if isinstance(milestone, InitReported) and milestone.ending.status is Status.SUCCESS:
            self._close()

    def tell_lines(self, category: Category, lines: Iterable[bytes], now: float) -> None:
        """Tell *lines* of the function or of an extension, which were complete at *now*."""
        epoch = self._epoch(now)
        for line in lines:
            self._tell_line(category, line, epoch, now)

    def tell_frames(self, frames: Iterable[Frame], now: float) -> None:
        """Tell what the runtime wrote to its own descriptor, each frame with its own time if it has one."""
        for frame in frames:
            epoch = self._epoch(now) if frame.epoch is None else frame.epoch
            self._tell_line(Category.FUNCTION, frame.message, epoch, now)

    def flush(self) -> None:
        """A stream has ended, or everything is about to: let nothing wait any longer."""
        for subscriber in self._subscriptions:
            subscriber.buffer.flush()

    def deliver(self, then: Callable[[], None]) -> None:
        """Let everything that waits be delivered, and call *then*, after a bounded time in any case."""
        self._delivery.flush(then)

    def freeze(self) -> None:
        """The subscribers are stopped. What there is to tell them waits, as on Lambda."""
        self._delivery.freeze()

    def thaw(self) -> None:
        """The subscribers run on."""
        self._delivery.thaw()

    def _open(self, *, fresh: bool) -> None:
        if fresh:
            self._subscriptions.close_all()
        self._subscriptions.begin_init()
        for subscriber in self._subscriptions:
            subscriber.buffer.resume()
        self._history = History()
        self.is_listening = True

    def _pause(self) -> None:
        """No process is left; what waits is for those of the next init."""
        for subscriber in self._subscriptions:
            subscriber.buffer.pause()

    def _close(self) -> None:
        self._subscriptions.close_the_moved()
        self._history = None
        self.is_listening = bool(self._subscriptions.wanted)

    def _is_wanted(self, category: Category) -> bool:
        return self._history is not None or category in self._subscriptions.wanted

    def _tell_line(self, category: Category, line: bytes, epoch: float, now: float) -> None:
        if not self._is_wanted(category):
            return
        notice = LineNotice(category, line, epoch, is_json_format=self._json_format)
        if self._history is not None:
            self._history.add_line(notice, len(line))
        self._send(notice, now)

    def _send(self, notice: Notice, now: float) -> None:
        for subscriber in self._subscriptions:
            if subscriber.wants(notice.category):
                for record in notice.records(subscriber.subscription.schema):
                    subscriber.buffer.add(record, now)
