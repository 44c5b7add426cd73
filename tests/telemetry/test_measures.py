"""What happens is counted where it belongs, by what the lifecycle really says of it."""

from collections.abc import Mapping, Sequence

import pytest

from supervisor.errors import Fault
from supervisor.lifecycle.effects import AnswerCaller, FreezeEnvironment, ThawEnvironment
from supervisor.lifecycle.events import (
    EnvironmentStarted,
    ErrorReceived,
    ErrorStarted,
    Event,
    ExtensionExited,
    InvocationArrived,
    ResponseReceived,
    ResponseStarted,
    RuntimeExited,
    RuntimeInitErrorReported,
    RuntimePolled,
    ShutdownRequested,
    TimePassed,
    UploadOversized,
)
from supervisor.lifecycle.exits import CLEAN_EXIT, ExitStatus
from supervisor.lifecycle.invocation import FunctionResponse, Invocation, StreamError
from supervisor.lifecycle.machine import Lifecycle
from supervisor.lifecycle.milestones import InitPhase, Status
from supervisor.lifecycle.model import Settings
from supervisor.lifecycle.states import Phase, ShutdownReason
from supervisor.telemetry.distributions import SECONDS, Histogram, Total
from supervisor.telemetry.extension_measures import KEPT_NAMES, OTHER_NAME
from supervisor.telemetry.measures import Measures
from supervisor.telemetry.phase_measures import OTHER_FAULT
from tests.lifecycle.story import TIMEOUT, polled, registered

FIRST, SECOND = Invocation("first"), Invocation("second")
KILLED = ExitStatus(signal=9)


class Counted:
    """A lifecycle, and the measures that see all of it."""

    def __init__(self, *extensions: str, queue_size: int = 100) -> None:
        self.lifecycle = Lifecycle(Settings(TIMEOUT, extensions, queue_size))
        self.measures = Measures()

    def tell(self, at: float, *events: Event) -> None:
        for event in events:
            self.measures.see(event, self.lifecycle.handle(event, at), at)

    def wait(self) -> float:
        """Let time pass until something is due; when that is."""
        deadline = self.lifecycle.deadline
        assert deadline is not None
        self.tell(deadline, TimePassed())
        return deadline


def ready(extensions: Mapping[str, str] | None = None) -> Counted:
    """An environment whose init has taken half a second."""
    extensions = extensions or {}
    counted = Counted(*extensions)
    counted.tell(0.0, EnvironmentStarted())
    registrations = [registered(name, *events.split()) for name, events in extensions.items()]
    counted.tell(0.5, *registrations, RuntimePolled(), *map(polled, extensions))
    return counted


def respond(invocation: Invocation, payload: bytes = b"{}") -> Sequence[Event]:
    return ResponseStarted(invocation.request_id), ResponseReceived(payload), RuntimePolled()


def values(histogram: Histogram) -> tuple[int, object]:
    return sum(histogram.counts), pytest.approx(histogram.sum)


def total(value: Total) -> tuple[int, object]:
    return value.count, pytest.approx(value.sum)


def test_a_value_belongs_to_the_first_class_whose_bound_it_does_not_exceed() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.0, 1.0, 1.5, 2.0, 2.5):
        histogram.add(value)

    assert (histogram.counts, histogram.sum) == ([2, 2, 1], 7.0)


def test_the_classes_end_where_a_function_may_no_longer_run() -> None:
    assert list(SECONDS) == sorted(set(SECONDS))
    assert SECONDS[-1] == 900


def test_an_invocation_is_counted_with_its_durations() -> None:
    counted = ready()
    counted.tell(1.0, InvocationArrived(FIRST))
    counted.tell(1.25, ResponseStarted("first"))
    counted.tell(1.5, ResponseReceived(b"12345"))
    counted.tell(2.0, RuntimePolled())

    invocations = counted.measures.invocations
    assert {outcome: count for outcome, count in invocations.outcomes.items() if count} == {"success": 1}
    assert values(invocations.durations) == (1, 1.0)
    # The first one pays for the init.
    assert invocations.billed_ms == 1500
    assert values(invocations.response_latencies) == (1, 0.25)
    assert invocations.response_bytes == 5
    assert values(invocations.extension_overheads) == (1, 0.0)
    assert values(invocations.waits) == (1, 0.0)


def test_the_time_in_the_line_is_counted_of_those_who_waited() -> None:
    counted = ready()
    counted.tell(1.0, InvocationArrived(FIRST))
    counted.tell(1.5, InvocationArrived(SECOND))
    assert counted.lifecycle.queue_depth == 1
    counted.tell(2.0, *respond(FIRST))

    assert counted.lifecycle.queue_depth == 0
    assert values(counted.measures.invocations.waits) == (2, 0.5)


def test_an_init_inside_an_invocation_is_no_time_in_the_line() -> None:
    counted = ready()
    counted.tell(1.0, RuntimeExited(CLEAN_EXIT))
    counted.tell(2.0, InvocationArrived(FIRST))
    counted.tell(2.5, RuntimePolled())

    assert values(counted.measures.invocations.waits) == (1, 0.0)


def test_what_the_function_says_is_an_error_is_one_of_its_own() -> None:
    counted = ready()
    counted.tell(1.0, InvocationArrived(FIRST), ErrorStarted("first"), ErrorReceived(b"{}"), RuntimePolled())

    invocations = counted.measures.invocations
    assert invocations.outcomes["function_error"] == 1
    assert not any(invocations.faults.counts.values())


def test_an_error_at_the_end_of_a_streamed_response_is_one_of_the_function() -> None:
    measures = Measures()
    outcome = FunctionResponse(b"half of it", stream_error=StreamError("Function.Error"))
    measures.see(TimePassed(), [AnswerCaller(FIRST, outcome)], 1.0)

    assert measures.invocations.outcomes["function_error"] == 1
    assert measures.invocations.outcomes["success"] == 0


def test_a_timeout_is_an_outcome_a_fault_and_a_reset() -> None:
    counted = ready()
    counted.tell(1.0, InvocationArrived(FIRST))
    counted.tell(counted.wait(), RuntimeExited(KILLED))

    measures = counted.measures
    assert measures.invocations.outcomes["timeout"] == 1
    assert measures.invocations.faults.counts[Fault.SANDBOX_TIMEDOUT] == 1
    assert measures.invocations.timeouts == 1
    assert values(measures.invocations.durations) == (1, TIMEOUT)
    assert values(measures.invocations.response_latencies) == (0, 0.0)
    assert measures.stops.resets == {ShutdownReason.TIMEOUT: 1, ShutdownReason.FAILURE: 0}
    assert measures.stops.runtime_kills == 1


def test_a_timeout_after_the_answer_is_a_success_for_the_caller() -> None:
    counted = ready({"x": "INVOKE"})
    counted.tell(1.0, InvocationArrived(FIRST), *respond(FIRST))
    counted.tell(counted.wait(), RuntimeExited(KILLED), ExtensionExited("x", KILLED))

    invocations = counted.measures.invocations
    assert (invocations.timeouts, invocations.outcomes["timeout"], invocations.outcomes["success"]) == (1, 0, 1)


def test_a_platform_error_that_the_environment_survives_is_a_fault() -> None:
    counted = ready()
    counted.tell(1.0, InvocationArrived(FIRST), ResponseStarted("first"), UploadOversized(), RuntimePolled())

    assert counted.measures.invocations.outcomes["platform_error"] == 1
    assert counted.measures.invocations.faults.counts[Fault.FUNCTION_RESPONSE_SIZE_TOO_LARGE] == 1


def test_whoever_waits_when_the_environment_ends_was_never_served() -> None:
    counted = ready()
    counted.tell(1.0, InvocationArrived(FIRST), InvocationArrived(SECOND), ShutdownRequested(), RuntimeExited(KILLED))

    assert counted.measures.invocations.outcomes["unavailable"] == 1
    assert counted.measures.invocations.outcomes["platform_error"] == 1
    assert values(counted.measures.stops.durations[ShutdownReason.SPINDOWN]) == (1, 0.0)
    assert not any(counted.measures.stops.resets.values())


def test_the_parts_of_an_init_add_up_to_it() -> None:
    counted = Counted("x", "y")
    counted.tell(0.0, EnvironmentStarted())
    counted.tell(0.25, registered("x"), registered("y"))
    counted.tell(1.0, polled("x"))
    counted.tell(1.25, RuntimePolled())
    counted.tell(1.5, polled("y"))

    inits = counted.measures.inits
    assert {part: histogram.sum for part, histogram in inits.parts.items()} == {
        "extension_init": 0.25,
        "runtime_init": 1.0,
        "extensions_ready": 0.25,
    }
    assert total(inits.durations[InitPhase.INIT][Status.SUCCESS]) == (1, 1.5)
    assert inits.last is Status.SUCCESS
    assert {name: total(one.inits) for name, one in counted.measures.extensions.by_name.items()} == {
        "x": (1, 1.0),
        "y": (1, 1.5),
    }


def test_a_failed_init_is_counted_with_its_fault_and_its_unfinished_parts_are_not() -> None:
    counted = Counted()
    counted.tell(0.0, EnvironmentStarted(), InvocationArrived(FIRST))
    counted.tell(0.5, RuntimeExited(ExitStatus(1)))
    counted.tell(0.75, RuntimeExited(KILLED))

    inits = counted.measures.inits
    assert total(inits.durations[InitPhase.INIT][Status.ERROR]) == (1, 0.5)
    assert total(inits.durations[InitPhase.INVOKE][Status.ERROR]) == (1, 0.25)
    assert inits.faults.counts[Fault.RUNTIME_EXIT_ERROR] == 2
    assert {part: values(histogram)[0] for part, histogram in inits.parts.items()} == {
        "extension_init": 2,
        "runtime_init": 0,
        "extensions_ready": 0,
    }
    assert inits.last is Status.ERROR
    assert counted.measures.stops.runtime_exits.counts == {"clean": 0, "failed": 1, "signalled": 1}
    assert counted.measures.stops.resets[ShutdownReason.FAILURE] == 2


def test_names_that_a_runtime_gives_its_faults_are_counted_as_one() -> None:
    counted = Counted()
    counted.tell(0.0, EnvironmentStarted())
    for name in ("Runtime.One", "Runtime.Two"):
        counted.tell(0.5, InvocationArrived(Invocation(name)))
        counted.tell(0.5, RuntimeInitErrorReported(b"{}", error_type=name), RuntimeExited(ExitStatus(1)))

    faults = counted.measures.inits.faults.counts
    assert {fault: count for fault, count in faults.items() if count} == {OTHER_FAULT: 2}


def test_an_extension_has_overhead_for_what_it_needs_after_the_runtime() -> None:
    counted = ready({"quick": "INVOKE", "slow": "INVOKE", "absent": "SHUTDOWN"})
    counted.tell(1.0, InvocationArrived(FIRST), polled("quick"))
    counted.tell(1.5, *respond(FIRST))
    counted.tell(1.75, polled("slow"))

    extensions = counted.measures.extensions.by_name
    assert {name: total(one.overheads) for name, one in extensions.items()} == {
        "quick": (1, 0.0),
        "slow": (1, 0.25),
        "absent": (0, 0.0),
    }
    assert values(counted.measures.invocations.extension_overheads) == (1, 0.25)


def test_an_extension_is_counted_from_its_shutdown_event_to_its_exit() -> None:
    counted = ready({"told": "SHUTDOWN", "untold": "INVOKE"})
    counted.tell(1.0, ShutdownRequested())
    counted.tell(1.25, RuntimeExited(ExitStatus(0, 15)))
    counted.tell(1.25, ExtensionExited("untold", KILLED))
    counted.tell(1.5, ExtensionExited("told", CLEAN_EXIT))

    told, untold = counted.measures.extensions.by_name.values()
    assert (total(told.departures), told.kills, told.exits.counts["clean"]) == ((1, 0.25), 0, 1)
    assert (total(untold.departures), untold.kills, untold.exits.counts["signalled"]) == ((0, 0.0), 1, 1)
    assert values(counted.measures.stops.durations[ShutdownReason.SPINDOWN]) == (1, 0.5)


def test_an_extension_that_stays_until_the_deadline_is_killed() -> None:
    counted = ready({"x": "SHUTDOWN"})
    counted.tell(1.0, ShutdownRequested(), RuntimeExited(CLEAN_EXIT))
    while counted.lifecycle.phase is not Phase.ENDED:
        counted.wait()

    assert counted.measures.extensions.by_name["x"].kills == 1


def test_a_freeze_is_counted_and_its_time_when_it_is_over() -> None:
    counted = Counted()
    counted.measures.see(TimePassed(), [FreezeEnvironment()], 1.0)
    assert (counted.measures.freezes.count, counted.measures.freezes.seconds) == (1, 0.0)

    counted.measures.see(InvocationArrived(FIRST), [ThawEnvironment()], 3.5)

    assert (counted.measures.freezes.count, counted.measures.freezes.seconds) == (1, 2.5)


def test_an_internal_extension_appears_when_it_registers() -> None:
    counted = Counted()
    counted.tell(0.0, EnvironmentStarted())
    counted.tell(0.25, registered("inside", "INVOKE"))
    counted.tell(0.5, RuntimePolled(), polled("inside"))

    assert total(counted.measures.extensions.by_name["inside"].inits) == (1, 0.25)


def test_of_names_that_change_with_every_reset_only_so_many_are_kept() -> None:
    counted = Counted()
    for number in range(2 * KEPT_NAMES):
        counted.tell(number, EnvironmentStarted(), InvocationArrived(FIRST))
        counted.tell(number, registered(f"inside-{number}"), RuntimeExited(CLEAN_EXIT), RuntimeExited(CLEAN_EXIT))

    names = list(counted.measures.extensions.by_name)
    assert len(names) == KEPT_NAMES + 1
    assert names[-1] == OTHER_NAME
