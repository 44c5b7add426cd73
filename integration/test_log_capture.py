"""How what processes write becomes records, and what of it a caller gets as the tail of the log."""

import base64
import json
import shlex
import sys
import time

import pytest

from integration.conftest import StartEnvironment, unfrozen
from integration.environments import ACTORS, PYTHON
from integration.gates import Gate
from integration.http_calls import Answer
from integration.processes import wait_until
from integration.subscribers import MakeSubscriber

CHATTER = shlex.join([*PYTHON, str(ACTORS / "chatter.py")])

UNHURRIED = ("--init-timeout", "600")
"""For a runtime that asks for nothing."""

DROPPED = "platform.logsDropped"

TAIL = {"X-Amz-Log-Type": "Tail"}


@pytest.fixture
def environment(environment: StartEnvironment) -> StartEnvironment:
    """What is told here need not wait for the next invocation."""
    return unfrozen(environment)


def chatter(*words: str) -> list[str]:
    """A runtime that writes and stays."""
    return ["sh", "-c", f"{CHATTER} {shlex.join(words)}; exec sleep infinity"]


# Plain output.


@pytest.mark.rule("telemetry-api/streams-assembled-apart")
@pytest.mark.rule("telemetry-api/odd-bytes")
def test_lines_of_two_streams_are_whole_and_valid(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    told = subscriber(types=["function"])
    written = ["out:half a line ", "err:an error\\n", "out:the other half\\n", "hex:ff610062e280a80a", "out:end\\n"]
    env = environment(command=chatter(*written), extensions={"sub": told.file}, options=UNHURRIED)

    told.wait_for_line("end\n")

    lines = [record.content for record in told.records]
    assert sorted(lines) == sorted(
        ["half a line the other half\n", "an error\n", "\N{REPLACEMENT CHARACTER}a\0b\u2028\n", "end\n"]
    )
    assert b"\xffa\0b\xe2\x80\xa8\n" in env.output.data


@pytest.mark.rule("telemetry-api/last-line-without-newline")
def test_a_last_line_without_a_newline_is_a_record(subscriber: MakeSubscriber, environment: StartEnvironment) -> None:
    told = subscriber(then=["next", "hold:/dev/null", "/", "next", "write:mine too", "exit:1", "/", "loop"])
    env = environment(["next", "write:last words", "exit:1", "/", "loop"], {"sub": told.file})

    for _ in range(3):
        env.invoke()

    told.wait_for_line("last words\n")
    told.wait_for_line("mine too\n", "extension")


@pytest.mark.rule("telemetry-api/long-line")
def test_ten_million_bytes_without_a_newline_come_in_pieces_or_are_counted(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber(types=["function"])
    env = environment(command=chatter("long:10000000", "out:\\n"), extensions={"sub": told.file}, options=UNHURRIED)

    def accounted_for() -> int:
        delivered = sum(1 if record.content == "\n" else record.content["length"] for record in told.of("function"))
        dropped = [one.content["droppedBytes"] - 88 * one.content["droppedRecords"] for one in told.of(DROPPED)]
        return int(delivered + sum(dropped[-1:]))

    wait_until(
        lambda: accounted_for() == 10_000_001, lambda: f"{accounted_for()} bytes are accounted for: {told.records}"
    )

    assert told.of("function")[0].content == {"length": 256 * 1024, "beginning": "x" * 10}
    assert len(env.output.data) > 10_000_000


# A runtime client that writes frames.

HANDLER = """
import json, logging, os, subprocess, sys

log = logging.getLogger()
log.setLevel("INFO")
child = "import json, os; print(json.dumps([dict(os.environ), os.listdir('/proc/self/fd')]))"


def handle(event, context):
    match event["do"]:
        case "raise":
            raise KeyError("missing")
        case "log":
            log.warning("two\\nlines")
            print("printed")
        case "json":
            log.warning("as an object")
            print('{"printed": "as an object"}')
            print('["a", "list"]')
        case "child":
            return json.loads(subprocess.check_output([sys.executable, "-S", "-c", child]))
"""
AWSLAMBDARIC = {"command": [sys.executable, "-m", "awslambdaric", "app.handle"], "files": {"app.py": HANDLER}}


def do(deed: str) -> bytes:
    return json.dumps({"do": deed}).encode()


@pytest.mark.rule("telemetry-api/frame-is-one-event")
@pytest.mark.rule("telemetry-api/handler-exception")
@pytest.mark.rule("telemetry-api/log-fd-is-the-runtimes")
def test_what_awslambdaric_logs_is_one_event_however_many_lines_it_has(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber(before=["environ"])
    env = environment(extensions={"sub": told.file}, **AWSLAMBDARIC)

    before = time.time()
    logged = env.invoke(do("log")).headers["x-amzn-requestid"]
    env.invoke(do("raise"))
    seen_by_child, descriptors = json.loads(env.invoke(do("child")).body)
    told.wait_for("platform.report", nth=3)

    lines = told.of("function")
    (warning,) = (line for line in lines if logged in line.content)
    assert warning.content.startswith("[WARNING]\t")
    assert warning.content.endswith(f"\t{logged}\ttwo\nlines\n")
    assert before - 0.001 <= warning.epoch <= time.time()
    assert "printed\n" in [line.content for line in lines]
    (traceback,) = (line.content for line in lines if "Traceback" in line.content)
    assert traceback.startswith("[ERROR] KeyError: 'missing'\nTraceback (most recent call last):\n")
    assert 'raise KeyError("missing")' in traceback
    assert env.output.text.count("Traceback") == 1

    failed = told.of("platform.runtimeDone")[1].content
    assert (failed["status"], failed["metrics"]["producedBytes"], "spans" in failed) == ("success", 0, False)
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in seen_by_child
    assert len(descriptors) == 4, "the standard streams, and the folder itself"
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in env.wait_for("^sub environ").string


FRAMES = """
import os, signal, struct

fd = int(os.environ["_LAMBDA_TELEMETRY_LOG_FD"])
assert os.get_blocking(fd)
for number in range(20_000):
    text = f"frame {number}".encode()
    os.write(fd, b"\\xa5\\x5a\\x00\\x03" + struct.pack(">IQ", len(text), 1_900_000_000_000_000 + number * 1000))
    os.write(fd, text)
print("written", flush=True)
signal.pause()
"""


@pytest.mark.rule("telemetry-api/log-fd-blocks")
@pytest.mark.rule("telemetry-api/frames")
def test_a_writer_of_many_frames_waits_and_none_is_torn(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    told = subscriber(types=["function"])
    env = environment(command=[*PYTHON, "-c", FRAMES], extensions={"sub": told.file}, options=UNHURRIED)

    env.wait_for("^written$")

    assert [line for line in env.lines if line.startswith("frame")] == [f"frame {number}" for number in range(20_000)]
    first = told.wait_for_line("frame 7")
    assert first.time == "2030-03-17T17:46:40.007Z"


# The JSON log format.


@pytest.mark.rule("telemetry-api/json-format")
def test_in_json_format_lines_are_objects_where_the_schema_has_them(
    subscriber: MakeSubscriber, environment: StartEnvironment
) -> None:
    new = subscriber("new", port=4243)
    old = subscriber("old", port=4244, schema="2022-07-01")
    logs = subscriber("logs", port=4245, api="logs", schema="2021-03-18")
    everybody = (new, old, logs)
    env = environment(
        extensions={one.name: one.file for one in everybody},
        environ={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"},
        first_line="registered",
        **AWSLAMBDARIC,
    )

    request_id = env.invoke(do("json")).headers["x-amzn-requestid"]
    for told in everybody:
        told.wait_for("platform.report")

    objects, *others = [[record.content for record in told.of("function")] for told in everybody]
    (logged,) = (line for line in objects if "message" in line)
    assert (logged["message"], logged["level"], logged["requestId"]) == ("as an object", "WARNING", request_id)
    assert [line for line in objects if line is not logged] == [{"printed": "as an object"}, '["a", "list"]\n']
    for lines in others:
        assert {type(line) for line in lines} == {str}
        assert sorted(map(json.dumps, map(json.loads, lines))) == sorted(
            json.dumps(json.loads(line) if isinstance(line, str) else line) for line in objects
        )


@pytest.mark.rule("telemetry-api/json-format")
def test_in_json_format_the_platform_writes_its_records(environment: StartEnvironment) -> None:
    env = environment(
        ["next", "respond", "loop"],
        {"ext": ["register:INVOKE", "loop"]},
        environ={"AWS_LAMBDA_LOG_FORMAT": "json", "AWS_LAMBDA_LOG_LEVEL": "INFO"},
        options=["--log-prefix"],
        first_line="registered",
    )

    request_id = env.invoke().headers["x-amzn-requestid"]
    env.wait_for("platform.report")

    lines = [line.removeprefix("[platform] ") for line in env.lines if line.startswith("[platform] ")]
    records = [json.loads(line) for line in lines]
    assert [record["type"] for record in records] == ["platform.extension", "platform.start", "platform.report"]
    assert records[1]["record"] == {"requestId": request_id, "version": "$LATEST"}


# The source of a line.


def test_every_line_may_begin_with_its_source(environment: StartEnvironment) -> None:
    env = environment(["loop"], {"ext": ["register:INVOKE", "loop"]}, options=["--log-prefix"], first_line="INIT_START")

    env.invoke()
    env.wait_for("REPORT")

    sources = {line.split("] ")[0] for line in env.lines}
    assert sources == {"[platform", "[function", "[extension ext"}
    env.wait_for(r"^\[platform\] END RequestId: ")
    env.wait_for(r"^\[function\] runtime ready$")
    env.wait_for(r"^\[extension ext\] ext ready$")


# The tail of the log.


def tail_of(answer: Answer) -> list[str]:
    return base64.b64decode(answer.headers["x-amz-log-result"]).decode().splitlines()


@pytest.mark.rule("invoke-api/tail-content")
def test_the_tail_is_the_log_of_this_invocation(environment: StartEnvironment) -> None:
    env = environment(["print:loads", "loop"])
    env.invoke(b'"one"')
    first, second = (env.invoke(b'"two"', TAIL) for _ in range(2))
    plain = env.invoke(b'"three"')

    for answer in (first, second):
        request_id = answer.headers["x-amzn-requestid"]
        *lines, report = tail_of(answer)
        assert lines == [
            *(f"START RequestId: {request_id} Version: $LATEST", f'runtime got {request_id} "two"'),
            *("runtime status 202", "runtime ready", f"END RequestId: {request_id}"),
        ]
        assert report.startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "x-amz-log-result" not in plain.headers


@pytest.mark.rule("invoke-api/tail-content")
def test_the_tail_of_a_failure_says_what_happened(environment: StartEnvironment) -> None:
    env = environment(["next", "print:fails", "exit:1", "/", "loop"])

    failed = env.invoke(b"1", TAIL)
    good = env.invoke(b"2", TAIL)

    assert failed.failure()[0] == "Runtime.ExitError"
    lines = tail_of(failed)
    assert "runtime fails" in lines
    assert lines[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError")
    assert "runtime fails" not in tail_of(good)
    assert tail_of(good)[-1].startswith(f"REPORT RequestId: {good.headers['x-amzn-requestid']}\t")


@pytest.mark.rule("lifecycle/tail-waits-for-extensions")
def test_an_answer_with_a_tail_waits_for_the_extensions(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["loop"], {"ext": ["register:INVOKE", "next", "print:works", gate.step, "print:done", "loop"]})
    call = env.start_invoke(b"{}", TAIL)
    env.wait_for("^ext holds")
    env.wait_for("^runtime ready", nth=2)
    # Whoever asks later is answered, so what was to be answered before has been.
    env.callers.request("GET", "/")

    assert not call.done()
    gate.let_through()

    lines = tail_of(call.result())
    assert "ext done" in lines
    assert lines[-1].startswith("REPORT")


# The event of a raw payload.


@pytest.mark.rule("runtime-api/event-bytes-unchanged")
def test_a_raw_payload_arrives_byte_for_byte(environment: StartEnvironment) -> None:
    payload = bytes(range(256)) + b"\0\xff\xfe\xed\xa0\x80"
    env = environment(["loop"], options=["--raw-payload"])

    assert env.invoke(payload).body == payload
