"""What a person is told beside Lambda's own texts when something cannot start, does not ask, or takes long."""

import subprocess
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import UNDER_TEST
from integration.peers import IDLE

WINDOWS = b"#!/bin/sh\r\nexec sleep infinity\r\n"


@pytest.mark.rule("extensions-api/cannot-start-is-explained")
def test_an_extension_that_cannot_be_started_is_explained_beside_the_text_of_lambda(
    environment: StartEnvironment,
) -> None:
    env = environment(extensions={"windows": WINDOWS})

    env.wait_for(
        r"^supervisor: The extension windows \(/.*/extensions/windows\) cannot be started: it has lines that end as on "
        r"Windows \(CRLF\), so '/bin/sh' is not found; save it with LF, and see that git keeps it"
    )
    env.wait_for("^EXTENSION\tName: windows\tState: LaunchError\tEvents: \\[\\]\tError Type: UnknownError$")
    error = env.invoke().json()
    assert isinstance(error, dict)
    assert error["errorType"] == "Extension.LaunchError"
    assert error["errorMessage"].endswith("/extensions/windows: no such file or directory")


def test_an_interpreter_that_env_does_not_find_is_explained(environment: StartEnvironment) -> None:
    env = environment(extensions={"js": b"#!/usr/bin/env no-such-node\n"})

    env.wait_for(
        r"^supervisor: The extension js \(.*\) cannot be started: it needs 'no-such-node', which is not on the image's "
        "PATH; add it to the image.$"
    )
    env.wait_for(r"^supervisor: The extension js ended \(exit status 127\) before it registered\.")


def test_a_runtime_that_cannot_be_started_is_explained(environment: StartEnvironment) -> None:
    env = environment(command=["./bootstrap"], files={"bootstrap": "#!/bin/sh\n"})

    env.wait_for(
        r"^supervisor: The runtime \(.*/work/\./bootstrap\) cannot be started: it is not executable; chmod \+x it"
    )
    env.wait_for(r"^INIT_REPORT .*\tError Type: Runtime\.InvalidEntrypoint$")


def test_a_program_that_its_user_may_not_execute_is_explained(environment: StartEnvironment) -> None:
    env = environment(extensions={"closed": IDLE}, options=["--user", "993:990"])

    env.wait_for(r"^supervisor: The extension closed \(.*\) cannot be started: its user may not execute it; ")


@pytest.mark.rule("extensions-api/wrong-name-is-explained")
def test_an_extension_under_another_name_is_told_at_once_and_who_is_missing_at_the_end(
    environment: StartEnvironment,
) -> None:
    env = environment(extensions={"logger.sh": ["register-as:logger:INVOKE", "next"]}, options=["--init-timeout", "2"])

    env.wait_for(
        "^supervisor: An extension registered as 'logger', which is the name of no file: it counts as an internal one, "
        r"and Init waits on for logger\.sh\. Lambda-Extension-Name has to be the name of the file\.$"
    )
    env.wait_for(
        r"^supervisor: The time is up, and these were still waited for: the extension logger\.sh, to register under "
        r"the name of its file\.$"
    )


@pytest.mark.rule("extensions-api/taken-name-is-explained")
def test_an_extension_that_wants_the_name_of_another_is_told_what_is_wrong(environment: StartEnvironment) -> None:
    """Whichever of the two comes first."""
    env = environment(extensions={"a": ["register:INVOKE", "next"], "copy": ["register-as:a:INVOKE", "next"]})

    env.wait_for(
        "^supervisor: An extension was refused the name 'a', under which an external extension has registered already, "
        r"for INVOKE\. It is the name of a file, and Init waits on for copy\. Lambda-Extension-Name has to be "
        r"the name of the extension's own file\.$"
    )


def test_an_extension_that_never_asks_is_named_when_the_time_is_up(environment: StartEnvironment) -> None:
    env = environment(extensions={"mute": ["register:INVOKE", "pause"]}, options=["--init-timeout", "2"])

    env.wait_for(
        "^supervisor: The time is up, and these were still waited for: the extension mute, to ask for its next event.$"
    )


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*UNDER_TEST, *words], capture_output=True, text=True, check=False)


def test_check_finds_what_would_keep_an_image_from_starting(tmp_path: Path) -> None:
    bootstrap = tmp_path / "var" / "task" / "bootstrap"
    bootstrap.parent.mkdir(parents=True)
    bootstrap.write_bytes(WINDOWS)
    bootstrap.chmod(0o755)

    result = run("check", str(tmp_path))

    assert result.stdout == (
        "/var/task/bootstrap: it has lines that end as on Windows (CRLF), so '/bin/sh' is not found; "
        "save it with LF, and see that git keeps it (.gitattributes: eol=lf)\n"
    )
    assert (result.returncode, result.stderr) == (1, "")


def test_check_has_nothing_to_say_of_an_image_that_starts() -> None:
    result = run("check", "/", "sh", "-c", "loop")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "Nothing was found that would keep this image from starting.\n"


def test_check_without_the_folder_is_a_wrong_command() -> None:
    result = run("check", "/none")

    assert result.stderr == ("supervisor: check: '/none' is no folder; name the one that holds the image's files\n")
    assert result.returncode == 2
