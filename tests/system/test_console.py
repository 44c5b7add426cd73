import fcntl
import os
import sys
import termios
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from supervisor.system.children import Outputs, launch
from supervisor.system.console import Console
from supervisor.system.output import LineSplitter, Pipe
from supervisor.system.reactor import Reactor

ACTORS = Path(__file__).parents[1] / "actors"
PATIENCE = 30
MEBIBYTE = 1024 * 1024


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """The two ends of a pipe that stands for whatever reads our output; a test that closes one removes it."""
    ends = list(os.pipe())
    yield ends
    for fd in ends:
        os.close(fd)


@asynccontextmanager
async def pumped() -> AsyncIterator[Reactor]:
    reactor = Reactor()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reactor.pump)
        yield reactor
        nursery.cancel_scope.cancel()
    reactor.close()


async def read(fd: int, count: int) -> bytes:
    """Exactly *count* bytes."""
    data = b""
    with trio.fail_after(PATIENCE):
        while len(data) < count:
            await trio.lowlevel.wait_readable(fd)
            data += os.read(fd, count - len(data))
    return data


def open_pipe(console: Console, reactor: Reactor) -> Pipe[bytes]:
    return console.open_pipe(reactor, LineSplitter(), list)


def start(console: Console, reactor: Reactor, *words: str) -> int:
    argv = [sys.executable, "-I", str(ACTORS / "chatter.py"), *words]
    out, err = (open_pipe(console, reactor) for _ in range(2))
    return launch(argv, {}, "/", Outputs(out.child_end, err.child_end)).pid


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def unread(fd: int) -> int:
    """How many bytes are in the pipe of which *fd* is either end."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_lines_of_children_that_write_at_once_never_mix(ends: list[int]) -> None:
    names = [f"child{number}" for number in range(10)]
    count = 300
    async with pumped() as reactor:
        console = Console(ends[1], reactor)
        pids = [start(console, reactor, f"torn:{name}:{count}") for name in names]
        expected = {name: [f"{name} {n} {name * 20} {name}\n".encode() for n in range(count)] for name in names}
        size = sum(len(line) for lines in expected.values() for line in lines)

        seen = (await read(ends[0], size)).splitlines(keepends=True)

        assert {name: [line for line in seen if line.startswith(name.encode())] for name in names} == expected
        assert [exit_code(pid) for pid in pids] == [0] * len(names)


async def test_a_line_of_ten_megabytes_arrives_as_it_was_written(ends: list[int]) -> None:
    async with pumped() as reactor:
        pid = start(Console(ends[1], reactor), reactor, f"long:{10 * MEBIBYTE}", "out:y\n")

        seen = await read(ends[0], 10 * MEBIBYTE + 2)

        assert seen.count(b"x") == 10 * MEBIBYTE
        assert seen.endswith(b"xy\n")
        assert exit_code(pid) == 0


def test_nobody_continues_another_ones_line(ends: list[int]) -> None:
    reactor = Reactor()
    console = Console(ends[1], reactor)
    talker, other = object(), object()

    console.write([b"begun, "], talker)
    console.write([b"goes on, "], talker)
    console.write([b"START\n"])
    console.write([b"ends\n"], talker)
    console.write([b"whole\n"], other)

    assert os.read(ends[0], 64) == b"begun, goes on, \nSTART\nends\nwhole\n"
    reactor.close()


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_reader_that_stops_loses_nothing_and_blocks_nobody(ends: list[int], blocking: bool) -> None:
    os.set_blocking(ends[1], blocking)
    lines = [f"{number:0999}\n".encode() for number in range(3000)]
    async with pumped() as reactor:
        console = Console(ends[1], reactor)
        for line in lines:
            # Would wait for ever if it blocked: nobody reads.
            console.write([line])

        seen = await read(ends[0], 1000 * len(lines))

        assert seen == b"".join(lines)
        assert os.get_blocking(ends[1]) is blocking


async def test_nothing_overtakes_what_waits_for_the_reader(ends: list[int]) -> None:
    filling = b"x" * MEBIBYTE + b"\n"
    async with pumped() as reactor:
        console = Console(ends[1], reactor)
        console.write([filling])
        # There is room again, but the pump has not seen it yet.
        seen = os.read(ends[0], 10_000)
        console.write([b"END\n"])

        seen += await read(ends[0], len(filling) + 4 - len(seen))

        assert seen == filling + b"END\n"


async def test_children_have_to_wait_while_too_much_is_unread(ends: list[int]) -> None:
    async with pumped() as reactor:
        console = Console(ends[1], reactor)
        early = open_pipe(console, reactor)
        filling = b"x" * (2 * MEBIBYTE) + b"\n"
        console.write([filling])
        late = open_pipe(console, reactor)
        for pipe in (early, late):
            os.write(pipe.child_end, b"from a child\n")
            pipe.drain()
            assert unread(pipe.child_end) == 13

        assert await read(ends[0], len(filling)) == filling
        assert await read(ends[0], 26) == b"from a child\n" * 2

        for pipe in (early, late):
            os.close(pipe.child_end)


async def test_output_that_nobody_can_read_any_more_is_dropped(ends: list[int]) -> None:
    os.close(ends.pop(0))
    async with pumped() as reactor:
        console = Console(ends[0], reactor)
        console.write([b"x" * MEBIBYTE, b"\n"])
        pid = start(console, reactor, "out:heard by nobody\n", "exit:6")

        assert exit_code(pid) == 6


async def test_a_reader_that_goes_away_in_the_middle_ends_the_wait(ends: list[int]) -> None:
    async with pumped() as reactor:
        console = Console(ends[1], reactor)
        console.write([b"x" * (2 * MEBIBYTE), b"\n"])
        os.close(ends.pop(0))

        pid = start(console, reactor, f"long:{MEBIBYTE}", "exit:6")
        with trio.fail_after(PATIENCE):
            assert await trio.to_thread.run_sync(os.waitpid, pid, 0) == (pid, 6 << 8)


def test_a_flush_waits_for_a_reader_that_reads_on(ends: list[int]) -> None:
    reactor = Reactor()
    console = Console(ends[1], reactor)
    data = b"x" * MEBIBYTE + b"\n"
    seen = bytearray()

    def read_all() -> None:
        while len(seen) < len(data):
            seen.extend(os.read(ends[0], 1000))

    console.write([data])
    reader = threading.Thread(target=read_all)
    reader.start()
    reactor.close()
    console.flush()
    reader.join()

    assert seen == data


def test_a_flush_gives_up_on_a_reader_that_does_not_read(ends: list[int]) -> None:
    reactor = Reactor()
    console = Console(ends[1], reactor)
    console.write([b"x" * MEBIBYTE + b"\n"])

    console.flush()

    assert 0 < unread(ends[0]) < MEBIBYTE
    reactor.close()


def test_a_file_gets_everything(tmp_path: Path) -> None:
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    reactor = Reactor()
    console = Console(file, reactor)
    lines = [b"x" * 100_000 + b"\n", b"END\n"]

    console.write(lines)
    console.flush()

    assert (tmp_path / "log").read_bytes() == b"".join(lines)
    os.close(file)
    reactor.close()
