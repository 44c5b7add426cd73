from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock

from supervisor.system.alarm import Alarm


class Ringing:
    """An alarm, and the moments at which it went off; all in seconds from the beginning."""

    def __init__(self, clock: MockClock) -> None:
        self.alarm = Alarm()
        self.moments: list[float] = []
        self._clock = clock
        self._beginning = clock.current_time()

    def set(self, at: float | None) -> None:
        self.alarm.set(None if at is None else self._beginning + at)

    def ring(self) -> None:
        self.moments.append(round(self._clock.current_time() - self._beginning, 6))


@asynccontextmanager
async def running(clock: MockClock) -> AsyncIterator[Ringing]:
    ringing = Ringing(clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ringing.alarm.run, ringing.ring)
        yield ringing
        nursery.cancel_scope.cancel()


async def test_an_alarm_goes_off_once_at_its_moment(autojump_clock: MockClock) -> None:
    async with running(autojump_clock) as it:
        it.set(3)
        await trio.sleep(100)

        assert it.moments == [3]


async def test_an_alarm_that_was_set_before_it_ran_goes_off(autojump_clock: MockClock) -> None:
    it = Ringing(autojump_clock)
    it.set(3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.alarm.run, it.ring)
        await trio.sleep(100)
        nursery.cancel_scope.cancel()

    assert it.moments == [3]


async def test_an_earlier_moment_takes_the_place_of_a_later_one(autojump_clock: MockClock) -> None:
    async with running(autojump_clock) as it:
        it.set(10)
        await trio.sleep(1)
        it.set(2)
        await trio.sleep(100)

        assert it.moments == [2]


async def test_a_later_moment_takes_the_place_of_an_earlier_one(autojump_clock: MockClock) -> None:
    async with running(autojump_clock) as it:
        it.set(2)
        await trio.sleep(1)
        it.set(10)
        await trio.sleep(100)

        assert it.moments == [10]


async def test_a_cleared_alarm_does_not_go_off(autojump_clock: MockClock) -> None:
    async with running(autojump_clock) as it:
        it.set(2)
        await trio.sleep(1)
        it.set(None)
        await trio.sleep(100)
        assert it.moments == []

        it.set(150)
        await trio.sleep(100)
        assert it.moments == [150]


async def test_a_moment_in_the_past_is_due_at_once(autojump_clock: MockClock) -> None:
    async with running(autojump_clock) as it:
        await trio.sleep(5)
        it.set(1)
        await trio.sleep(1)

        assert it.moments == [5]


async def test_whoever_is_called_may_set_the_alarm_again(autojump_clock: MockClock) -> None:
    it = Ringing(autojump_clock)

    def ring_and_set() -> None:
        it.ring()
        it.set(it.moments[-1] + 2)

    async with trio.open_nursery() as nursery:
        it.set(1)
        nursery.start_soon(it.alarm.run, ring_and_set)
        await trio.sleep(6)
        nursery.cancel_scope.cancel()

    assert it.moments == [1, 3, 5]


async def test_a_thousand_invocations_in_time_cost_the_task_one_look(autojump_clock: MockClock) -> None:
    class Looks(trio.abc.Instrument):
        count = 0

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            self.count += "Alarm.run" in task.name

    looks = Looks()
    async with running(autojump_clock) as it:
        await trio.testing.wait_all_tasks_blocked()
        it.set(3)
        trio.lowlevel.add_instrument(looks)
        for _ in range(1000):
            it.set(trio.current_time() + 3)
            await trio.sleep(0.001)
            it.set(None)
        assert looks.count == 0

        await trio.sleep(100)
        trio.lowlevel.remove_instrument(looks)
        assert (looks.count, it.moments) == (1, [])
