"""Owns the way of one streamed response from the runtime's upload to whoever reads along, piece by piece.

It holds the runtime up when the reader is slow or the bandwidth is used up, so no more than a piece is ever held here.
"""

from supervisor.environment import Sink
from supervisor.gateway.throttle import Throttle
from supervisor.lifecycle.invocation import Payload
from supervisor.lifecycle.limits import STREAM_BYTES
from supervisor.system.http_exchange import Exchange


class Forwarding:
    """Hands the body of *upload* to *sink*. To be made when the head of the upload is in.

    Args:
        upload: The runtime's response.
        sink: Who takes it.
        throttle: What limits the bandwidth, None for no limit.
    """

    def __init__(self, upload: Exchange, sink: Sink, throttle: Throttle | None) -> None:
        self._upload = upload
        self._sink = sink
        self._throttle = throttle
        upload.body_limit = STREAM_BYTES
        upload.on_body = self._forward
        sink.on_room = self._go_on
        if throttle is not None:
            throttle.begin(self._go_on)

    def _forward(self, piece: Payload) -> None:
        self._sink.take(piece)
        if self._throttle is not None:
            self._throttle.spend(len(piece))
        if self._is_held_up():
            self._upload.pause()

    def _go_on(self) -> None:
        if not self._is_held_up():
            self._upload.resume()

    def _is_held_up(self) -> bool:
        return self._sink.is_full or (self._throttle is not None and self._throttle.is_spent)
