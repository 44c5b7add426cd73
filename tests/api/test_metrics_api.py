import pytest

from supervisor.api.http import Response
from supervisor.api.metrics_api import Page, find, readiness
from supervisor.lifecycle.milestones import Status
from supervisor.lifecycle.states import Phase

SERVING = (Phase.COLD, Phase.INIT, Phase.READY, Phase.INVOKE, Phase.RESET)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "page"),
    [("/metrics", Page.METRICS), ("/health/live", Page.LIVE), ("/health/ready", Page.READY)],
)
def test_a_page_is_found_by_its_path(method: str, path: str, page: Page) -> None:
    assert find(method, path) is page


@pytest.mark.parametrize("path", ["/", "/health", "/metrics/", "/2015-03-31/functions/function/invocations"])
def test_there_is_nothing_else(path: str) -> None:
    refusal = find("GET", path)

    assert isinstance(refusal, Response)
    assert refusal.status == 404


def test_nothing_can_be_changed() -> None:
    refusal = find("POST", "/metrics")

    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers) == (405, (("Allow", "GET, HEAD"),))


@pytest.mark.parametrize("phase", SERVING)
def test_an_environment_whose_init_has_succeeded_is_ready_until_it_shuts_down(phase: Phase) -> None:
    assert (readiness(phase, Status.SUCCESS).status, readiness(phase, Status.SUCCESS).body) == (200, b"ready\n")


@pytest.mark.parametrize("phase", [Phase.SHUTDOWN, Phase.ENDED])
@pytest.mark.parametrize("last_init", [None, Status.SUCCESS])
def test_an_environment_that_shuts_down_is_not_ready(phase: Phase, last_init: Status | None) -> None:
    answer = readiness(phase, last_init)

    assert (answer.status, answer.body) == (503, b"not ready: shutting down\n")


@pytest.mark.parametrize("last_init", [None, Status.ERROR, Status.TIMEOUT])
def test_an_environment_is_not_ready_before_an_init_has_succeeded(last_init: Status | None) -> None:
    answer = readiness(Phase.INIT, last_init)

    assert (answer.status, answer.body) == (503, b"not ready: Init is under way\n")


@pytest.mark.parametrize("phase", [Phase.COLD, Phase.RESET])
def test_an_environment_whose_init_has_failed_is_not_ready(phase: Phase) -> None:
    answer = readiness(phase, Status.ERROR)

    assert (answer.status, answer.body) == (503, b"not ready: Init failed; the next invocation tries again\n")


def test_an_environment_that_waits_for_its_first_invocation_is_ready() -> None:
    assert readiness(Phase.COLD, None).status == 200
