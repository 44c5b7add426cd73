"""The errors carry their HTTP answer, and faults have Lambda's own names."""

import pytest

from supervisor.errors import Fault, ProtocolError, SupervisorError, UsageError, fault_of_runtime


@pytest.mark.parametrize(
    ("error_type", "fault"),
    [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.NoSuchHandler", "Function.NoSuchHandler"),
        ("MyRuntime.SomeReason", "MyRuntime.SomeReason"),
        ("Runtime.SomeReason.Detail", "Runtime.SomeReason.Detail"),
        ("Function.Ab", "Function.Ab"),
        ("Function.A", "Function.Unknown"),
        ("Function.someReason", "Function.Unknown"),
        ("Function.", "Function.Unknown"),
        ("MyFunction.someReason", "Runtime.Unknown"),
        ("Runtime.someReason", "Runtime.Unknown"),
        ("Runtime.R2", "Runtime.Unknown"),
        ("runtime.SomeReason", "Runtime.Unknown"),
        ("Extension.SomeReason", "Runtime.Unknown"),
        ("ValueError", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
    ],
)
def test_an_error_type_of_the_runtime_is_kept_when_it_has_the_form_of_one(error_type: str, fault: str) -> None:
    assert fault_of_runtime(error_type) == fault


def test_a_refusal_says_what_and_why_in_one_line() -> None:
    error = ProtocolError(403, "Extension.InvalidEventType", "FOO: ErrorInvalidEventType")

    assert (error.http_status, error.error_type, error.message) == (
        403,
        "Extension.InvalidEventType",
        "FOO: ErrorInvalidEventType",
    )
    assert str(error) == "Extension.InvalidEventType: FOO: ErrorInvalidEventType"


def test_everything_that_is_raised_on_purpose_has_one_root() -> None:
    assert issubclass(ProtocolError, SupervisorError)
    assert issubclass(UsageError, SupervisorError)


def test_a_fault_is_its_name_on_the_wire() -> None:
    assert f"{Fault.SANDBOX_TIMEDOUT}" == "Sandbox.Timedout"
