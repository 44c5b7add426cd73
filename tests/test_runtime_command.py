from collections.abc import Sequence

import pytest

from supervisor.runtime_command import Image, RuntimeCommand, runtime_command

FILES = frozenset({"/usr/bin/python3", "/function/run", "/function/bin/run", "/usr/bin/odd.handler"})
IMAGE = Image("/function", FILES.__contains__, lambda: "/var/runtime/bootstrap")
IMAGE_WITHOUT_BOOTSTRAP = Image("/function", FILES.__contains__, lambda: None)
PATH = {"PATH": "/usr/local/bin:/usr/bin"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], RuntimeCommand(("/var/runtime/bootstrap",), "", "/var/task")),
        (["app.handler"], RuntimeCommand(("/var/runtime/bootstrap",), "app.handler", "/function")),
        (["src/app.handler"], RuntimeCommand(("/var/runtime/bootstrap",), "src/app.handler", "/function")),
        (["python3"], RuntimeCommand(("python3",), "", "/function")),
        (["bin/run"], RuntimeCommand(("bin/run",), "", "/function")),
        (["run"], RuntimeCommand(("/var/runtime/bootstrap",), "run", "/function")),
        (["/function/run"], RuntimeCommand(("/function/run",), "", "/function")),
        (["/function/missing"], RuntimeCommand(("/function/missing",), "", "/function")),
        (["./missing"], RuntimeCommand(("./missing",), "", "/function")),
        (["missing", "app.handler"], RuntimeCommand(("missing", "app.handler"), "app.handler", "/function")),
        (
            ["python3", "-m", "awslambdaric", "app.handler"],
            RuntimeCommand(("python3", "-m", "awslambdaric", "app.handler"), "app.handler", "/function"),
        ),
    ],
)
def test_the_runtime_is_the_command_or_the_bootstrap_of_the_image(
    words: Sequence[str], expected: RuntimeCommand
) -> None:
    assert runtime_command(words, PATH, IMAGE) == expected


def test_a_handler_is_a_program_when_the_path_of_the_child_says_so() -> None:
    assert runtime_command(["odd.handler"], {"PATH": "/bin:/usr/bin"}, IMAGE).argv == ("odd.handler",)
    assert runtime_command(["odd.handler"], {"PATH": "/bin"}, IMAGE).argv == ("/var/runtime/bootstrap",)


def test_an_empty_folder_on_the_path_is_the_working_directory() -> None:
    assert runtime_command(["run"], {"PATH": "/bin:"}, IMAGE).argv == ("run",)


@pytest.mark.parametrize("words", [[], ["app.handler"]])
def test_an_image_without_a_bootstrap_has_no_command_of_its_own(words: Sequence[str]) -> None:
    assert runtime_command(words, PATH, IMAGE_WITHOUT_BOOTSTRAP).argv == ()
