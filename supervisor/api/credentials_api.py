"""The credentials endpoint of SnapStart, 2021-04-23: a snapshot must hold no keys, so its processes ask for them.

(RIE 1.170 `rapi/handler/credentials.go`. The SDKs of AWS find it by `AWS_CONTAINER_CREDENTIALS_FULL_URI`.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from supervisor.api.http import TEXT, Request, Response, render_json
from supervisor.telemetry.records import timestamp

LIFETIME_SECONDS: Final = 3600
"""How long a client may keep what it gets. Ours: when our own credentials end is not known here."""

UNKNOWN_TOKEN: Final = Response(404, (TEXT,), b"cannot get credentials for the provided token\n")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of the function's role, and the token by which its processes get them."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    authorization: str

    @classmethod
    def given_by(cls, environ: Mapping[str, str], authorization: str) -> "Credentials":
        """The credentials in the usual variables; those that are not set are empty (as in RIE 1.170)."""
        return cls(
            environ.get("AWS_ACCESS_KEY_ID", ""),
            environ.get("AWS_SECRET_ACCESS_KEY", ""),
            environ.get("AWS_SESSION_TOKEN", ""),
            authorization,
        )


def answer(request: Request, credentials: Credentials, now: float) -> Response:
    """The credentials for whoever has the token; *now* is in seconds since 1970."""
    if request.headers.get("authorization") != credentials.authorization:
        return UNKNOWN_TOKEN
    body = {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "Token": credentials.session_token,
        "Expiration": timestamp(now + LIFETIME_SECONDS),
    }
    return Response(200, (TEXT,), render_json(body))
