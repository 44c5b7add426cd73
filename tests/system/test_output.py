import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.system.children import Outputs, launch
from supervisor.system.output import LONGEST_LINE, LineSplitter, Pipe
from supervisor.system.reactor import Reactor

ACTORS = Path(__file__).parents[1] / "actors"
PATIENCE = 30


class Lines:
    """A sink that can be waited for."""

    def __init__(self) -> None:
        self.all: list[bytes] = []
        self._news = trio.Event()

    def __call__(self, lines: list[bytes]) -> None:
        self.all += lines
        self._news.set()

    async def until(self, condition: Callable[[list[bytes]], bool]) -> list[bytes]:
        with trio.fail_after(PATIENCE):
            while not condition(self.all):
                self._news = trio.Event()
                await self._news.wait()
        return self.all


@asynccontextmanager
async def pumped() -> AsyncIterator[Reactor]:
    reactor = Reactor()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reactor.pump)
        yield reactor
        nursery.cancel_scope.cancel()
    reactor.close()


def pipe_to(reactor: Reactor, sink: Callable[[list[bytes]], None]) -> Pipe[bytes]:
    return Pipe(reactor, LineSplitter(), sink)


def start(stdout: Pipe[bytes], stderr: Pipe[bytes], actor: str, *words: str) -> int:
    argv = [sys.executable, "-I", str(ACTORS / actor), *words]
    return launch(argv, {}, "/", Outputs(stdout.child_end, stderr.child_end)).pid


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def split(*chunks: bytes) -> list[bytes]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish()


LINE_LENGTHS = st.sampled_from([0, 1, 7, LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, 2 * LONGEST_LINE])


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(LINE_LENGTHS, max_size=4), ended=st.booleans(), data=st.data())
def test_the_portions_in_which_bytes_arrive_make_no_difference(
    lengths: list[int], ended: bool, data: st.DataObject
) -> None:
    text = b"\n".join(b"x" * length for length in lengths) + b"\n" * ended
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    lines = split(*chunks)

    assert lines == split(text)
    assert b"".join(lines) == text + b"\n" * (text[-1:] not in (b"\n", b""))
    assert all(len(line.removesuffix(b"\n")) <= LONGEST_LINE for line in lines)
    assert all(b"\n" not in line[:-1] for line in lines)


def test_a_line_of_the_longest_length_is_not_cut() -> None:
    line = b"x" * LONGEST_LINE

    assert split(line + b"\n") == [line + b"\n"]
    assert split(line + b"y\n") == [line, b"y\n"]


@pytest.mark.parametrize(
    "text", [b"\n", b"\n\n", b"a\rb\r\n", b"\x00\xff\xfe\n", "\N{LINE SEPARATOR}\x0b\x0c\x85\n".encode()]
)
def test_nothing_but_a_newline_ends_a_line(text: bytes) -> None:
    assert split(text) == [b"\n"] * len(text) if text.strip(b"\n") == b"" else [text]


async def test_lines_come_out_whole_however_they_were_written() -> None:
    async with pumped() as reactor:
        stdout, stderr = Lines(), Lines()
        pid = start(
            *(pipe_to(reactor, stdout), pipe_to(reactor, stderr)),
            *("chatter.py", "out:one, ", "err:apart\n", "out:still one\n\ntwo", "out: and the end\n"),
        )
        lines = await stdout.until(lambda lines: len(lines) == 3)
        apart = await stderr.until(bool)

        assert lines == [b"one, still one\n", b"\n", b"two and the end\n"]
        assert apart == [b"apart\n"]
        assert exit_code(pid) == 0


async def test_the_last_line_gets_the_newline_that_it_lacks() -> None:
    async with pumped() as reactor:
        stdout = Lines()
        pid = start(pipe_to(reactor, stdout), pipe_to(reactor, stdout), "chatter.py", "out:a\nb")

        assert await stdout.until(lambda lines: len(lines) == 2) == [b"a\n", b"b\n"]
        assert exit_code(pid) == 0


async def test_bytes_are_not_looked_at() -> None:
    every_byte = bytes(set(range(256)) - {10}) + b"\n"
    async with pumped() as reactor:
        stdout = Lines()
        pid = start(
            pipe_to(reactor, stdout),
            pipe_to(reactor, stdout),
            "chatter.py",
            f"hex:{every_byte.hex()}",
        )

        assert await stdout.until(bool) == [every_byte]
        assert exit_code(pid) == 0


async def test_what_a_child_wrote_before_its_end_can_be_had_at_once() -> None:
    reactor, stdout = Reactor(), Lines()
    pipe, other = pipe_to(reactor, stdout), pipe_to(reactor, stdout)
    assert exit_code(start(pipe, other, "chatter.py", "out:last words\nand", "exit:4")) == 4

    # Nobody pumps.
    pipe.drain()
    drained = list(stdout.all)
    pipe.close()
    other.close()

    assert drained == [b"last words\n"]
    assert stdout.all == [b"last words\n", b"and\n"]
    reactor.close()


def test_a_drain_takes_everything_that_a_pipe_holds() -> None:
    reactor, stdout = Reactor(), Lines()
    pipe = pipe_to(reactor, stdout)
    content = (b"x" * 63 + b"\n") * 1024
    assert os.write(pipe.child_end, content) == 64 * 1024

    pipe.drain()

    assert b"".join(stdout.all) == content
    os.close(pipe.child_end)
    pipe.close()
    reactor.close()


async def test_a_child_that_never_stops_writing_cannot_hold_up_a_drain() -> None:
    async with pumped() as reactor:
        stdout = Lines()
        pipe = pipe_to(reactor, stdout)
        pid = launch(["yes"], {}, "/", Outputs(pipe.child_end, os.open(os.devnull, os.O_WRONLY))).pid
        await stdout.until(bool)

        # From now on the pipe fills faster than it can be read, and the pump is not running.
        pipe.drain()
        pipe.close()

        assert set(stdout.all) == {b"y\n"}
        # Its reader is gone.
        assert exit_code(pid) == -signal.SIGPIPE


async def test_a_pipe_is_read_as_long_as_a_grandchild_holds_it() -> None:
    async with pumped() as reactor:
        stdout = Lines()
        pipe = pipe_to(reactor, stdout)
        keeper = os.dup(pipe.child_end)
        assert exit_code(start(pipe, pipe_to(reactor, stdout), "chatter.py", "out:of the child\n")) == 0
        await stdout.until(lambda lines: lines == [b"of the child\n"])

        os.write(keeper, b"of the grandchild\n")
        await stdout.until(lambda lines: lines[1:] == [b"of the grandchild\n"])
        assert not pipe.closed

        pipe.close()
        with pytest.raises(BrokenPipeError):
            os.write(keeper, b"too late\n")
        os.close(keeper)


async def test_a_paused_pipe_keeps_its_bytes() -> None:
    async with pumped() as reactor:
        stdout = Lines()
        pipe, other = pipe_to(reactor, stdout), pipe_to(reactor, stdout)
        pipe.pause()
        assert exit_code(start(pipe, other, "chatter.py", "out:kept\n", "err:end")) == 0
        await stdout.until(bool)
        pipe.drain()
        assert stdout.all == [b"end\n"]

        pipe.resume()

        assert await stdout.until(lambda lines: len(lines) == 2) == [b"end\n", b"kept\n"]


async def test_closing_twice_and_draining_after_it_is_nothing() -> None:
    reactor, stdout = Reactor(), Lines()
    pipe = pipe_to(reactor, stdout)
    os.write(pipe.child_end, b"x")
    os.close(pipe.child_end)

    pipe.close()
    pipe.close()
    pipe.drain()
    pipe.pause()
    pipe.resume()

    assert stdout.all == [b"x\n"]
    reactor.close()
