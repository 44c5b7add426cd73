"""`--relay`: the runtime talks to a platform that is there already, through us. That is a supervisor, or bytes."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from integration.conftest import StartEnvironment
from integration.environments import PYTHON, UNDER_TEST, runtime_command
from integration.event_streams import EventStream, Message
from integration.gates import Gate
from integration.http_calls import Port, request_bytes
from integration.namespaces import Namespaces
from integration.peers import NEXT, response_path
from integration.processes import PATIENCE
from integration.test_real_clients import HANDLER

RELAY_PORT = 9101
RELAY = (*UNDER_TEST, "--runtime-api-address", f"127.0.0.1:{RELAY_PORT}", "--relay")


def relayed(*script: str) -> list[str]:
    """The command of a relay whose runtime is the actor."""
    return [*RELAY, *runtime_command(script)]


# A supervisor as the platform.


def test_awslambdaric_does_not_notice(environment: StartEnvironment) -> None:
    env = environment(command=[*RELAY, PYTHON[0], "-m", "awslambdaric", "app.handle"], files={"app.py": HANDLER})

    told = env.invoke(b'{"do": "tell"}')
    failed = env.invoke(b'{"do": "raise"}')
    left = env.invoke(b'{"do": "exit"}')
    again = env.invoke(b'{"do": "nothing"}')

    assert told.json()["arn"].endswith(":function:test_function")  # type: ignore[index]
    assert b'"KeyError"' in failed.body
    assert left.failure()[0] == "Runtime.ExitError"
    assert (again.status, again.body) == (200, b'{"do": "nothing"}')


def test_a_large_payload_passes_both_ways(environment: StartEnvironment) -> None:
    env = environment(command=relayed("loop"))
    largest = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'

    assert env.invoke(largest).body == largest


def test_what_the_platform_says_reaches_the_runtime_as_it_is(environment: StartEnvironment) -> None:
    env = environment(command=relayed("print:started", "pause"))
    env.start_invoke(b'{"a": 1}', {"X-Amzn-Trace-Id": "Root=1-2-3", "X-Amz-Client-Context": "e30="})
    env.wait_for("^runtime started")
    relay = env.port(RELAY_PORT)

    delivered = relay.request("GET", NEXT)
    again = relay.request("GET", NEXT)
    wrong = relay.request("POST", response_path("another"), body=b"{}")
    taken = relay.request("POST", response_path(delivered.headers["lambda-runtime-aws-request-id"]), body=b"{}")

    assert (delivered.status, delivered.body) == (200, b'{"a": 1}')
    assert delivered.headers["lambda-runtime-trace-id"] == "Root=1-2-3"
    assert delivered.headers["lambda-runtime-client-context"] == "{}"
    assert delivered.headers.keys() >= {"lambda-runtime-deadline-ms", "lambda-runtime-invocation-id", "date"}
    assert again.body == delivered.body
    assert (wrong.status, wrong.json()) == (
        400,
        {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"},
    )
    assert taken.status == 202


def test_an_internal_extension_registers_and_gets_its_events(environment: StartEnvironment) -> None:
    env = environment(command=relayed("internal:inside:INVOKE", "loop"))

    env.invoke()

    env.wait_for("^inside got INVOKE")


def test_an_error_of_init_is_told_though_the_runtime_ends_at_once(environment: StartEnvironment) -> None:
    env = environment(command=relayed("init-error:Function.Broken", "exit:1"))

    assert b'"Function.Broken"' in env.invoke().body


def test_a_stream_reaches_the_caller_while_the_function_still_writes(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(command=relayed("next", "begin-stream:first", gate.step, "end-stream", "loop"))

    with closing(EventStream(env)) as caller:
        messages = caller.messages()
        assert next(messages) == Message("PayloadChunk", b"first")
        gate.let_through()

        assert list(messages) == [Message("InvokeComplete", b"{}")]


def test_a_dropped_poll_is_dropped_at_the_platform_too(environment: StartEnvironment) -> None:
    env = environment(command=relayed("drop-next", "loop"))

    assert env.invoke(b'"after"').body == b'"after"'


# Bytes as the platform.


@dataclass(frozen=True, slots=True)
class Wire:
    """A relay between two sockets of the test."""

    namespaces: Namespaces
    listener: socket.socket
    stack: ExitStack

    def accept(self) -> tuple[socket.socket, BinaryIO]:
        """The next connection of the relay to the platform, and what comes on it."""
        connection = self.stack.enter_context(self.listener.accept()[0])
        connection.settimeout(PATIENCE)
        return connection, self.stack.enter_context(connection.makefile("rb"))

    def connect(self) -> tuple[socket.socket, BinaryIO]:
        """A connection to the relay, and what comes on it."""
        connection = self.stack.enter_context(Port(self.namespaces, RELAY_PORT).connect())
        return connection, self.stack.enter_context(connection.makefile("rb"))


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    """A relay with a runtime that only waits, and a platform that is a listening socket."""
    namespaces = Namespaces(tmp_path, {})
    with closing(namespaces.run(socket.create_server, ("127.0.0.1", 0))) as listener:
        listener.settimeout(PATIENCE)
        port = listener.getsockname()[1]
        process = namespaces.run(
            subprocess.Popen,
            [*RELAY, "sh", "-c", "echo started; exec sleep 1000"],
            env={"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}/before"},
            stdout=subprocess.PIPE,
        )
        with process, ExitStack() as stack:
            assert process.stdout is not None
            assert process.stdout.readline() == b"started\n"
            yield Wire(namespaces, listener, stack)
            process.terminate()
    namespaces.close()


def head_of(stream: BinaryIO) -> tuple[str, dict[str, str]]:
    """The first line and the headers of what comes next."""
    return stream.readline().decode().strip(), headers_of(stream)


def headers_of(stream: BinaryIO) -> dict[str, str]:
    """Lines up to an empty one; the values of a repeated name with a comma between them."""
    headers: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(": ")
        headers[name.lower()] = ", ".join(filter(None, (headers.get(name.lower()), value)))
    return headers


def test_every_header_is_kept_but_those_of_the_connection(wire: Wire) -> None:
    runtime, answer = wire.connect()
    headers = {"X-Own": "1", "Lambda-Extension-Identifier": "e", "Connection": "keep-alive", "Content-Length": "2"}
    runtime.sendall(request_bytes("POST", "/2020-01-01/extension/register?a=%20", headers) + b"{}")
    platform, asked = wire.accept()
    first, received = head_of(asked)
    body = asked.read(2)
    platform.sendall(b"HTTP/1.1 299 Odd\r\nX-Answer: a b\r\nContent-Length: 2\r\nKeep-Alive: x\r\n\r\nok")
    status, answered = head_of(answer)

    assert first == "POST /before/2020-01-01/extension/register?a=%20 HTTP/1.1"
    assert received.pop("host").startswith("127.0.0.1:")
    assert (received, body) == ({"x-own": "1", "lambda-extension-identifier": "e", "content-length": "2"}, b"{}")
    assert status.startswith("HTTP/1.1 299")
    assert (answered["x-answer"], answered["content-length"]) == ("a b", "2")
    assert "keep-alive" not in answered


def test_a_header_that_comes_twice_passes_twice_both_ways(wire: Wire) -> None:
    runtime, answer = wire.connect()
    runtime.sendall(request_bytes("GET", NEXT, {"X-Own": "1\r\nx-own: 2\r\nX-Own: 3"}))
    platform, asked = wire.accept()
    _, received = head_of(asked)
    platform.sendall(b"HTTP/1.1 200 OK\r\nX-Answer: a\r\nX-Answer: b\r\nContent-Length: 0\r\n\r\n")
    _, answered = head_of(answer)

    assert (received["x-own"], answered["x-answer"]) == ("1, 2, 3", "a, b")


@pytest.mark.parametrize(
    "announced",
    [
        "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
        "Lambda-Runtime-Function-Error-Type\r\nTrailer: Lambda-Runtime-Function-Error-Body",
    ],
    ids=["one line", "two lines"],
)
def test_a_response_in_chunks_passes_chunk_by_chunk_with_its_trailers(wire: Wire, announced: str) -> None:
    """The first chunk is there before the second is sent."""
    names = "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    runtime, answer = wire.connect()
    headers = {
        "Transfer-Encoding": "chunked",
        "Trailer": announced,
        "Lambda-Runtime-Function-Response-Mode": "streaming",
    }
    runtime.sendall(request_bytes("POST", response_path("one"), headers) + b"5\r\nfirst\r\n")
    platform, asked = wire.accept()
    _, received = head_of(asked)
    assert asked.read(10) == b"5\r\nfirst\r\n"
    runtime.sendall(b"6\r\nsecond\r\n0\r\nLambda-Runtime-Function-Error-Type: Broken\r\nX-Last: 1\r\n\r\n")
    assert asked.read(11) == b"6\r\nsecond\r\n"
    assert asked.readline() == b"0\r\n"
    trailers = headers_of(asked)
    platform.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    status, _ = head_of(answer)

    assert (received["transfer-encoding"], received["trailer"]) == ("chunked", names)
    assert received["lambda-runtime-function-response-mode"] == "streaming"
    assert trailers == {"lambda-runtime-function-error-type": "Broken", "x-last": "1"}
    assert status == "HTTP/1.1 202 Accepted"


def test_an_answer_in_chunks_passes_chunk_by_chunk(wire: Wire) -> None:
    runtime, answer = wire.connect()
    runtime.sendall(request_bytes("GET", NEXT))
    platform, asked = wire.accept()
    head_of(asked)
    platform.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    head_of(answer)
    assert answer.read(10) == b"5\r\nfirst\r\n"
    platform.sendall(b"0\r\n\r\n")

    assert answer.read(5) == b"0\r\n\r\n"


def test_a_response_that_breaks_off_breaks_off_at_the_platform(wire: Wire) -> None:
    runtime, stream = wire.connect()
    runtime.sendall(request_bytes("POST", response_path("one"), {"Content-Length": "100"}) + b"only this")
    _, asked = wire.accept()
    head_of(asked)
    assert asked.read(9) == b"only this"
    stream.close()
    runtime.close()

    assert asked.read() == b""


def test_a_platform_that_closes_is_a_bad_gateway_and_the_next_request_is_tried(wire: Wire) -> None:
    runtime, answer = wire.connect()
    runtime.sendall(request_bytes("POST", "/a", {"Content-Length": "2"}) + b"{}")
    platform, asked = wire.accept()
    asked.close()
    platform.close()
    status, headers = head_of(answer)
    answer.read(int(headers["content-length"]))
    runtime.sendall(request_bytes("GET", "/b"))
    _, asked = wire.accept()

    assert status == "HTTP/1.1 502 Bad Gateway"
    assert head_of(asked)[0] == "GET /before/b HTTP/1.1"


# The process.


def run(*words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A relay to a platform that nobody asks."""
    variables = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", **(environ or {})}
    return subprocess.run(
        [*UNDER_TEST, *words], env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [(["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137), (["true"], 0), (["no-such-program", "a"], 127)],
)
def test_the_exit_code_is_that_of_the_runtime(words: Sequence[str], code: int) -> None:
    assert run("--relay", *words).returncode == code


def test_the_runtime_has_everything_but_the_address_of_the_platform() -> None:
    environ = {"A": "1", "_HANDLER": "app.handler", "_LAMBDA_TELEMETRY_LOG_FD": "3", "SUPERVISOR_RELAY": "1"}

    done = run("env", environ=environ)

    given = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert given.pop("AWS_LAMBDA_RUNTIME_API").startswith("127.0.0.1:")
    assert given.pop("PATH")
    assert given == environ


def test_a_descriptor_that_was_left_open_is_the_runtimes() -> None:
    read_end, write_end = os.pipe()
    subprocess.run(
        [*UNDER_TEST, "--relay", "sh", "-c", f"echo told >/proc/self/fd/{write_end}"],
        env={"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"},
        pass_fds=[write_end],
        check=True,
        timeout=PATIENCE,
    )
    os.close(write_end)

    assert os.read(read_end, 100) == b"told\n"
    os.close(read_end)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_is_passed_on(number: signal.Signals) -> None:
    script = f"trap 'echo got; exit 5' {number:d}; echo ready; while :; do sleep 0.01; done"
    with subprocess.Popen(
        [*UNDER_TEST, "--relay", "sh", "-c", script],
        env={"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE)

    assert (output, process.returncode) == (b"got\n", 5)


def test_what_passed_is_counted(environment: StartEnvironment) -> None:
    env = environment(
        command=[
            *RELAY[:-1],
            "--log-level",
            "info",
            "--relay",
            *runtime_command(["next", "respond", "next", "error:A", "exit:0"]),
        ]
    )
    env.invoke()
    env.start_invoke()

    env.wait_for(r"^supervisor: Relayed: invocations 2, responses 1, errors 1, seconds \d\.\d{3}; unanswered 0$")


@pytest.mark.parametrize(
    ("runtime_api", "words", "reason"),
    [
        ("nonsense", (), "AWS_LAMBDA_RUNTIME_API must be HOST:PORT"),
        ("127.0.0.1:1", ("--runtime-api-address", "x"), "--runtime-api-address must be HOST:PORT"),
    ],
)
def test_a_wrong_address_is_one_line(runtime_api: str, words: Sequence[str], reason: str) -> None:
    done = run(*words, "--relay", "true", environ={"AWS_LAMBDA_RUNTIME_API": runtime_api})

    assert done.returncode == 2
    assert done.stderr.startswith(f"supervisor: {reason}")
    assert done.stderr.count("\n") == 1
