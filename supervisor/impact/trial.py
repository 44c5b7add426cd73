"""Owns one trial: an environment is started, given every event, shut down, and what it reported is read.

What is compared with what is not known here.
"""

import re
import subprocess
from collections.abc import Sequence
from typing import Final

import httpx
import trio

from supervisor.errors import ExperimentError
from supervisor.impact.run_log import Run, read_run
from supervisor.impact.targets import Start

_PATH: Final = "/2015-03-31/functions/function/invocations"
_INVOKED_AT: Final = re.compile(r"The function is invoked at (\S+)$")

_STOP_SECONDS: Final = 15.0
"""A shutdown with extensions takes 2 s, `docker stop` gives 10. Ours."""

_SHOWN_LINES: Final = 5


class FailedTrialError(ExperimentError):
    """The function failed; its text is the error type."""


async def try_out(start: Start, events: Sequence[bytes]) -> Run:
    """Run one environment from its start to its end, and give it *events*, one after the other.

    Raises:
        FailedTrialError: The function fails.
        ExperimentError: It does not start, or does not report.
    """
    try:
        process = await trio.lowlevel.open_process(
            start.words, env=start.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise ExperimentError(f"cannot start {start.words[0]}: {error.strerror}") from None
    assert process.stdout is not None
    log = _Log(process.stdout)
    failure: ExperimentError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.read)
        try:
            address = start.invoke_address(await log.wait_for(_INVOKED_AT))
            await _invoke(address, events)
        except ExperimentError as error:
            # Out of the nursery it would come as a group.
            failure = error
        finally:
            await _stop(process)
    if failure is not None:
        raise failure
    try:
        return read_run(log.lines)
    except ValueError as error:
        raise ExperimentError(f"{error}:\n{log.end()}") from None


async def _invoke(address: str, events: Sequence[bytes]) -> None:
    # The answer with the end of the log comes when the extensions are done, and so does the next event.
    headers = {"Content-Type": "application/json", "X-Amz-Log-Type": "Tail"}
    async with httpx.AsyncClient(
        base_url=f"http://{address}", headers=headers, timeout=None, trust_env=False
    ) as caller:
        for event in events:
            try:
                answer = await caller.post(_PATH, content=event)
            except httpx.HTTPError as error:
                raise ExperimentError(f"no answer from {address}: {error}") from None
            if answer.is_error or "x-amz-function-error" in answer.headers:
                raise FailedTrialError(_error_type(answer))


def _error_type(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["errorType"])
    except (ValueError, KeyError, TypeError):
        return str(answer.headers.get("x-amzn-errortype", f"status {answer.status_code}"))


async def _stop(process: trio.Process) -> None:
    """End it in good order, and in any case.

    Cancellation: shielded, for a bounded time, so that no container is left.
    """
    with trio.CancelScope(shield=True):
        process.terminate()
        with trio.move_on_after(_STOP_SECONDS):
            await process.wait()
        process.kill()
        await process.wait()


class _Log:
    """What an environment writes, line by line."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self.lines: list[str] = []
        self._stream = stream
        self._news = trio.Event()
        self._ended = False

    async def read(self) -> None:
        """Read to the end."""
        rest = b""
        async for chunk in self._stream:
            *whole, rest = (rest + chunk).split(b"\n")
            self.lines += [line.decode(errors="replace") for line in whole]
            self._tell()
        self._ended = True
        self._tell()

    async def wait_for(self, pattern: re.Pattern[str]) -> str:
        """What the group of *pattern* matches in the first line that has it.

        Raises:
            ExperimentError: The log ended without.
        """
        seen = 0
        while True:
            for line in self.lines[seen:]:
                seen += 1
                if match := pattern.search(line):
                    return match[1]
            if self._ended:
                raise ExperimentError(f"it ended too early:\n{self.end()}")
            await self._news.wait()

    def end(self) -> str:
        """The last lines, for an error message."""
        return "\n".join(f"    {line}" for line in self.lines[-_SHOWN_LINES:]) or "    (it wrote nothing)"

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()
