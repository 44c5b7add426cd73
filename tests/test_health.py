"""The health check knows where to ask, and gives the one line and the exit code that a HEALTHCHECK shows."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervisor.health import check

ROOT = Path(__file__).parents[1]
READY = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n"
NOT_READY = b"HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready: shutting down\n"


@contextmanager
def answering(answer: bytes, host: str = "127.0.0.1") -> Iterator[int]:
    """A server that answers one request with *answer*; its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(4096).startswith(b"GET /health/ready HTTP/1.0\r\n")
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def at(address: str) -> dict[str, str]:
    return {"SUPERVISOR_METRICS_ADDRESS": address}


@pytest.mark.parametrize(
    ("answer", "result"),
    [(READY, (0, "ready")), (NOT_READY, (1, "not ready: shutting down"))],
)
def test_the_answer_is_the_line_and_its_status_the_exit_code(answer: bytes, result: tuple[int, str]) -> None:
    with answering(answer) as port:
        assert check(at(f"127.0.0.1:{port}")) == result


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_what_listens_everywhere_is_asked_on_this_machine(host: str) -> None:
    with answering(READY) as port:
        assert check(at(f"{host}:{port}")) == (0, "ready")


def test_what_listens_everywhere_by_ipv6_is_asked_there() -> None:
    try:
        with answering(READY, "::1") as port:
            assert check(at(f"[::]:{port}")) == (0, "ready")
    except OSError:
        pytest.skip("there is no IPv6 here")


def test_something_else_that_answers_is_not_healthy() -> None:
    with answering(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        assert check(at(f"127.0.0.1:{port}")) == (1, f"what answers at 127.0.0.1:{port} is no supervisor")


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        (at("off"), "SUPERVISOR_METRICS_ADDRESS is off, and health is asked for there"),
        (at("127.0.0.1:0"), "SUPERVISOR_METRICS_ADDRESS leaves the port to the kernel, so it is not known here"),
        (
            at("9464"),
            "SUPERVISOR_METRICS_ADDRESS must be off, HOST:PORT, [IPV6]:PORT or :PORT with a port from 0 to 65535, "
            "not '9464'",
        ),
    ],
)
def test_where_nobody_can_be_asked_the_line_says_why(environ: Mapping[str, str], text: str) -> None:
    assert check(environ) == (1, text)


def test_it_is_a_program_of_its_own_that_imports_nothing_heavy() -> None:
    with answering(NOT_READY) as port:
        result = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "supervisor", "health"],
            env={"PATH": os.environ.get("PATH", os.defpath), **at(f"127.0.0.1:{port}")},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert (result.returncode, result.stdout) == (1, "not ready: shutting down\n")
    assert "supervisor.health" in result.stderr
    assert not {"trio", "typer", "http", "asyncio"} & {
        line.rpartition("|")[2].strip() for line in result.stderr.splitlines()
    }


def test_nobody_who_listens_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert check(at(f"127.0.0.1:{port}")) == (1, f"nobody answers at 127.0.0.1:{port}: Connection refused")
