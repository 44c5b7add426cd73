"""Who has subscribed to what. Keyed by the extension's name, so that it outlives the extension's process.

(AWS: Telemetry API; recorded on AWS: an extension that comes back after a reset finds its subscription.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from supervisor.errors import ProtocolError
from supervisor.telemetry.buffer import Buffer
from supervisor.telemetry.delivery_tally import DeliveryTally
from supervisor.telemetry.subscription import Api, Category, Subscription

SUBSCRIPTIONS_PER_EXTENSION: Final = 16
"""Ours: AWS documents none, and each one may hold two batches. Published extensions have at most two."""

_BAD_REQUEST: Final = 400


@dataclass(slots=True, eq=False)
class Subscriber:
    """One subscription of one extension, with what waits for it.

    Args:
        name: The extension.
        subscription: What it asked for.
        buffer: What waits.
        made_in: The number of the init in which it subscribed.
        asked_in: The number of the last init in which it asked for the same.
    """

    name: str
    subscription: Subscription
    buffer: Buffer
    made_in: int
    asked_in: int

    def wants(self, category: Category) -> bool:
        """Whether it gets records of *category*."""
        return category in self.subscription.categories


class Subscriptions:
    """Every subscription of one environment.

    Attributes:
        wanted: The categories that anybody has subscribed to.
        tallies: By the name of the extension: what was delivered and dropped, by all its subscriptions.
    """

    def __init__(self) -> None:
        self.wanted: frozenset[Category] = frozenset()
        self.tallies: dict[str, DeliveryTally] = {}
        self._init = 0
        self._subscribers: list[Subscriber] = []

    def __iter__(self) -> Iterator[Subscriber]:
        """In the order in which they subscribed."""
        return iter(self._subscribers)

    def subscribe(self, name: str, subscription: Subscription) -> tuple[Subscriber, bool]:
        """The subscriber that the extension *name* becomes, and whether it is that already.

        Raises:
            ProtocolError: 400, it has subscribed to the other API, or too often.
        """
        own = [subscriber for subscriber in self._subscribers if subscriber.name == name]
        api = subscription.schema.api
        for subscriber in own:
            _check_same_api(name, subscriber.subscription.schema.api, api)
            if subscriber.subscription == subscription:
                subscriber.asked_in = self._init
                return subscriber, True
        if len(own) >= SUBSCRIPTIONS_PER_EXTENSION:
            text = f"The extension {name} has {len(own)} subscriptions already, which is the limit"
            raise ProtocolError(_BAD_REQUEST, f"{api}.ValidationError", text)
        buffer = Buffer(subscription.buffering, self.tallies.setdefault(name, DeliveryTally()))
        subscriber = Subscriber(name, subscription, buffer, self._init, self._init)
        self._subscribers.append(subscriber)
        self._find_wanted()
        return subscriber, False

    def begin_init(self) -> None:
        """An init begins: from now on an extension may come back, to the old place or to another one."""
        self.close_the_moved()
        self._init += 1

    def close_the_moved(self) -> None:
        """Close what an extension left behind that came back in this init and asked for another subscription instead.

        Extensions that choose a new port at every start do that; at the old one nobody will ever listen again.
        """
        moved = {subscriber.name for subscriber in self._subscribers if subscriber.made_in == self._init}
        stale = [one for one in self._subscribers if one.name in moved and one.asked_in != self._init]
        for subscriber in stale:
            subscriber.buffer.close()
            self._subscribers.remove(subscriber)
        self._find_wanted()

    def close_all(self) -> None:
        """Close every subscription: those who subscribed were another environment's."""
        for subscriber in self._subscribers:
            subscriber.buffer.close()
        self._subscribers.clear()
        self._find_wanted()

    def _find_wanted(self) -> None:
        self.wanted = frozenset(
            category for subscriber in self._subscribers for category in subscriber.subscription.categories
        )


def _check_same_api(name: str, subscribed: Api, asked: Api) -> None:
    if subscribed is not asked:
        text = (
            f"The extension {name} is already subscribed to the {subscribed}API. "
            "You must either subscribe to the LogsAPI or the TelemetryAPI"
        )
        raise ProtocolError(_BAD_REQUEST, f"{asked}.AccessDenied", text)
