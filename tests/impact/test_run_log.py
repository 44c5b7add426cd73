import pytest

from supervisor.impact.run_log import Run, read_run

LOG = """\
INIT_START Runtime Version: \tRuntime Version ARN: \n\
hello from the function
EXTENSION\tName: quiet\tState: Ready\tEvents: [INVOKE, SHUTDOWN]
EXTENSION\tName: broken\tState: LaunchError\tEvents: []\tError Type: PermissionDenied
START RequestId: 1 Version: $LATEST
END RequestId: 1
REPORT RequestId: 1\tDuration: 16.70 ms\tBilled Duration: 906 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t\
Init Duration: 888.55 ms\t
REPORT RequestId: 2\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 41 MB\t
"""
RUN = Run(("quiet",), 888.55, (16.70, 2.00), memory_used_mb=41, memory_size_mb=128)


def test_a_run_is_read_from_the_platforms_lines_whatever_else_was_written() -> None:
    assert read_run(LOG.splitlines()) == RUN


def test_a_run_whose_lines_have_prefixes_is_the_same_run() -> None:
    lines = [f"[{'function' if 'hello' in line else 'platform'}] {line}" for line in LOG.splitlines()]

    assert read_run(lines) == RUN


def test_what_an_invocation_is_billed_for_does_not_contain_the_init_before_it() -> None:
    assert read_run(LOG.splitlines()).billed_ms == (17, 2)


def test_an_init_inside_an_invocation_has_no_duration_of_its_own() -> None:
    assert read_run(LOG.replace("Init Duration: 888.55 ms\t", "").splitlines()).init_ms is None


def test_a_log_without_a_report_is_no_run() -> None:
    with pytest.raises(ValueError, match="reported no invocation"):
        read_run(["START RequestId: 1 Version: $LATEST"])
