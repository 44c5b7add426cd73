import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.child_environ import (
    HIDDEN_FROM_EXTENSIONS,
    KEPT_OUT_OF_SNAPSHOTS,
    NEVER_PASSED_ON,
    OWN_PREFIX,
    RUNTIME_DEFAULTS,
    extension_environ,
    runtime_environ,
)
from supervisor.function import Function, InitializationType

ROOT = Path(__file__).parents[1]

FUNCTION = Function(
    name="orders",
    version="7",
    handler="app.handler",
    timeout=3,
    memory_mb=128,
    region="eu-central-1",
    account_id="123456789012",
    log_group="/aws/lambda/orders",
    log_stream="2026/01/31/[7]0123456789abcdef0123456789abcdef",
)
RUNTIME_API = "127.0.0.1:9001"

PLATFORM_VARIABLES = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_FUNCTION_NAME": "orders",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_REGION": "eu-central-1",
}

RUNTIME_VARIABLES = {
    "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/31/[7]0123456789abcdef0123456789abcdef",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "_HANDLER": "app.handler",
}

ECHO_ENVIRON = """
import os
from supervisor.boot import given_environ
from supervisor.child_environ import {environ_of}
from supervisor.function import Function
function = Function("f", "1", "h", 3, 128, "r", "a", "g", "s")
os.execve("/usr/bin/env", ["env", "-0"], {environ_of}(given_environ(), function, "127.0.0.1:9001"))
"""


def both(environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    return runtime_environ(environ, FUNCTION, RUNTIME_API), extension_environ(environ, FUNCTION, RUNTIME_API)


@pytest.mark.rule("lifecycle/no-keys-in-snapshot")
def test_with_snapstart_everybody_is_told_where_to_get_the_keys_and_has_none() -> None:
    function = dataclasses.replace(FUNCTION, initialization_type=InitializationType.SNAP_START)
    given = dict.fromkeys(KEPT_OUT_OF_SNAPSHOTS, "kept")

    for environ in (
        runtime_environ(given, function, RUNTIME_API, "token"),
        extension_environ(given, function, RUNTIME_API, "token"),
    ):
        assert not KEPT_OUT_OF_SNAPSHOTS & environ.keys()
        assert environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
        assert environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == "token"
        assert environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://127.0.0.1:9001/2021-04-23/credentials"


def test_without_snapstart_the_keys_go_through() -> None:
    for environ in both({"AWS_ACCESS_KEY_ID": "AKIA"}):
        assert environ["AWS_ACCESS_KEY_ID"] == "AKIA"
        assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in environ


def test_a_runtime_gets_the_variables_of_an_image_on_lambda() -> None:
    assert runtime_environ({}, FUNCTION, RUNTIME_API) == PLATFORM_VARIABLES | RUNTIME_VARIABLES


def test_an_extension_gets_the_variables_of_the_platform_alone() -> None:
    assert extension_environ({}, FUNCTION, RUNTIME_API) == PLATFORM_VARIABLES


@pytest.mark.rule("lifecycle/extension-environment-lacks-ten")
def test_the_ten_variables_of_the_runtime_are_the_documented_ones() -> None:
    documented = {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT",
        "_HANDLER",
    }

    assert documented == HIDDEN_FROM_EXTENSIONS
    assert not HIDDEN_FROM_EXTENSIONS & extension_environ({}, FUNCTION, RUNTIME_API).keys()


@pytest.mark.rule("lifecycle/extension-environment-lacks-ten-of-image")
def test_an_extension_does_not_get_the_ten_from_the_image_either() -> None:
    runtime, extension = both(dict.fromkeys(HIDDEN_FROM_EXTENSIONS, "from the image"))

    assert extension == PLATFORM_VARIABLES
    assert runtime.keys() >= HIDDEN_FROM_EXTENSIONS


@pytest.mark.rule("lifecycle/user-variable-underscore")
def test_a_variable_that_begins_with_an_underscore_is_hidden_from_extensions() -> None:
    runtime, extension = both({"_FOO": "1", "_AWS_XRAY_DAEMON_PORT": "2000"})

    assert (runtime["_FOO"], runtime["_AWS_XRAY_DAEMON_PORT"]) == ("1", "2000")
    assert extension == PLATFORM_VARIABLES


@pytest.mark.rule("lifecycle/user-variable-reserved")
def test_the_settings_of_the_function_win_over_what_was_given() -> None:
    given = dict.fromkeys([*PLATFORM_VARIABLES, "_HANDLER", "AWS_LAMBDA_LOG_GROUP_NAME"], "something else")

    assert both(given) == (PLATFORM_VARIABLES | RUNTIME_VARIABLES, PLATFORM_VARIABLES)


def test_the_image_wins_over_the_defaults_of_the_runtime() -> None:
    given = {name: f"the image's {name}" for name in RUNTIME_DEFAULTS}

    assert runtime_environ(given, FUNCTION, RUNTIME_API).items() >= given.items()


@pytest.mark.rule("lifecycle/user-variable-tz")
def test_time_zone_language_and_paths_are_those_of_the_image() -> None:
    given = {
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64",
        "LOG_LEVEL": "DEBUG",
        "PATH": "/var/lang/bin:/bin",
        "TZ": ":UTC",
    }

    runtime, extension = both(given)

    assert runtime == given | PLATFORM_VARIABLES | RUNTIME_VARIABLES
    assert extension == given | PLATFORM_VARIABLES


def test_credentials_are_passed_on_and_never_invented() -> None:
    given = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "token"}

    for environ in both(given):
        assert environ.items() >= given.items()
    for environ in both({}):
        assert not given.keys() & environ.keys()


@pytest.mark.parametrize("name", [*sorted(NEVER_PASSED_ON), "SUPERVISOR_QUEUE_SIZE", "SUPERVISOR_LOG_LEVEL"])
def test_what_belongs_to_the_platform_or_to_us_is_passed_on_to_nobody(name: str) -> None:
    assert both({name: "1"}) == both({})


def test_a_function_without_a_handler_finds_an_empty_one() -> None:
    function = Function("f", "1", "", 3, 128, "r", "a", "g", "s")

    assert runtime_environ({"_HANDLER": "left over"}, function, RUNTIME_API)["_HANDLER"] == ""


@given(st.dictionaries(st.sampled_from(sorted(HIDDEN_FROM_EXTENSIONS | NEVER_PASSED_ON)) | st.text(), st.text()))
def test_whatever_is_given_an_extension_sees_no_more_than_the_runtime(given: dict[str, str]) -> None:
    runtime, extension = both(given)

    assert extension.items() <= runtime.items()
    assert not any(name.startswith("_") or name in HIDDEN_FROM_EXTENSIONS for name in extension)
    assert not any(name.startswith(OWN_PREFIX) or name in NEVER_PASSED_ON for name in runtime)
    for name in given.keys() - runtime.keys():
        assert name in NEVER_PASSED_ON or name.startswith(OWN_PREFIX)


@pytest.mark.rule("lifecycle/user-variable-newline", "lifecycle/user-variable-empty")
@pytest.mark.parametrize("environ_of", ["runtime_environ", "extension_environ"])
def test_values_arrive_byte_for_byte(environ_of: str) -> None:
    given = {
        b"EMPTY": b"",
        b"LINES": b"one\ntwo\r\n",
        b"NOT_UTF8": b"caf\xe9 \xff\xfe",
        b"UTF8": "caf\u00e9 \U0001f680".encode(),
        b"EQUALS": b"a=b=c",
        b"PATH": os.fsencode(os.environ.get("PATH", os.defpath)),
    }

    script = ECHO_ENVIRON.format(environ_of=environ_of)
    output = subprocess.run([sys.executable, "-c", script], env=given, cwd=ROOT, check=True, capture_output=True).stdout

    entries = dict(entry.split(b"=", 1) for entry in output.split(b"\0") if entry)
    assert entries.items() >= given.items()
    assert b"LC_CTYPE" not in entries
