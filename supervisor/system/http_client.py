"""Owns httpx: how it is imported, and how one connects with it to a listener inside the environment.

httpx costs some 100 ms and 5 MB, so it is imported when the first subscriber wants it, in a thread: whoever is being
served meanwhile is served on.
"""

import logging
import sys
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    import httpx


async def http_transport() -> "httpx.AsyncHTTPTransport":
    """What sends requests over kept connections.

    A client above it would add cookies, redirections, proxies, headers of its own and a log line for each request.
    """
    await trio.to_thread.run_sync(_import)
    import httpx

    return httpx.AsyncHTTPTransport(verify=False, trust_env=False, limits=httpx.Limits(max_connections=None))


def _import() -> None:
    # Its command line, which nobody here calls, would import rich, click and pygments where they are installed: as
    # much again as all the rest.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    import httpcore
    import httpx  # noqa: F401

    # At the level DEBUG it tells of every read and write.
    logging.getLogger(httpcore.__name__).setLevel(logging.INFO)
