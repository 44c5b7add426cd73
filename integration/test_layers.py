"""Layers: the container example of AWS's page on extensions, and what happens to those that cannot be used."""

import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.environments import UNDER_TEST, Setup, extension_file, running, runtime_command
from integration.namespaces import Namespaces

MY_FUNCTION = """
import http.client, os

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    invocation = api.getresponse()
    name, request_id = invocation.read(), invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", b'{"hello": %s}' % name)
    api.getresponse().read()
"""

MY_EXTENSION = extension_file(["register:INVOKE,SHUTDOWN", "loop"])


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    folder = tmp_path / "opt-of-the-image"
    folder.mkdir()
    return folder


def make_layer(path: Path, programs: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in programs.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(info, content)


@pytest.mark.rule("layers/before-extensions")
def test_the_container_example_of_aws_works_as_it_is_written(environment: StartEnvironment, opt: Path) -> None:
    """COPY /app /app; WORKDIR /app; ADD my-extension.zip /opt; CMD python ./my-function.py."""
    make_layer(opt / "my-extension.zip", {"extensions/my-extension": MY_EXTENSION})

    env = environment(command=[sys.executable, "./my-function.py"], files={"my-function.py": MY_FUNCTION}, opt=opt)

    assert env.invoke(b'"Ada"').json() == {"hello": "Ada"}
    env.wait_for(r"^EXTENSION\tName: my-extension\tState: Ready\tEvents: \[INVOKE, SHUTDOWN\]")
    env.wait_for(r"^my-extension got INVOKE ")
    assert env.terminate() == 0
    env.wait_for(r"^my-extension got SHUTDOWN spindown ")


@pytest.mark.rule("layers/before-extensions")
def test_the_bootstrap_may_come_from_a_layer(environment: StartEnvironment, opt: Path, tmp_path: Path) -> None:
    layer = tmp_path / "runtime.zip"
    make_layer(layer, {"bootstrap": b"#!/bin/sh\nexec " + " ".join(runtime_command(["cwd", "loop"])).encode()})

    env = environment(command=["app.handler"], options=["--layer", str(layer)], opt=opt)

    assert env.invoke(b"1").body == b"1"


@pytest.mark.rule("layers/restart")
def test_a_container_that_is_started_again_has_the_same_extensions(tmp_path: Path, opt: Path) -> None:
    make_layer(opt / "my-extension.zip", {"extensions/my-extension": MY_EXTENSION})
    for life in ("first", "second"):
        folder = tmp_path / life
        folder.mkdir()
        with running(folder, Setup(opt=opt)) as env:
            env.invoke()
            env.wait_for(r"^EXTENSION\tName: my-extension\tState: Ready")


def run(folder: Path, image: Mapping[str, bytes], opt: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
    with closing(Namespaces(folder, image, opt)) as namespaces:
        return namespaces.run(
            subprocess.run,
            [*UNDER_TEST, *words],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.rule("layers/unusable")
def test_a_layer_that_cannot_be_used_is_told_in_one_line_and_nothing_starts(tmp_path: Path, opt: Path) -> None:
    make_layer(opt / "a.zip", {"extensions/fine": MY_EXTENSION})
    (opt / "b.zip").write_bytes(b"no archive")

    result = run(tmp_path, {}, opt, "echo", "started")

    assert result.stderr == (
        "supervisor: the layer /opt/b.zip cannot be used: "
        "the archive is broken (File is not a zip file); make it anew\n"
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert sorted(path.name for path in opt.iterdir()) == ["a.zip", "b.zip"]


def test_an_opt_that_cannot_be_written_to_is_told_in_one_line(tmp_path: Path) -> None:
    layer = tmp_path / "layer.zip"
    make_layer(layer, {"extensions/fine": MY_EXTENSION})

    result = run(tmp_path, {"/opt/layer.zip": layer.read_bytes()}, None, "echo", "started")

    assert result.stderr == (
        "supervisor: the layer /opt/layer.zip cannot be used: nothing can be written to /opt (Read-only file system); "
        "let the container write there, or extract it when the image is built and leave the archive out\n"
    )
    assert (result.returncode, result.stdout) == (1, "")
