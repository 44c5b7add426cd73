"""Images of others with habits of their own: AWS's base images, and images without a shell."""

from pathlib import Path

from integration.containers.base_images import DISTROLESS, LAMBDA_PYTHON
from integration.containers.conftest import StartContainer
from integration.containers.images import FILES, MakeImage, runtime

HANDLER = "def handler(event, context):\n    return [event, context.function_name]\n"


def test_a_handler_alone_is_run_by_the_bootstrap_of_an_aws_base_image(
    image: MakeImage, container: StartContainer, tmp_path: Path
) -> None:
    file = tmp_path / "app.py"
    file.write_text(HANDLER)
    function = container(image(LAMBDA_PYTHON), ["app.handler"], [f"--volume={file}:/var/task/app.py:ro"])

    assert function.invoke(b'"event"').json() == ["event", "test_function"]
    assert function.stop() == 0


def test_the_entry_point_of_an_aws_base_image_starts_no_emulator(container: StartContainer, tmp_path: Path) -> None:
    """The image as it is: the supervisor is mounted, as RIE's users do."""
    file = tmp_path / "app.py"
    file.write_text(HANDLER)
    options = [f"--volume={FILES['amd64']}:/opt/supervisor:ro", "--entrypoint=/opt/supervisor"]
    function = container(
        LAMBDA_PYTHON.reference("amd64"),
        ["/lambda-entrypoint.sh", "app.handler"],
        [*options, f"--volume={file}:/var/task/app.py:ro"],
    )

    assert function.invoke(b'"event"').json() == ["event", "test_function"]
    assert function.stop() == 0


def test_an_image_without_a_shell(image: MakeImage, container: StartContainer) -> None:
    function = container(image(DISTROLESS), runtime("loop"))

    assert function.invoke(b'"event"').json() == "event"
    assert function.stop() == 0
