import pytest

from supervisor.errors import ExperimentError
from supervisor.impact.experiment import read_events
from supervisor.impact.targets import CommandTarget, ImageTarget, target_of


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ('{"a": 1}\n', [b'{"a": 1}']),
        ('{\n  "a": 1\n}\n', [b'{\n  "a": 1\n}']),
        ('{"a": 1}\n\n[2]\n"three"\n', [b'{"a": 1}', b"[2]", b'"three"']),
    ],
)
def test_a_file_of_events_is_one_json_document_or_one_on_each_line(text: str, events: list[bytes]) -> None:
    assert read_events(text) == events


@pytest.mark.parametrize("text", ["", "\n", '{"a": 1}\nno json\n'])
def test_a_file_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ExperimentError, match="one JSON document, or one on each line"):
        read_events(text)


def test_one_word_that_is_no_program_is_an_image_and_anything_else_a_command() -> None:
    assert target_of(["registry/function:1"]) == ImageTarget("registry/function:1")
    assert target_of(["sh"]) == CommandTarget(("sh",))
    assert target_of(["no-such-program", "app.handler"]) == CommandTarget(("no-such-program", "app.handler"))


def test_a_container_is_told_which_extension_to_leave_out_and_publishes_its_port_on_this_machine_alone() -> None:
    start = ImageTarget("image").start("slow")

    assert start.words[:5] == ["docker", "run", "--rm", "--name", start.container]
    assert "SUPERVISOR_WITHOUT_EXTENSIONS=slow" in start.words
    assert "127.0.0.1::8080" in start.words
    assert start.words[-1] == "image"
