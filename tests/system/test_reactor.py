import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from select import EPOLLIN, EPOLLOUT

import pytest
import trio
import trio.testing

from supervisor.system.reactor import Reactor

PATIENCE = 30


@asynccontextmanager
async def pumping(reactor: Reactor) -> AsyncIterator[None]:
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reactor.pump)
            yield
            nursery.cancel_scope.cancel()
    reactor.close()


def ready_pipe() -> tuple[int, int]:
    """Both ends of a pipe that has a byte in it."""
    reading, writing = os.pipe()
    os.write(writing, b"x")
    return reading, writing


def close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


async def test_a_ready_descriptor_is_called_with_what_it_is_ready_for() -> None:
    reactor = Reactor()
    near, far = socket.socketpair()
    masks: list[int] = []
    called = trio.Event()

    def on_ready(mask: int) -> None:
        masks.append(mask)
        reactor.remove(near.fileno())
        called.set()

    reactor.add(near.fileno(), on_ready, events=EPOLLIN | EPOLLOUT)
    async with pumping(reactor):
        await called.wait()

    assert masks == [EPOLLOUT]
    near.close()
    far.close()


async def test_a_changed_descriptor_is_called_for_the_new_reason_alone() -> None:
    reactor = Reactor()
    near, far = socket.socketpair()
    far.send(b"x")
    masks: list[int] = []
    called = trio.Event()

    def on_ready(mask: int) -> None:
        masks.append(mask)
        if mask == EPOLLIN:
            reactor.change(near.fileno(), EPOLLOUT)
            return
        reactor.change(near.fileno(), 0)
        called.set()

    reactor.add(near.fileno(), on_ready)
    async with pumping(reactor):
        await called.wait()
        await trio.testing.wait_all_tasks_blocked()

    assert masks == [EPOLLIN, EPOLLOUT]
    near.close()
    far.close()


async def test_what_an_earlier_callback_has_removed_is_not_called_though_it_was_ready() -> None:
    reactor = Reactor()
    first, second = ready_pipe(), ready_pipe()
    calls: list[int] = []

    def on_ready(fd: int, _mask: int) -> None:
        calls.append(fd)
        for reading, _ in (first, second):
            reactor.remove(reading)

    for reading, _ in (first, second):
        reactor.add(reading, partial(on_ready, reading))
    async with pumping(reactor):
        await trio.testing.wait_all_tasks_blocked()

    assert len(calls) == 1
    close(*first, *second)


async def test_a_new_descriptor_is_not_called_for_the_old_one_that_had_its_number() -> None:
    reactor = Reactor()
    pipes = [ready_pipe(), ready_pipe()]
    called_for_nothing: list[int] = []
    replaced: list[int] = []

    def on_ready(own: int, _mask: int) -> None:
        reactor.remove(own)
        (other,) = {reading for reading, _ in pipes} - {own}
        reactor.remove(other)
        os.dup2(quiet, other)
        reactor.add(other, called_for_nothing.append)
        replaced.append(other)

    quiet, quiet_end = os.pipe()
    for reading, _ in pipes:
        reactor.add(reading, partial(on_ready, reading))
    async with pumping(reactor):
        await trio.testing.wait_all_tasks_blocked()
        assert called_for_nothing == []

        os.write(quiet_end, b"x")
        while not called_for_nothing:
            await trio.lowlevel.checkpoint()
        reactor.remove(replaced[0])

    assert called_for_nothing[0] == EPOLLIN
    close(*pipes[0], *pipes[1], quiet, quiet_end)


async def test_more_descriptors_than_one_round_brings_are_all_called() -> None:
    reactor = Reactor()
    pipes = [ready_pipe() for _ in range(200)]
    called: set[int] = set()

    def on_ready(fd: int, _mask: int) -> None:
        called.add(fd)
        os.read(fd, 1)

    for reading, _ in pipes:
        reactor.add(reading, partial(on_ready, reading))
    async with pumping(reactor):
        await trio.testing.wait_all_tasks_blocked()

    assert called == {reading for reading, _ in pipes}
    for pipe in pipes:
        close(*pipe)


async def test_other_tasks_run_while_a_descriptor_is_ready_all_the_time() -> None:
    reactor = Reactor()
    pipe = ready_pipe()
    calls = 0

    def on_ready(_mask: int) -> None:
        nonlocal calls
        calls += 1

    reactor.add(pipe[0], on_ready)
    async with pumping(reactor):
        for _ in range(100):
            await trio.lowlevel.checkpoint()

    assert calls > 100
    close(*pipe)


async def test_what_a_callback_raises_reaches_whoever_pumps() -> None:
    reactor = Reactor()
    pipe = ready_pipe()

    def on_ready(_mask: int) -> None:
        raise LookupError("a defect")

    reactor.add(pipe[0], on_ready)
    with pytest.raises(LookupError, match="a defect"):
        await reactor.pump()

    reactor.close()
    close(*pipe)


async def test_a_group_is_served_with_the_rest_and_tells_alone_what_is_ready_in_it() -> None:
    reactor = Reactor()
    group = reactor.open_group()
    quiet, ready, outside = os.pipe(), ready_pipe(), ready_pipe()
    called = trio.Event()

    def on_ready(_mask: int) -> None:
        group.remove(ready[0])
        called.set()

    group.add(quiet[0], lambda _: None)
    group.add(ready[0], on_ready)
    reactor.add(outside[0], lambda _: reactor.remove(outside[0]))

    assert group.ready() == [ready[0]]

    async with pumping(reactor):
        await called.wait()

    close(*quiet, *ready, *outside)


async def test_in_a_round_a_group_looks_at_what_was_quiet_before_it_when_it_is_told_to() -> None:
    reactor = Reactor()
    group = reactor.open_group()
    reading, writing = os.pipe()
    trigger, trigger_end = ready_pipe()
    seen: list[list[int]] = []
    called = trio.Event()

    def on_ready(_mask: int) -> None:
        os.write(writing, b"x")
        seen.append(group.ready())
        reactor.forget_round()
        seen.append(group.ready())
        reactor.remove(trigger)
        called.set()

    group.add(reading, lambda _: group.remove(reading))
    reactor.add(trigger, on_ready)
    async with pumping(reactor):
        await called.wait()

    assert seen == [[], [reading]]
    close(reading, writing, trigger, trigger_end)


async def test_in_a_round_a_group_knows_what_was_written_before_what_is_served() -> None:
    reactor = Reactor()
    group = reactor.open_group()
    reading, writing = os.pipe()
    trigger, trigger_end = os.pipe()
    seen: list[list[int]] = []
    called = trio.Event()

    def on_ready(_mask: int) -> None:
        seen.append(group.ready())
        reactor.remove(trigger)
        group.remove(reading)
        called.set()

    group.add(reading, lambda _: None)
    reactor.add(trigger, on_ready)
    os.write(writing, b"x")
    os.write(trigger_end, b"x")
    async with pumping(reactor):
        await called.wait()

    assert seen == [[reading]]
    close(reading, writing, trigger, trigger_end)


async def test_what_is_deferred_comes_after_everything_that_is_ready() -> None:
    reactor = Reactor()
    pipes = [ready_pipe(), ready_pipe()]
    order: list[str] = []

    def on_ready(fd: int, _mask: int) -> None:
        order.append(f"called {fd}")
        reactor.defer(lambda: order.append(f"deferred {fd}"))
        reactor.remove(fd)

    for reading, _ in pipes:
        reactor.add(reading, partial(on_ready, reading))
    async with pumping(reactor):
        await trio.testing.wait_all_tasks_blocked()

    called = [fd for fd, _ in pipes]
    assert order == [f"called {fd}" for fd in called] + [f"deferred {fd}" for fd in called]
    close(*pipes[0], *pipes[1])


def test_outside_of_a_round_nothing_is_deferred() -> None:
    reactor = Reactor()
    order = ["before"]

    reactor.defer(lambda: order.append("deferred"))
    order.append("after")

    assert order == ["before", "deferred", "after"]
    reactor.close()
