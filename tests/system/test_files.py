from pathlib import Path

import pytest

from supervisor.system.files import extensions_in, find_bootstrap


def test_every_entry_that_is_no_folder_is_an_extension_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.sh", "a", "C", ".hidden", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "inner").write_text("")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "link-to-folder").symlink_to("lib")
    (tmp_path / "link-to-nothing").symlink_to("none")

    names = [".hidden", "C", "a", "b.sh", "link", "link-to-folder", "link-to-nothing", "notes.txt"]
    assert extensions_in(str(tmp_path)) == [f"{tmp_path}/{name}" for name in names]


def test_without_a_folder_there_are_no_extensions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "empty").mkdir()

    assert extensions_in(str(tmp_path / "none")) == []
    assert extensions_in(str(tmp_path / "empty")) == []
    assert caplog.messages == []


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "extensions"
    file.write_text("")

    assert extensions_in(str(file)) == []
    assert caplog.messages == [f"No extension is started: {file} cannot be read (Not a directory)."]


def test_the_first_bootstrap_that_is_no_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("none")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")

    def find(*names: str) -> str | None:
        return find_bootstrap([f"{tmp_path}/{name}" for name in names])

    assert find("none", "folder", "dangling", "link", "file") == f"{tmp_path}/link"
    assert find("file", "link") == f"{tmp_path}/file"
    assert find("none", "folder") is None
