import math

import trio
from trio.testing import MockClock

from supervisor.system.time_limits import TimeLimits


async def test_a_limit_is_one_of_seconds(autojump_clock: MockClock) -> None:  # noqa: ARG001 -- it makes the time pass
    with TimeLimits().move_on_after(5.0) as scope:
        await trio.sleep(100.0)

    assert scope.cancelled_caught
    assert trio.current_time() == 5.0


async def test_a_block_that_ends_in_time_is_not_cancelled() -> None:
    with TimeLimits().move_on_after(5.0) as scope:
        await trio.lowlevel.checkpoint()

    assert not scope.cancelled_caught


async def test_no_time_passes_in_the_freeze(mock_clock: MockClock) -> None:
    limits = TimeLimits()
    with limits.move_on_after(5.0) as before:
        mock_clock.jump(2.0)
        limits.freeze()
        with limits.move_on_after(1.0) as within:
            mock_clock.jump(100.0)
            frozen = [before.deadline, within.deadline]
            limits.thaw()
            thawed = [before.deadline, within.deadline]

    assert frozen == [math.inf, math.inf]
    assert thawed == [102.0 + 3.0, 102.0 + 1.0]
