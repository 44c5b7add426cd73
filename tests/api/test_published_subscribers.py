"""The subscriptions that published extensions ask for, as they send them, are understood as they mean them."""

import json

import pytest

from supervisor.api.telemetry_api import subscription
from supervisor.telemetry.subscription import Api, Buffering, HttpDestination, SchemaVersion

OFTEN = {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25}
SELDOM = {"maxItems": 10000, "maxBytes": 262144, "timeoutMs": 1000}


def http(uri: str, **members: str) -> dict[str, str]:
    return {"protocol": "HTTP", "URI": uri, **members}


@pytest.mark.parametrize(
    ("api", "body", "schema", "port", "timeout"),
    [
        pytest.param(
            Api.TELEMETRY,
            {
                "schemaVersion": "2022-07-01",
                "buffering": SELDOM,
                "destination": http("http://sandbox.localdomain:9003"),
            },
            SchemaVersion.TELEMETRY_2022_07_01,
            9003,
            1.0,
            id="Rust, telemetry",
        ),
        pytest.param(
            Api.LOGS,
            {
                "schemaVersion": "2021-03-18",
                "buffering": SELDOM,
                "destination": http("http://sandbox.localdomain:9002"),
            },
            SchemaVersion.LOGS_2021_03_18,
            9002,
            1.0,
            id="Rust, logs",
        ),
        pytest.param(
            Api.TELEMETRY,
            {"schemaVersion": "2022-12-13", "buffering": OFTEN, "destination": http("http://sandbox:8999/")},
            SchemaVersion.TELEMETRY_2022_12_13,
            8999,
            0.025,
            id="Datadog",
        ),
        pytest.param(
            Api.LOGS,
            {"buffering": {**SELDOM, "timeoutMs": 500}, "destination": http("http://sandbox:45678")},
            SchemaVersion.LOGS_2020_08_15,
            45678,
            0.5,
            id="New Relic",
        ),
        pytest.param(
            Api.TELEMETRY,
            {
                "schemaVersion": "2022-12-13",
                "buffering": OFTEN,
                "destination": http("http://sandbox.localdomain:53612/", method="POST", encoding="JSON"),
            },
            SchemaVersion.TELEMETRY_2022_12_13,
            53612,
            0.025,
            id="OpenTelemetry",
        ),
        pytest.param(
            Api.LOGS,
            {"destination": http("http://sandbox:4243")},
            SchemaVersion.LOGS_2020_08_15,
            4243,
            1.0,
            id="the AWS sample in Python",
        ),
    ],
)
def test_a_published_extension_gets_the_subscription_that_it_means(
    api: Api, body: dict[str, object], schema: SchemaVersion, port: int, timeout: float
) -> None:
    understood = subscription(api, json.dumps({"types": ["platform", "function"], **body}).encode())

    assert understood.schema is schema
    assert understood.destination == HttpDestination(port, "/")
    assert understood.buffering == Buffering(understood.buffering.max_items, 262144, timeout)
