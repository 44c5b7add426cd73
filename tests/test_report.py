import os
from collections.abc import Callable

from supervisor.function import Function
from supervisor.lifecycle.invocation import Invocation
from supervisor.lifecycle.milestones import SUCCEEDED as SUCCESS
from supervisor.lifecycle.milestones import (
    InitPhase,
    InitReported,
    InitStarted,
    InvocationReported,
    InvocationStarted,
    RuntimeDone,
)
from supervisor.log import Log
from supervisor.report import Report
from supervisor.system.clock import Clock
from supervisor.system.console import Console
from supervisor.system.memory import Memory
from supervisor.system.reactor import Reactor
from supervisor.telemetry.hub import Telemetry
from supervisor.telemetry.log_format import TextFormat
from tests.telemetry.test_hub import Subscribers, subscription

ORDERS = Function("orders", "$LATEST", "app.handler", 3, 256, "eu-west-1", "111122223333", "group", "stream")
INVOCATION = Invocation("6d2f7d0e-6d55-4c9c-a6d0-0e5f7f0c2b11")


async def test_what_is_told_after_the_output_before_it_has_a_later_moment_too() -> None:
    clock, drained, told = Clock(), [0.0], [0.0]

    def epoch(moment: float) -> float:
        told.append(moment)
        return moment

    telemetry = Telemetry(ORDERS, epoch, Subscribers())
    console = Console(os.open(os.devnull, os.O_WRONLY), Reactor())
    log = Log(console, console, telemetry, Reactor())
    memory = Memory(os.getpid())
    report = Report(TextFormat(ORDERS), log, telemetry, memory, lambda: drained.append(clock.now()))
    report.tell(InitStarted(InitPhase.INIT))
    report.subscribe("shipper", subscription())
    reports: list[Callable[[], None]] = [
        lambda: report.tell(InitReported(InitPhase.INIT, SUCCESS, 0.1)),
        lambda: report.begin_invocation(InvocationStarted(INVOCATION)),
        lambda: report.end_runtime(RuntimeDone(INVOCATION, SUCCESS, 0.1)),
        lambda: report.end_invocation(InvocationReported(INVOCATION, SUCCESS, 0.1)),
    ]

    for number, tell in enumerate(reports, 1):
        tell()

        assert len(drained) == number + 1
        assert told[-1] > drained[-1]
    memory.close()
