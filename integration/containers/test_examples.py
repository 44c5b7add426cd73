"""The examples of docker/examples, built and run as their README says."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

from integration.containers.base_images import DEBIAN, LAMBDA_PYTHON, BaseImage, StandIn
from integration.containers.conftest import StartContainer
from integration.containers.docker import build
from integration.containers.images import supervisor_image
from integration.environments import ROOT

EXAMPLES = ROOT / "docker" / "examples"


def build_example(folder: Path, base: BaseImage | StandIn = DEBIAN) -> str:
    return build(folder / "Dockerfile", SUPERVISOR=supervisor_image(), BASE=base.reference("amd64"))


def test_python_with_an_extension_in_a_zip_archive(container: StartContainer, tmp_path: Path) -> None:
    folder = copytree(EXAMPLES / "python-layer", tmp_path / "example")
    zip_command = [sys.executable, "-m", "zipfile", "-c", "../my-extension.zip", "extensions"]
    subprocess.run(zip_command, cwd=folder / "my-extension", check=True)
    function = container(build_example(folder, LAMBDA_PYTHON))

    answer = function.invoke(b'{"name": "Ada"}')

    assert answer.json() == {"greeting": "Hello, Ada!"}
    function.wait_for("^greeting Ada$")
    function.wait_for(f"^my-extension: saw {answer.headers['x-amzn-requestid']}$")
    assert function.stop() == 0
    function.wait_for("^my-extension: goodbye, spindown$")


def test_python_on_debian(container: StartContainer) -> None:
    function = container(build_example(EXAMPLES / "python"))

    answer = function.invoke(b'{"name": "Ada"}').json()

    assert isinstance(answer, dict)
    assert answer["greeting"] == "Hello, Ada!"
    assert 0 < answer["remaining"] <= 300_000
    assert function.invoke(b"{}").failure()[0] == "KeyError"
    assert function.stop() == 0


def test_bash(container: StartContainer) -> None:
    function = container(build_example(EXAMPLES / "bash"))

    assert function.invoke(b'"a word"').json() == {"length": 8}
    function.wait_for('^handling "a word"$')
    assert function.invoke(b'"fail"').failure() == ("Function.Failed", "the function failed")
    assert function.stop() == 0


def test_node(container: StartContainer) -> None:
    function = container(build_example(EXAMPLES / "node"))

    answer = function.invoke(b'{"name": "Ada"}')

    assert answer.json() == {"greeting": "Hello, Ada!", "requestId": answer.headers["x-amzn-requestid"]}
    function.wait_for("^greeting Ada$")
    assert json.loads(function.invoke(b"null").body)["errorType"] == "TypeError"
    assert function.stop() == 0
