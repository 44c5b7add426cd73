"""Which request goes where."""

import pytest

from supervisor.api.http import NOT_FOUND, method_not_allowed
from supervisor.api.routes import ROUTES, Endpoint, Route, find


@pytest.mark.parametrize(("path", "row"), [row for row in ROUTES.items() if "{id}" not in row[0]])
def test_every_path_has_one_method_and_the_others_are_told_which(path: str, row: tuple[str, Endpoint]) -> None:
    method, endpoint = row

    assert find(method, path, snap_start=True) == Route(endpoint)
    assert find("DELETE", path, snap_start=True) == method_not_allowed(method)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/2018-06-01/runtime/invocation/8d6e/response", Endpoint.INVOCATION_RESPONSE),
        ("/2018-06-01/runtime/invocation/8d6e/error", Endpoint.INVOCATION_ERROR),
    ],
)
def test_the_request_id_is_part_of_the_path(path: str, endpoint: Endpoint) -> None:
    assert find("POST", path) == Route(endpoint, "8d6e")
    assert find("GET", path) == method_not_allowed("POST")


@pytest.mark.rule("runtime-api/percent-encoded-request-id")
def test_a_request_id_may_be_percent_encoded() -> None:
    path = "/2018-06-01/runtime/invocation/a%2Db/response"

    assert find("POST", path) == Route(Endpoint.INVOCATION_RESPONSE, "a-b")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/2018-06-01/runtime/invocation/next/",
        "/2018-06-01/runtime/invocation//response",
        "/2018-06-01/runtime/invocation/8d6e/response/",
        "/2018-06-01/runtime/invocation/{id}/responses",
        "/2020-01-01/extension",
    ],
)
def test_any_other_path_is_not_found(path: str) -> None:
    assert find("GET", path) == NOT_FOUND
    assert find("POST", path) == NOT_FOUND


@pytest.mark.rule("runtime-api/restore-endpoints-absent")
def test_without_snapstart_its_paths_do_not_exist() -> None:
    unknown = {path for path, (method, _) in ROUTES.items() if find(method, path) == NOT_FOUND}

    assert {path for path in unknown if "{id}" not in path} == {
        "/2018-06-01/runtime/restore/next",
        "/2018-06-01/runtime/restore/error",
        "/2021-04-23/credentials",
    }


def test_where_extensions_are_switched_off_their_paths_do_not_exist() -> None:
    for path, (method, _) in ROUTES.items():
        found = find(method, path.replace("{id}", "8d6e"), extensions_enabled=False, snap_start=True)
        assert (found == NOT_FOUND) == (not path.startswith(("/2018-06-01", "/2021-04-23")))
