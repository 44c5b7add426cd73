"""The platform's lines in the log, character by character."""

import pytest

from supervisor.function import InitializationType
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.milestones import (
    Ending,
    ExtensionReported,
    InitPhase,
    InitReported,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    RestoreReported,
    RestoreStarted,
    Status,
)
from supervisor.telemetry import log_lines

FAILED = Ending(Status.ERROR, "Runtime.ExitError")
TIMED_OUT = Ending(Status.TIMEOUT)
ON_DEMAND = InitializationType.ON_DEMAND


def test_only_an_init_of_its_own_has_a_start_line() -> None:
    assert log_lines.init_start(InitStarted(InitPhase.INIT)) == "INIT_START Runtime Version: \tRuntime Version ARN: \n"
    assert log_lines.init_start(InitStarted(InitPhase.INVOKE)) == ""


def test_an_extension_is_shown_with_its_state_events_and_error() -> None:
    ready = ExtensionReported("a.sh", "Ready", ("INVOKE", "SHUTDOWN"))
    failed = ExtensionReported("b", "LaunchError", (), "PermissionDenied")

    assert log_lines.extension(ready) == "EXTENSION\tName: a.sh\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"
    expected = "EXTENSION\tName: b\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n"
    assert log_lines.extension(failed) == expected


def test_an_init_is_reported_when_it_failed() -> None:
    init, invoke = InitPhase.INIT, InitPhase.INVOKE

    assert log_lines.init_report(InitReported(init, Ending(), 1.0), ON_DEMAND) == ""
    assert (
        log_lines.init_report(InitReported(init, TIMED_OUT, 10.00804), ON_DEMAND)
        == "INIT_REPORT Init Duration: 10008.04 ms\tPhase: init\tStatus: timeout\n"
    )
    assert (
        log_lines.init_report(InitReported(invoke, FAILED, 0.5), ON_DEMAND)
        == "INIT_REPORT Init Duration: 500.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n"
    )


@pytest.mark.rule("lifecycle/init-report-ahead")
@pytest.mark.parametrize(
    "initialization_type", [InitializationType.PROVISIONED_CONCURRENCY, InitializationType.SNAP_START]
)
def test_an_init_ahead_of_the_first_invocation_is_always_reported(initialization_type: InitializationType) -> None:
    reported = InitReported(InitPhase.INIT, Ending(), 1.0)

    line = log_lines.init_report(reported, initialization_type)

    assert line == "INIT_REPORT Init Duration: 1000.00 ms\tPhase: init\n"


@pytest.mark.rule("lifecycle/restore-lines")
def test_a_restore_has_two_lines_and_its_place_in_the_report() -> None:
    report = log_lines.end_and_report(
        InvocationReported(Invocation("8d6e"), Ending(), 0.0014, None, None, 0.2141), 128, 9
    )

    assert log_lines.restore(RestoreStarted()) == "RESTORE_START Runtime Version: \tRuntime Version ARN: \n"
    assert log_lines.restore(RestoreReported(Ending(), 0.2141)) == "RESTORE_REPORT Restore Duration: 214.10 ms\n"
    assert (
        log_lines.restore(RestoreReported(FAILED, 1.5))
        == "RESTORE_REPORT Restore Duration: 1500.00 ms\tStatus: error\tError Type: Runtime.ExitError\n"
    )
    assert report.endswith(
        "\tDuration: 1.40 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 9 MB\t"
        "Restore Duration: 214.10 ms\tBilled Restore Duration: 215 ms\t\n"
    )


def test_start_end_and_report_have_one_request_id() -> None:
    invocation = Invocation("8d6e")

    assert log_lines.start(InvocationStarted(invocation), "7") == "START RequestId: 8d6e Version: 7\n"
    assert log_lines.end_and_report(InvocationReported(invocation, Ending(), 0.93359), 128, 9) == (
        "END RequestId: 8d6e\n"
        "REPORT RequestId: 8d6e\tDuration: 933.59 ms\tBilled Duration: 934 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 9 MB\t\n"
    )


def test_the_first_report_has_the_init_duration_and_bills_it() -> None:
    milestone = InvocationReported(Invocation("8d6e"), Ending(), 0.0167, 0.88855)

    line = log_lines.end_and_report(milestone, 128, 9)

    assert line.endswith(
        "Billed Duration: 906 ms\tMemory Size: 128 MB\tMax Memory Used: 9 MB\tInit Duration: 888.55 ms\t\n"
    )


@pytest.mark.parametrize(
    ("ending", "end"),
    [
        (TIMED_OUT, "Max Memory Used: 9 MB\tStatus: timeout\n"),
        (FAILED, "\tStatus: error\tError Type: Runtime.ExitError\n"),
    ],
)
def test_the_report_of_a_failure_says_so_and_ends_without_a_tab(ending: Ending, end: str) -> None:
    assert log_lines.end_and_report(InvocationReported(Invocation("8d6e"), ending, 3.0), 128, 9).endswith(end)


@pytest.mark.rule("lifecycle/billed-duration-rounds-up")
@pytest.mark.parametrize(
    ("duration", "init_duration", "billed"),
    [(0.001, None, 1), (0.00101, None, 2), (0.0, None, 0), (0.13361, 0.08, 214), (3.0, 0.81672, 3817)],
)
def test_what_is_billed_is_rounded_up_to_a_millisecond(duration: float, init_duration: float, billed: int) -> None:
    assert log_lines.billed_ms(duration, init_duration) == billed
