"""Metrics and health from outside a container, and the recipe for CI in the README, word for word."""

import os
import re
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from integration.containers.base_images import BOOKWORM, DEBIAN
from integration.containers.conftest import StartContainer
from integration.containers.docker import docker
from integration.containers.images import MakeImage, runtime
from integration.containers.test_examples import EXAMPLES, build_example
from integration.environments import ROOT

METRICS = 9464


def test_metrics_are_scraped_from_outside(image: MakeImage, container: StartContainer) -> None:
    subject = container(image(BOOKWORM), runtime("next", "respond", "next", "error:Its.Own", "loop"))
    subject.invoke()
    subject.invoke()
    subject.wait_for("^REPORT", 2)

    page = subject.request("GET", "/metrics", port=METRICS)

    assert page.status == 200
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse_text(page.body.decode())
        for sample in family.samples
    }
    assert samples["lambda_invocations_total", "success"] == 1
    assert samples["lambda_invocations_total", "function_error"] == 1
    assert samples["lambda_invocation_duration_seconds_count",] == 2


def test_an_empty_image_has_a_health_check(image: MakeImage, container: StartContainer) -> None:
    subject = container(image(None), ["/peers/runtime"], ["--read-only", "--user=12345", "--cap-drop=ALL"])
    subject.invoke()

    docker("exec", subject.name, "/opt/supervisor", "health")
    assert subject.request("GET", "/health/ready", port=METRICS).status == 200


def test_a_health_check_of_what_cannot_start_fails(image: MakeImage, container: StartContainer) -> None:
    subject = container(image(None), ["/no/such/program", "handler"])
    subject.wait_for("^INIT_REPORT")

    with pytest.raises(subprocess.CalledProcessError):
        docker("exec", subject.name, "/opt/supervisor", "health")


def test_the_recipe_for_ci_in_the_readme(tmp_path: Path) -> None:
    """Only the image and the ports of the machine are others."""
    recipe = re.search(r"(^    docker run --detach .*\n(?:    .*\n)+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert recipe
    script = recipe[1].replace("my-function", f"--name=$NAME {build_example(EXAMPLES / 'bash', DEBIAN)}")
    for port in (8080, METRICS):
        free = str(free_port())
        script = script.replace(f"--publish {port}:", f"--publish {free}:").replace(
            f"localhost:{port}", f"localhost:{free}"
        )
    (tmp_path / "event.json").write_text('{"order": 17}')
    environ = {"PATH": os.environ["PATH"], "NAME": f"integration-recipe-{os.getpid()}"}

    try:
        result = subprocess.run(
            ["sh", "-eu", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
    finally:
        docker("rm", "--force", environ["NAME"])

    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    assert result.stdout.endswith('{"length": 13}')


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])
