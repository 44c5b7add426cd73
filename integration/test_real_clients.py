"""Nothing of ours on the other side: awslambdaric as the runtime, boto3 as the caller."""

import base64
import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.config
import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment, Setup, running
from integration.gates import Gate

HANDLER = """
import os, sys

print("loaded")


def handle(event, context):
    print("handles", context.aws_request_id)
    match event["do"]:
        case "tell":
            return {"arn": context.invoked_function_arn, "remaining": context.get_remaining_time_in_millis()}
        case "raise":
            raise KeyError("missing")
        case "exit":
            sys.exit(3)
        case "crash":
            os.abort()
        case "wait":
            import signal
            signal.pause()
        case "print":
            print("no newline", end="")
            sys.stderr.write("to stderr")
    return event
"""


def awslambdaric(handler: str) -> list[str]:
    return [sys.executable, "-m", "awslambdaric", handler]


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A real function."""
    setup = Setup(
        command=awslambdaric("app.handle"), files={"app.py": HANDLER}, environ={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"}
    )
    with running(tmp_path_factory.mktemp("environment"), setup) as environment:
        yield environment


def test_a_handler_returns(function: Environment) -> None:
    answer = function.invoke(b'{"do": "nothing", "text": "\xc3\xbc"}')

    assert (answer.status, answer.json()) == (200, {"do": "nothing", "text": "ü"})
    assert "x-amz-function-error" not in answer.headers
    function.wait_for("^loaded$")


def test_a_handler_raises(function: Environment) -> None:
    answer = function.invoke(b'{"do": "raise"}')

    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    error = json.loads(answer.body)
    assert (error["errorType"], error["errorMessage"]) == ("KeyError", "'missing'")
    assert error["requestId"] == answer.headers["x-amzn-requestid"]
    assert function.invoke(b'{"do": "nothing"}').status == 200


@pytest.mark.parametrize(
    ("deed", "text"),
    [("exit", "Runtime exited with error: exit status 3"), ("crash", "Runtime exited with error: signal: aborted")],
)
def test_a_handler_ends_its_process(function: Environment, deed: str, text: str) -> None:
    answer = function.invoke(json.dumps({"do": deed}).encode())

    assert answer.failure() == ("Runtime.ExitError", text)
    assert function.invoke(b'{"do": "nothing"}').json() == {"do": "nothing"}


def test_a_handler_takes_too_long(function: Environment) -> None:
    answer = function.invoke(b'{"do": "wait"}')

    assert answer.failure() == ("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    assert function.invoke(b'{"do": "nothing"}').json() == {"do": "nothing"}


def test_a_handler_prints_without_a_newline(function: Environment) -> None:
    assert function.invoke(b'{"do": "print"}').status == 200
    function.invoke(b'{"do": "exit"}')

    function.wait_for("no newline")
    function.wait_for("to stderr")


def test_a_module_is_missing(environment: StartEnvironment) -> None:
    env = environment(command=awslambdaric("nowhere.handle"))

    answer = env.invoke()

    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    error = json.loads(answer.body)
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'nowhere': No module named 'nowhere'"
    env.wait_for(r"^INIT_REPORT .*\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError$")


@pytest.fixture(scope="module")
def client() -> Any:
    """A client for the environment of this file: it keeps its connections."""
    return new_client()


def new_client() -> Any:
    """boto3's client of Lambda, which connects where it is called."""
    return boto3.client(
        "lambda",
        endpoint_url="http://127.0.0.1:8080",
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


@pytest.mark.rule("invoke-api/boto3-invoke")
def test_boto3_invokes(function: Environment, client: Any) -> None:
    answer = function.run_inside(client.invoke, FunctionName="function", Payload=b'{"do": "nothing"}')

    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"do": "nothing"}


def test_boto3_is_told_of_a_function_error(function: Environment, client: Any) -> None:
    answer = function.run_inside(client.invoke, FunctionName="function", Payload=b'{"do": "raise"}')

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "KeyError"


def test_boto3_names_a_function_by_its_arn(function: Environment, client: Any) -> None:
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:mine:live"

    answer = function.run_inside(client.invoke, FunctionName=arn, Payload=b'{"do": "tell"}')

    result = json.loads(answer["Payload"].read())
    assert result["arn"] == arn
    assert 0 < result["remaining"] <= 1000
    function.wait_for(f"^handles {answer['ResponseMetadata']['RequestId']}$")


@pytest.mark.parametrize(
    ("payload", "exception"),
    [(b"{no json", "InvalidRequestContentException"), (b" " * 7_000_000, "RequestTooLargeException")],
)
def test_boto3_knows_a_refusal_by_its_exception(
    function: Environment, client: Any, payload: bytes, exception: str
) -> None:
    with pytest.raises(getattr(client.exceptions, exception)):
        function.run_inside(client.invoke, FunctionName="function", Payload=payload)


@pytest.mark.rule("invoke-api/boto3-invoke-with-response-stream")
def test_boto3_reads_a_stream_while_the_function_still_writes_it(environment: StartEnvironment, gate: Gate) -> None:
    env = environment(["next", "begin-stream:first", gate.step, "end-stream", "next"])

    answer = env.run_inside(
        new_client().invoke_with_response_stream, FunctionName="function", Payload=b"{}", LogType="Tail"
    )
    events = iter(answer["EventStream"])
    first = next(events)
    gate.let_through()
    (complete,) = events

    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert first == {"PayloadChunk": {"Payload": b"first"}}
    assert set(complete["InvokeComplete"]) == {"LogResult"}
    assert "END RequestId: " in base64.b64decode(complete["InvokeComplete"]["LogResult"]).decode()


def test_boto3_is_told_of_an_error_in_a_stream(function: Environment, client: Any) -> None:
    answer = function.run_inside(
        client.invoke_with_response_stream, FunctionName="function", Payload=b'{"do": "raise"}'
    )
    (complete,) = answer["EventStream"]

    assert complete["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert json.loads(complete["InvokeComplete"]["ErrorDetails"])["errorType"] == "KeyError"
