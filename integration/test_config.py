"""Options and variables, as far as they can be seen from outside; the command line of aws-lambda-rie works as it is."""

import json
import os
import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import UNDER_TEST
from integration.namespaces import Namespaces


def run(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program under test until it ends of its own accord."""
    with closing(Namespaces(folder, {})) as namespaces:
        return namespaces.run(
            subprocess.run,
            [*UNDER_TEST, *words],
            env={"PATH": os.environ["PATH"], **environ},
            capture_output=True,
            text=True,
            check=False,
        )


def test_the_flags_of_the_emulator_mean_the_same(environment: StartEnvironment) -> None:
    env = environment(
        ["environ", "loop"],
        options=[
            *("--log-level", "error", "--runtime-api-address", "127.0.0.1:9999"),
            *("--runtime-interface-emulator-address", "0.0.0.0:8888", "--enable-init-caching"),
        ],
    )
    port = env.port(8888)

    assert port.request("POST", "/2015-03-31/functions/function/invocations", body=b"1").body == b"1"
    assert json.loads(env.wait_for("^runtime environ (.*)$")[1])["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9999"


def test_addresses_can_be_variables(environment: StartEnvironment) -> None:
    env = environment(
        environ={"SUPERVISOR_INVOKE_ADDRESS": ":8001", "SUPERVISOR_RUNTIME_API_ADDRESS": "127.0.0.1:9002"}
    )

    assert env.port(8001).request("POST", "/2015-03-31/functions/function/invocations", body=b"1").body == b"1"
    assert env.port(9002).request("GET", "/2018-06-01/ping").body == b"pong"


def test_free_ports_are_told(environment: StartEnvironment) -> None:
    env = environment(
        options=["--invoke-address", "127.0.0.1:0", "--runtime-api-address", "127.0.0.1:0", "--log-level", "info"]
    )

    callers = env.port(int(env.wait_for(r"^supervisor: The function is invoked at 127\.0\.0\.1:(\d+)$")[1]))
    peers = env.port(int(env.wait_for(r"^supervisor: .* extensions call at 127\.0\.0\.1:(\d+)$")[1]))
    assert callers.request("POST", "/2015-03-31/functions/function/invocations", body=b"1").body == b"1"
    assert peers.request("GET", "/2018-06-01/ping").body == b"pong"


def test_the_settings_of_the_function_reach_everybody(environment: StartEnvironment) -> None:
    settings = {
        "AWS_LAMBDA_FUNCTION_NAME": "mine",
        "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCOUNT_ID": "111122223333",
        "_HANDLER": "app.handler",
    }
    env = environment(["environ", "loop"], environ=settings)

    answer = env.invoke()

    assert answer.headers["x-amz-executed-version"] == "3"
    env.wait_for("^START RequestId: .* Version: 3$")
    env.wait_for("^REPORT .*\tMemory Size: 256 MB\t")
    runtime = json.loads(env.wait_for("^runtime environ (.*)$")[1])
    assert settings.items() <= runtime.items()


@pytest.mark.parametrize(
    ("words", "environ", "message"),
    [
        (["--queue-size", "many"], {}, "--queue-size must be a whole number from 0 to 10000, not 'many'"),
        (
            [],
            {"AWS_LAMBDA_FUNCTION_TIMEOUT": "1.5"},
            "AWS_LAMBDA_FUNCTION_TIMEOUT must be a whole number from 1 to 900, not '1.5'",
        ),
    ],
)
def test_a_wrong_value_is_one_line_and_exit_code_2(
    tmp_path: Path, words: list[str], environ: dict[str, str], message: str
) -> None:
    result = run(tmp_path, *words, "sh", "-c", "echo started", **environ)

    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"supervisor: {message}\n")


@pytest.mark.parametrize("option", ["--invoke-address", "--runtime-api-address", "--metrics-address"])
def test_an_address_that_cannot_be_had_is_one_line_and_exit_code_1(tmp_path: Path, option: str) -> None:
    result = run(tmp_path, option, "192.0.2.1:80", "sh", "-c", "echo started")

    assert (result.returncode, result.stdout) == (1, "")
    # Each C library has its own words for the reason.
    line = rf"supervisor: cannot listen on 192\.0\.2\.1:80: [^;]*[Aa]ddress[^;]*; {option} chooses another address\n"
    assert re.fullmatch(line, result.stderr)
