"""A container from its start to its end: by Docker's own commands, as the first process and below another one."""

import json
import os
import signal
from pathlib import Path

import pytest

from integration.containers.base_images import BOOKWORM
from integration.containers.conftest import StartContainer
from integration.containers.images import MakeImage, extension_file, runtime, with_extensions
from integration.processes import find_descendant, wait_until
from integration.subscribers import subscription_body

LOOP = ("register:INVOKE,SHUTDOWN", "loop")

on_both = pytest.mark.parametrize("arch", ["amd64", "arm64"])


@on_both
def test_docker_stop_ends_everything_in_order(
    image: MakeImage, container: StartContainer, tmp_path: Path, arch: str
) -> None:
    extensions = with_extensions(tmp_path, ext=extension_file(LOOP))
    subject = container(
        image(BOOKWORM, arch), runtime("on-sigterm:exit", "loop"), [f"--platform=linux/{arch}", extensions]
    )
    assert subject.invoke(b'"done"').body == b'"done"'
    subject.wait_for("^REPORT")

    assert subject.stop() == 0
    last = subject.lines[-2:]
    assert last[0] == "runtime got SIGTERM"
    assert last[1].startswith("ext got SHUTDOWN spindown ")


def test_docker_stop_waits_for_no_extension_longer_than_lambda(
    image: MakeImage, container: StartContainer, tmp_path: Path
) -> None:
    extensions = with_extensions(
        tmp_path, ext=extension_file(["on-sigterm:ignore", "register:SHUTDOWN", "next", "pause"])
    )
    subject = container(image(BOOKWORM), runtime("loop"), [extensions])
    subject.invoke()

    assert subject.stop() == 0
    subject.wait_for("^supervisor: Killed at the deadline of the shutdown, because still running: ext$")


def test_docker_stop_during_an_invocation(image: MakeImage, container: StartContainer) -> None:
    subject = container(image(BOOKWORM), runtime("next", "pause"))
    subject.start_invoke()
    subject.wait_for("^runtime got")

    assert subject.stop() == 0
    subject.wait_for(r"^REPORT .*\tStatus: failure\tError Type: Sandbox.Failure$")


def test_docker_kill_leaves_nothing_behind(image: MakeImage, container: StartContainer, tmp_path: Path) -> None:
    extensions = with_extensions(tmp_path, ext=extension_file(["orphan", *LOOP]))
    subject = container(image(BOOKWORM), runtime("orphan", "worker", "loop"), [extensions])
    subject.invoke()
    pid = subject.pid

    assert subject.kill() == 128 + signal.SIGKILL
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), lambda: "the container is still there")


def test_below_an_init_of_dockers(image: MakeImage, container: StartContainer, tmp_path: Path) -> None:
    extensions = with_extensions(tmp_path, ext=extension_file(["orphan", *LOOP]))
    subject = container(image(BOOKWORM), runtime("loop"), ["--init", extensions])
    subject.invoke()
    own_pid = int(subject.wait_for(r"^ext orphan (\d+)")[1])

    os.kill(find_descendant(subject.pid, own_pid), signal.SIGKILL)

    wait_until(lambda: own_pid not in subject.processes(), lambda: f"{own_pid} is still there")
    assert subject.stop() == 0
    subject.wait_for("^ext got SHUTDOWN spindown")


@on_both
def test_the_first_process_reaps_orphans(image: MakeImage, container: StartContainer, arch: str) -> None:
    subject = container(image(BOOKWORM, arch), runtime("orphan", "loop"), [f"--platform=linux/{arch}"])
    subject.invoke()
    own_pid = int(subject.wait_for(r"^runtime orphan (\d+)")[1])

    os.kill(find_descendant(subject.pid, own_pid), signal.SIGKILL)

    wait_until(lambda: own_pid not in subject.processes(), lambda: f"{own_pid} is still there")
    subject.check_no_zombie()
    assert subject.invoke(b'"lives on"').body == b'"lives on"'


@on_both
def test_telemetry_is_delivered(image: MakeImage, container: StartContainer, tmp_path: Path, arch: str) -> None:
    """Without the freeze: it is told of the end of an invocation then, and not in the next one."""
    subscription = subscription_body(types=["platform"]).decode()
    steps = [
        "tell:/dev/stdout",
        "listen:HTTP:4243:takes",
        "register:INVOKE,SHUTDOWN",
        f"subscribe:telemetry:{subscription}",
    ]
    extensions = with_extensions(tmp_path, sub=extension_file([*steps, "loop"], "subscriber.py"))
    subject = container(
        image(BOOKWORM, arch), runtime("loop"), [f"--platform=linux/{arch}", "--env=SUPERVISOR_FREEZE=0", extensions]
    )
    request_id = subject.invoke().headers["x-amzn-requestid"]

    report = json.loads(subject.wait_for(r'^\{.*"type": "platform.report"').string)["record"]

    assert report["record"]["requestId"] == request_id
    assert report["record"]["status"] == "success"
    assert subject.stop() == 0
    for kind in ("initStart", "initRuntimeDone", "initReport", "start", "runtimeDone"):
        subject.wait_for(f'"platform.{kind}"')


def test_the_names_of_the_sandbox_resolve(image: MakeImage, container: StartContainer) -> None:
    program = "import socket; print(*map(socket.gethostbyname, ['sandbox', 'sandbox.localdomain']))"
    subject = container(image(BOOKWORM), ["python3", "-S", "-c", program])

    subject.wait_for(r"^127\.0\.0\.1 127\.0\.0\.1$")
