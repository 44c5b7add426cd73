"""The credentials endpoint of SnapStart."""

import json

import pytest

from supervisor.api.credentials_api import Credentials, answer
from supervisor.api.http import Request

ENVIRON = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session"}
PATH = "/2021-04-23/credentials"


@pytest.mark.rule("runtime-api/credentials")
def test_whoever_has_the_token_gets_the_keys_for_an_hour() -> None:
    request = Request("GET", PATH, headers={"authorization": "token"})

    response = answer(request, Credentials.given_by(ENVIRON, "token"), 1_932_984_672.0)

    assert (response.status, dict(response.headers)["Content-Type"].partition(";")[0]) == (200, "text/plain")
    assert json.loads(bytes(response.body)) == {
        "AccessKeyId": "AKIA",
        "SecretAccessKey": "secret",
        "Token": "session",
        "Expiration": "2031-04-03T13:11:12.000Z",
    }


@pytest.mark.rule("runtime-api/credentials-token")
@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"authorization": "Bearer token"}])
def test_whoever_has_not_gets_404(headers: dict[str, str]) -> None:
    response = answer(Request("GET", PATH, headers=headers), Credentials.given_by({}, "token"), 0.0)

    assert (response.status, response.body) == (404, b"cannot get credentials for the provided token\n")
