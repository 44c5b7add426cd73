"""What is asked on the metrics port, and the answers that are more than numbers: how the environment is (ours)."""

from enum import Enum, auto
from typing import Final

from supervisor.api.http import NOT_FOUND, TEXT, Response, method_not_allowed
from supervisor.lifecycle.milestones import Status
from supervisor.lifecycle.states import Phase

METRICS_PATH: Final = "/metrics"
LIVE_PATH: Final = "/health/live"
READY_PATH: Final = "/health/ready"
TIMELINE_PATH: Final = "/timeline"
TIMELINE_EVENTS_PATH: Final = "/timeline/events"

_READING: Final = ("GET", "HEAD")

LIVE: Final = Response(200, (TEXT,), b"live\n")
FAILED: Final = Response(500, (TEXT,), b"the metrics cannot be read; the supervisor's standard error says why\n")


class Page(Enum):
    """What there is on the port."""

    METRICS = auto()
    LIVE = auto()
    READY = auto()
    TIMELINE = auto()
    TIMELINE_EVENTS = auto()


_PAGES: Final = {
    METRICS_PATH: Page.METRICS,
    LIVE_PATH: Page.LIVE,
    READY_PATH: Page.READY,
    TIMELINE_PATH: Page.TIMELINE,
    TIMELINE_EVENTS_PATH: Page.TIMELINE_EVENTS,
}


def find(method: str, path: str) -> Page | Response:
    """The page at *path*, or the refusal: 404, 405."""
    page = _PAGES.get(path)
    if page is None:
        return NOT_FOUND
    return page if method in _READING else method_not_allowed(*_READING)


def readiness(phase: Phase, last_init: Status | None) -> Response:
    """Whether an invocation that comes now would be served: 200, or 503 with the reason.

    An environment that was reset is ready: the next invocation begins with an init. One whose last init failed is not,
    though an invocation tries again. *last_init* is how the last init ended, None before that.
    """
    if phase in (Phase.SHUTDOWN, Phase.ENDED):
        return _not_ready("shutting down")
    if last_init is Status.SUCCESS:
        return Response(200, (TEXT,), b"ready\n")
    if phase is Phase.INIT:
        return _not_ready("Init is under way")
    if last_init is None:
        # Nothing was started yet, and nothing is until somebody invokes.
        return Response(200, (TEXT,), b"ready\n")
    return _not_ready("Init failed; the next invocation tries again")


def _not_ready(reason: str) -> Response:
    return Response(503, (TEXT,), f"not ready: {reason}\n".encode())


def html(page: bytes) -> Response:
    """Answer with a page, which needs nothing from elsewhere and is allowed nothing else."""
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'"
    )
    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("Cache-Control", "no-cache"),
    )
    return Response(200, headers, page)


def metrics(content_type: str, body: bytes) -> Response:
    """Answer a scrape."""
    return Response(200, (("Content-Type", content_type),), body)
