"""Tries whether all that the supervisor needs works in this process.

SUPERVISOR_SNAPSHOT=check runs this instead of the supervisor: when a snapshot is built, and wherever one is in doubt.
"""

import errno
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import trio

OK: Final = 0
FAILED: Final = 1
NOT_RESTORED: Final = 3

LARGE: Final = 100 << 20
"""Bytes. More than a snapshot holds, so that memory has to come from the kernel."""

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def check(start: str) -> int:
    """Print a random number, and what does not work.

    Args:
        start: "restored", or why it was not.

    Returns:
        The exit code.
    """
    print(f"supervisor: a random number: {random.random()}", flush=True)
    failures = list(_failures())
    for failure in failures:
        print(f"supervisor: {failure}")
    if failures:
        return FAILED
    return OK if start == "restored" else NOT_RESTORED


def _failures() -> Iterator[str]:
    for name, attempt in {
        "memory": _memory,
        "names": _names,
        "processes": _processes,
        "signals": _signals,
        "threads": _threads,
        "http": _http,
    }.items():
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is what was to be found out
            yield f"{name}: {error!r}"


def _expect(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{found!r}, not {expected!r}")


def _memory() -> None:
    large = b"x" * LARGE
    small = [bytes(1000) for _ in range(LARGE // 1000)]
    _expect((large.count(b"x"), sum(map(len, small))), (LARGE, LARGE // 1000 * 1000))


def _names() -> None:
    # Names that no file lists take a server, which need not be there.
    _expect(socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0][4], ("127.0.0.1", 80))
    _expect(socket.getaddrinfo("localhost", 80, family=socket.AF_INET)[0][4], ("127.0.0.1", 80))


def _processes() -> None:
    if (child := os.fork()) == 0:
        os._exit(42)
    _expect(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 42)
    environ = {"A": "b", "SUPERVISOR_SNAPSHOT": "off"}
    try:
        answered = subprocess.run([sys.argv[0], "--version"], env=environ, capture_output=True, check=False)
    except OSError as error:
        # What an emulator runs, the kernel beneath it cannot start.
        if error.errno != errno.ENOEXEC:
            raise
    else:
        _expect((answered.returncode, answered.stdout[:11]), (0, b"supervisor "))


def _signals() -> None:
    async def receive() -> None:
        with trio.open_signal_receiver(signal.SIGUSR1) as received, trio.fail_after(10):
            os.kill(os.getpid(), signal.SIGUSR1)
            _expect(await anext(received), signal.SIGUSR1)

    trio.run(receive)


def _threads() -> None:
    async def call() -> list[int]:
        return [await trio.to_thread.run_sync(lambda n=n: n * n) for n in range(3)]

    _expect(trio.run(call), [0, 1, 4])


def _http() -> None:
    import httpx

    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(ANSWER)

    async def ask() -> str:
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            port = listeners[0].socket.getsockname()[1]
            nursery.start_soon(trio.serve_listeners, answer, listeners)
            async with httpx.AsyncClient(trust_env=False, verify=False) as client:
                response = await client.get(f"http://127.0.0.1:{port}/")
            nursery.cancel_scope.cancel()
        return response.text

    _expect(trio.run(ask), "ok")
