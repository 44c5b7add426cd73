"""The beginning of a streamed HTTP response: JSON with its status and headers, 8 NUL bytes, then the body.

It may be cut anywhere on its way. What the JSON means is in `function_url` (AWS: Custom runtimes, "Response streaming";
the runtime clients of Node.js and Rust).
"""

import json
from typing import Final

from supervisor.api.function_url import MalformedResponseError, response_head
from supervisor.api.http import Response
from supervisor.lifecycle.invocation import Payload

CONTENT_TYPE: Final = "application/vnd.awslambda.http-integration-response"
"""The content type of a runtime's response that begins so."""

PRELUDE_BYTES: Final = 1024 * 1024
"""How long the JSON may be. Ours: what Lambda allows for a request's line and headers together."""

_END: Final = bytes(8)
_DEFAULT_TYPE: Final = "application/octet-stream"


class Prelude:
    """Finds the end of a prelude in pieces.

    Attributes:
        rest: What the pieces have of the body, once the head is known.
    """

    def __init__(self) -> None:
        self._begun = bytearray()
        self.rest = b""

    def feed(self, piece: Payload) -> Response | None:
        """The head of the response, without its body, or None while it is not all there.

        Raises:
            MalformedResponseError: It is none.
        """
        searched = max(0, len(self._begun) - len(_END) + 1)
        self._begun += piece
        end = self._begun.find(_END, searched)
        if end < 0:
            if len(self._begun) > PRELUDE_BYTES:
                raise MalformedResponseError(f"no 8 NUL bytes among the first {PRELUDE_BYTES}")
            return None
        said, self.rest = bytes(self._begun[:end]), bytes(self._begun[end + len(_END) :])
        self._begun.clear()
        return _head(said)


def _head(said: bytes) -> Response:
    try:
        value = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError(f"the prelude is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedResponseError("the prelude is no object")
    return response_head(value, _DEFAULT_TYPE)
