"""Each milestone in each schema version: which records there are, and with which keys and values."""

import json
from collections.abc import Iterable
from typing import Final

import pytest

from supervisor.function import Function
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.milestones import (
    Ending,
    ExtensionReported,
    InitPhase,
    InitReported,
    InitRuntimeDone,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    Milestone,
    RestoreReported,
    RestoreRuntimeDone,
    RestoreStarted,
    RuntimeDone,
    ShutdownEnded,
    ShutdownStarted,
    Status,
)
from supervisor.lifecycle.states import ShutdownReason
from supervisor.telemetry.platform_records import Platform
from supervisor.telemetry.subscription import Api, Category, SchemaVersion, Subscription, TcpDestination

FUNCTION = Function(
    name="orders",
    version="$LATEST",
    handler="app.handler",
    timeout=2,
    memory_mb=256,
    region="eu-west-1",
    account_id="111122223333",
    log_group="/aws/lambda/orders",
    log_stream="2031/04/03/[$LATEST]0f0f",
)
PLATFORM: Final = Platform(FUNCTION, lambda moment: 1_932_984_672.0 + moment)
"""The lifecycle's clock began at 2031-04-03T12:11:12Z."""

REQUEST_ID = "6d2f7d0e-6d55-4c9c-a6d0-0e5f7f0c2b11"
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:orders"
INVOCATION = Invocation(REQUEST_ID, invoked_function_arn=ARN, trace_id="Root=1-1;Parent=2;Sampled=0")
TRACE = "Root=1-1;Parent=2;Sampled=1"
TRACED = Invocation(REQUEST_ID, invoked_function_arn=ARN, trace_id=TRACE, tenant_id="blue")
TRACING = {"type": "X-Amzn-Trace-Id", "value": TRACE}

LOGS_1, LOGS_2, A, B, C = SchemaVersion
TELEMETRY = (A, B, C)
LOGS = (LOGS_1, LOGS_2)

SUCCESS = Ending()
TIMED_OUT = Ending(Status.TIMEOUT)
EXITED = Ending(Status.ERROR, "Runtime.ExitError")

Records = list[tuple[str, object]]


def told(milestone: Milestone, schema: SchemaVersion, *, max_memory_used_mb: int = 61) -> Records:
    """The types and contents of the records that *milestone* is in *schema*."""
    records = PLATFORM.notice(milestone, 5.25, max_memory_used_mb).records(schema)
    parsed = [json.loads(record.data) for record in records]
    assert all(item["time"] == "2031-04-03T12:11:17.250Z" for item in parsed)
    assert [json.loads(record.content) for record in records] == [item["record"] for item in parsed]
    return [(item["type"], item["record"]) for item in parsed]


def every(content: object, schemas: Iterable[SchemaVersion]) -> dict[SchemaVersion, object]:
    return dict.fromkeys(schemas, content)


INIT = {"initializationType": "on-demand", "phase": "init"}
INSTANCE = {
    "functionName": "orders",
    "functionVersion": "$LATEST",
    "instanceId": "2031/04/03/[$LATEST]0f0f",
    "instanceMaxMemory": 268_435_456,
}
START = {"requestId": REQUEST_ID, "version": "$LATEST"}
READY = {"name": "shipper", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
BROKEN = {"name": "shipper", "state": "InitError", "events": []}


@pytest.mark.rule("telemetry-api/record-for-each-schema")
@pytest.mark.parametrize(
    ("milestone", "kind", "expected"),
    [
        (
            InitStarted(InitPhase.INIT),
            "platform.initStart",
            {A: INIT, B: {**INIT, **INSTANCE}, C: {**INIT, **INSTANCE}},
        ),
        (
            InitRuntimeDone(InitPhase.INVOKE, SUCCESS),
            "platform.initRuntimeDone",
            every({**INIT, "phase": "invoke", "status": "success"}, TELEMETRY),
        ),
        (
            InitRuntimeDone(InitPhase.INIT, EXITED),
            "platform.initRuntimeDone",
            every({**INIT, "status": "error", "errorType": "Runtime.ExitError"}, TELEMETRY),
        ),
        (
            InitReported(InitPhase.INIT, SUCCESS, 0.6528714),
            "platform.initReport",
            {
                A: {**INIT, "metrics": {"durationMs": 652.871}},
                B: {**INIT, "status": "success", "metrics": {"durationMs": 652.871}},
                C: {**INIT, "status": "success", "metrics": {"durationMs": 652.871}},
            },
        ),
        (
            InitReported(InitPhase.INIT, EXITED, 1.0),
            "platform.initReport",
            {
                A: {**INIT, "metrics": {"durationMs": 1000.0}},
                B: {
                    **INIT,
                    "status": "error",
                    "errorType": "Runtime.ExitError",
                    "metrics": {"durationMs": 1000.0},
                },
            },
        ),
        (RestoreStarted(), "platform.restoreStart", {A: {}, B: INSTANCE, C: INSTANCE}),
        (RestoreRuntimeDone(SUCCESS), "platform.restoreRuntimeDone", every({"status": "success"}, TELEMETRY)),
        (
            RestoreRuntimeDone(EXITED),
            "platform.restoreRuntimeDone",
            every({"status": "error", "errorType": "Runtime.ExitError"}, TELEMETRY),
        ),
        (
            RestoreReported(SUCCESS, 0.2145),
            "platform.restoreReport",
            {
                A: {"metrics": {"durationMs": 214.5}},
                B: {"status": "success", "metrics": {"durationMs": 214.5}},
                C: {"status": "success", "metrics": {"durationMs": 214.5}},
            },
        ),
        (
            RestoreReported(TIMED_OUT, 10.0),
            "platform.restoreReport",
            {A: {"metrics": {"durationMs": 10000.0}}, B: {"status": "timeout", "metrics": {"durationMs": 10000.0}}},
        ),
        (
            ExtensionReported("shipper", "Ready", ("INVOKE", "SHUTDOWN")),
            "platform.extension",
            every(READY, SchemaVersion),
        ),
        (
            ExtensionReported("shipper", "InitError", (), "Extension.Broken"),
            "platform.extension",
            {
                LOGS_1: BROKEN,
                LOGS_2: BROKEN,
                A: BROKEN,
                B: {**BROKEN, "errorType": "Extension.Broken"},
                C: {**BROKEN, "errorType": "Extension.Broken"},
            },
        ),
        (
            InvocationStarted(INVOCATION),
            "platform.start",
            {LOGS_1: START, LOGS_2: START, A: START, B: START, C: {**START, "functionArn": ARN}},
        ),
        (
            InvocationStarted(TRACED),
            "platform.start",
            {
                LOGS_1: START,
                LOGS_2: START,
                A: {**START, "tracing": TRACING},
                B: {**START, "tracing": TRACING},
                C: {**START, "functionArn": ARN, "tenantId": "blue", "tracing": TRACING},
            },
        ),
    ],
)
def test_a_milestone_has_the_keys_of_each_schema_version(
    milestone: Milestone, kind: str, expected: dict[SchemaVersion, object]
) -> None:
    for schema, content in expected.items():
        assert told(milestone, schema) == [(kind, content)]
    for schema in set(LOGS) - set(expected):
        assert told(milestone, schema) == []


MOMENTS = (1.0, 1.04011, 1.040192, 1.040796)
RENDERED_SPANS = [
    {"name": "responseLatency", "start": "2031-04-03T12:11:13.000Z", "durationMs": 40.11},
    {"name": "responseDuration", "start": "2031-04-03T12:11:13.040Z", "durationMs": 0.082},
    {"name": "runtimeOverhead", "start": "2031-04-03T12:11:13.040Z", "durationMs": 0.604},
]


def test_a_runtime_that_is_done_has_its_spans_and_its_metrics() -> None:
    milestone = RuntimeDone(TRACED, SUCCESS, 0.041015, 37, MOMENTS)
    expected = {
        "requestId": REQUEST_ID,
        "status": "success",
        "spans": RENDERED_SPANS,
        "metrics": {"durationMs": 41.015, "producedBytes": 37},
        "tracing": TRACING,
    }

    assert told(milestone, A) == told(milestone, B) == [("platform.runtimeDone", expected)]
    assert told(milestone, C) == [("platform.runtimeDone", {**expected, "tenantId": "blue"})]
    assert told(milestone, LOGS_2) == [("platform.runtimeDone", {"requestId": REQUEST_ID, "status": "success"})]
    assert told(milestone, LOGS_1) == []


@pytest.mark.parametrize(
    ("ending", "telemetry", "logs"),
    [
        (TIMED_OUT, {"status": "timeout"}, "timeout"),
        (EXITED, {"status": "error", "errorType": "Runtime.ExitError"}, "failure"),
        (
            Ending(Status.FAILURE, "Sandbox.Failure"),
            {"status": "failure", "errorType": "Sandbox.Failure"},
            "failure",
        ),
    ],
)
def test_a_runtime_that_was_cut_off_has_no_spans_and_the_logs_api_no_errors(
    ending: Ending, telemetry: dict[str, str], logs: str
) -> None:
    milestone = RuntimeDone(INVOCATION, ending, 2.001357)
    metrics = {"durationMs": 2001.357, "producedBytes": 0}

    for schema in TELEMETRY:
        assert told(milestone, schema) == [
            ("platform.runtimeDone", {"requestId": REQUEST_ID, **telemetry, "metrics": metrics})
        ]
    assert told(milestone, LOGS_2) == [("platform.runtimeDone", {"requestId": REQUEST_ID, "status": logs})]


COLD_METRICS = {
    "durationMs": 1005.219,
    "billedDurationMs": 1583,
    "memorySizeMB": 256,
    "maxMemoryUsedMB": 61,
    "initDurationMs": 576.96,
}
OVERHEAD = {"name": "extensionOverhead", "start": "2031-04-03T12:11:17.000Z", "durationMs": 250.0}


@pytest.mark.rule("lifecycle/restore-duration-on-first-report")
def test_a_report_after_a_restore_has_its_duration_where_the_schema_has_it() -> None:
    milestone = InvocationReported(INVOCATION, SUCCESS, 0.0014, None, None, 0.2141)

    metrics = {}
    for schema in SchemaVersion:
        *_, (_, content) = told(milestone, schema)
        assert isinstance(content, dict)
        metrics[schema] = content["metrics"]

    warm = {"durationMs": 1.4, "billedDurationMs": 2, "memorySizeMB": 256, "maxMemoryUsedMB": 61}
    restored = {**warm, "restoreDurationMs": 214.1}
    billed = {**restored, "billedRestoreDurationMs": 215}
    assert metrics == {LOGS_1: warm, LOGS_2: warm, A: restored, B: billed, C: billed}


def test_a_report_has_its_metrics_and_its_overhead() -> None:
    milestone = InvocationReported(TRACED, SUCCESS, 1.005219, 0.57696, (5.0, 5.25))
    expected = {
        "requestId": REQUEST_ID,
        "status": "success",
        "metrics": COLD_METRICS,
        "spans": [OVERHEAD],
        "tracing": TRACING,
    }
    of_logs = {"requestId": REQUEST_ID, "metrics": COLD_METRICS, "tracing": TRACING}

    assert told(milestone, A) == told(milestone, B) == [("platform.report", expected)]
    assert told(milestone, C) == [("platform.report", {**expected, "tenantId": "blue"})]
    for schema in LOGS:
        assert told(milestone, schema) == [("platform.end", {"requestId": REQUEST_ID}), ("platform.report", of_logs)]


@pytest.mark.rule("telemetry-api/runtime-exit", "telemetry-api/both-apis-at-once")
@pytest.mark.parametrize(
    ("ending", "members", "fault"),
    [
        (TIMED_OUT, {"status": "timeout"}, f"RequestId: {REQUEST_ID}\tStatus: timeout\n"),
        (
            EXITED,
            {"status": "error", "errorType": "Runtime.ExitError"},
            f"RequestId: {REQUEST_ID}\tStatus: error\tErrorType: Runtime.ExitError\n",
        ),
    ],
)
def test_a_failed_invocation_is_a_fault_in_the_logs_api_alone(
    ending: Ending, members: dict[str, str], fault: str
) -> None:
    milestone = InvocationReported(INVOCATION, ending, 2.0)
    metrics = {"durationMs": 2000.0, "billedDurationMs": 2000, "memorySizeMB": 256, "maxMemoryUsedMB": 61}

    for schema in TELEMETRY:
        assert told(milestone, schema) == [
            ("platform.report", {"requestId": REQUEST_ID, **members, "metrics": metrics})
        ]
    for schema in LOGS:
        assert told(milestone, schema) == [
            ("platform.fault", fault),
            ("platform.end", {"requestId": REQUEST_ID}),
            ("platform.report", {"requestId": REQUEST_ID, "metrics": metrics}),
        ]


def test_durations_have_a_decimal_point_and_counts_have_none() -> None:
    notice = PLATFORM.notice(InvocationReported(INVOCATION, SUCCESS, 5.0, 0.0), 6.0, 61)

    assert (
        b'"metrics":{"durationMs":5000.0,"billedDurationMs":5000,"memorySizeMB":256,"maxMemoryUsedMB":61,'
        b'"initDurationMs":0.0}' in notice.records(B)[0].data
    )


def test_what_is_rendered_for_one_subscriber_is_there_for_the_next() -> None:
    notice = PLATFORM.notice(InvocationStarted(INVOCATION), 6.0, 61)

    assert notice.records(B) is notice.records(B)


@pytest.mark.parametrize("schema", SchemaVersion)
def test_a_shutdown_is_not_told(schema: SchemaVersion) -> None:
    assert told(ShutdownStarted(ShutdownReason.SPINDOWN), schema) == []
    assert told(ShutdownEnded(ShutdownReason.SPINDOWN, 0.3), schema) == []


@pytest.mark.rule("telemetry-api/both-apis-at-once")
@pytest.mark.parametrize("own", SchemaVersion)
@pytest.mark.parametrize(("repeated", "state"), [(False, "Subscribed"), (True, "Already subscribed")])
def test_a_subscription_is_told_to_subscribers_of_its_api(own: SchemaVersion, repeated: bool, state: str) -> None:
    subscription = Subscription(own, (Category.FUNCTION, Category.PLATFORM), TcpDestination(4310))
    notice = PLATFORM.subscription_notice("shipper", subscription, 5.25, repeated=repeated)
    kind = "platform.logsSubscription" if own.api is Api.LOGS else "platform.telemetrySubscription"

    for schema in SchemaVersion:
        records = [json.loads(record.data) for record in notice.records(schema)]
        expected = {
            "time": "2031-04-03T12:11:17.250Z",
            "type": kind,
            "record": {"name": "shipper", "state": state, "types": ["function", "platform"]},
        }
        assert records == ([expected] if schema.api is own.api else [])
