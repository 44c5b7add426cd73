"""The processes: which program, where, with which variables, and what is said when it cannot be started."""

import json
import struct
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import Environment, extension_file, runtime_command

LOOP = ("register:INVOKE,SHUTDOWN", "loop")

THE_RUNTIMES_ALONE = {
    "AWS_EXECUTION_ENV": "AWS_Lambda_Test",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/its/group",
    "AWS_LAMBDA_LOG_STREAM_NAME": "its stream",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "LAMBDA_RUNTIME_DIR": "/its/runtime",
    "LAMBDA_TASK_ROOT": "/its/task",
    "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
    "_HANDLER": "its.handler",
}

FOREIGN_ELF = (
    b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 0x7FFF, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0)
)
"""The head of a program for a processor that nobody has built."""


def environ_of(env: Environment, name: str) -> dict[str, str]:
    """The variables that an actor was started with."""
    environ: dict[str, str] = json.loads(env.wait_for(rf"^{name} environ (.*)$")[1])
    return environ


# Variables.


@pytest.mark.rule("lifecycle/extension-environment-lacks-ten-of-image")
@pytest.mark.rule("lifecycle/user-variable-underscore")
@pytest.mark.rule("lifecycle/user-variable-reserved")
@pytest.mark.rule("lifecycle/user-variable-tz")
@pytest.mark.rule("lifecycle/user-variable-empty")
@pytest.mark.rule("lifecycle/user-variable-newline")
def test_the_variables_of_the_image_and_the_user(environment: StartEnvironment) -> None:
    users = {"TZ": "Europe/Vienna", "EMPTY": "", "TWO_LINES": "one\ntwo\n", "AWS_ACCESS_KEY_ID": "key"}
    given = users | THE_RUNTIMES_ALONE | {"_FOO": "hidden", "AWS_LAMBDA_FUNCTION_NAME": "named"}
    env = environment(["environ", "loop"], {"ext": ["environ", *LOOP]}, environ=given)

    runtime, extension = environ_of(env, "runtime"), environ_of(env, "ext")

    assert given.items() <= runtime.items()
    assert (users | {"AWS_LAMBDA_FUNCTION_NAME": "named"}).items() <= extension.items()
    assert not [name for name in extension if name.startswith("_") and name != "_"]
    assert not THE_RUNTIMES_ALONE.keys() & extension.keys()


@pytest.mark.rule("lifecycle/extension-environment-lacks-ten")
def test_the_variables_of_the_platform(environment: StartEnvironment) -> None:
    env = environment(["environ", "loop"], {"ext": ["environ", *LOOP]}, environ={"SUPERVISOR_QUEUE_SIZE": "7"})

    runtime, extension = environ_of(env, "runtime"), environ_of(env, "ext")

    for_both = {
        "AWS_LAMBDA_FUNCTION_NAME": "test_function",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    assert for_both.items() <= runtime.items()
    assert for_both.items() <= extension.items()
    assert not THE_RUNTIMES_ALONE.keys() & extension.keys()
    assert runtime["_HANDLER"] == "loop"
    assert runtime["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/test_function"
    assert not [name for name in (*runtime, *extension) if name.startswith("SUPERVISOR_")]


# Which program, and where.


def test_the_runtime_and_the_extensions_start_where_the_supervisor_did(environment: StartEnvironment) -> None:
    env = environment(["cwd", "loop"], {"ext": ["cwd", *LOOP]})

    env.wait_for(f"^runtime cwd {env.folder}$")
    env.wait_for(f"^ext cwd {env.folder}$")


def bootstrap(*script: str) -> bytes:
    """A bootstrap that is tests/actors/runtime.py."""
    return ("#!/bin/sh\nexec " + " ".join(runtime_command(script)) + "\n").encode()


def test_without_a_command_the_bootstrap_in_the_task_root_is_the_runtime(environment: StartEnvironment) -> None:
    env = environment(
        command=[],
        image={
            "/var/task/bootstrap": bootstrap("cwd", "environ", "loop"),
            "/opt/bootstrap": b"",
            "/var/runtime/bootstrap": b"",
        },
        environ={"_HANDLER": "app.handler"},
    )

    assert env.invoke().status == 200
    env.wait_for("^runtime cwd /var/task$")
    assert environ_of(env, "runtime")["_HANDLER"] == "app.handler"


def test_a_word_that_is_no_program_is_the_handler_of_the_bootstrap(environment: StartEnvironment) -> None:
    env = environment(command=["app.handler"], image={"/var/runtime/bootstrap": bootstrap("environ", "loop")})

    assert env.invoke().status == 200
    assert environ_of(env, "runtime")["_HANDLER"] == "app.handler"


def test_an_image_without_a_bootstrap_fails_init(environment: StartEnvironment) -> None:
    env = environment(command=[], image={"/opt/nothing": b""})

    assert env.invoke().failure() == (
        "Runtime.InvalidEntrypoint",
        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap /var/runtime/bootstrap]",
    )


def test_extensions_lie_in_the_folder_of_lambda(environment: StartEnvironment) -> None:
    env = environment(image={"/opt/extensions/ext": extension_file(LOOP)})

    assert env.invoke().status == 200
    env.wait_for("^ext got INVOKE")


def test_extensions_can_be_disabled(environment: StartEnvironment) -> None:
    env = environment(image={"/opt/extensions/ext": extension_file(LOOP), "/opt/disable-extensions-jwigqn8j": b""})

    assert env.invoke().status == 200
    assert env.peers.request("POST", "/2020-01-01/extension/register").status == 404
    assert not any(line.startswith(("ext", "EXTENSION")) for line in env.lines)


@pytest.mark.rule("lifecycle/base-image-starts-no-emulator")
def test_an_entry_point_that_would_start_an_emulator_starts_its_runtime(
    environment: StartEnvironment, tmp_path: Path
) -> None:
    """AWS base images have such an entry point: outside of Lambda it starts aws-lambda-rie."""
    entry_point = tmp_path / "lambda-entrypoint.sh"
    script = (
        "#!/bin/sh\nexport _HANDLER=$1\n"
        'if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then echo emulator; exec sleep infinity; fi\n'
    )
    entry_point.write_bytes(script.encode() + bootstrap("environ", "loop").removeprefix(b"#!/bin/sh\n"))
    entry_point.chmod(0o755)
    env = environment(command=[str(entry_point), "app.handler"])

    assert env.invoke().status == 200
    assert environ_of(env, "runtime")["_HANDLER"] == "app.handler"


# What cannot be started.


@pytest.mark.rule("lifecycle/working-directory-missing")
def test_a_working_directory_that_is_missing_fails_init(environment: StartEnvironment) -> None:
    env = environment(["exit:1"])
    env.wait_for("^INIT_REPORT")
    env.folder.rmdir()

    assert env.invoke().failure() == (
        "Runtime.InvalidWorkingDir",
        f"the working directory doesn't exist: {env.folder}",
    )


@pytest.mark.rule("lifecycle/entry-point-is-folder")
@pytest.mark.rule("lifecycle/interpreter-missing")
@pytest.mark.rule("lifecycle/wrong-architecture")
@pytest.mark.rule("lifecycle/entry-point-is-symlink")
def test_an_entry_point_that_cannot_be_started_fails_init(environment: StartEnvironment, tmp_path: Path) -> None:
    """Every invocation tries again, with another file, until one can be started."""
    entry_point = tmp_path / "entry-point"
    entry_point.mkdir()
    env = environment(command=[str(entry_point), "app.handler"])
    env.wait_for(r"^INIT_REPORT .*\tPhase: init\tStatus: error\tError Type: Runtime.InvalidEntrypoint$")

    assert env.invoke().failure() == ("Runtime.InvalidEntrypoint", f"fork/exec {entry_point}: permission denied")
    entry_point.rmdir()
    broken = [
        (b"#!/missing/interpreter\n", 0o755, "no such file or directory"),
        (FOREIGN_ELF, 0o755, "exec format error"),
        (b"#!/bin/sh\n", 0o644, "permission denied"),
    ]
    for content, mode, reason in broken:
        entry_point.write_bytes(content)
        entry_point.chmod(mode)
        assert env.invoke().failure() == ("Runtime.InvalidEntrypoint", f"fork/exec {entry_point}: {reason}")
    entry_point.write_bytes(bootstrap("loop"))
    entry_point.chmod(0o755)
    entry_point.rename(tmp_path / "program")
    entry_point.symlink_to(tmp_path / "program")
    assert env.invoke(b'"started"').body == b'"started"'


def test_a_program_that_is_nowhere_on_the_path_fails_init(environment: StartEnvironment) -> None:
    env = environment(command=["no-such-program", "app.handler"])

    assert env.invoke().failure() == (
        "Runtime.InvalidEntrypoint",
        'exec: "no-such-program": executable file not found in $PATH',
    )
