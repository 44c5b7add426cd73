import os
import stat
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from supervisor.check import check, main
from supervisor.errors import UsageError

SCRIPT = b"#!/bin/sh\n"
INTERPRETER = Path(sys.executable).resolve().read_bytes()[:4096]
OTHER_PROCESSOR = INTERPRETER[:18] + b"\x2a\x00" + INTERPRETER[20:]


def make_image(root: Path, files: Mapping[str, bytes | tuple[int, bytes]]) -> str:
    """An image whose files are executable unless they come with a mode; a shell is always there."""
    for path, content in {"/bin/sh": INTERPRETER, **files}.items():
        mode, data = content if isinstance(content, tuple) else (0o755, content)
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(mode)
    return str(root)


def found(root: str, *command: str) -> list[str]:
    return [str(finding) for finding in check(root, command)]


def layer(entries: Mapping[str, tuple[int, bytes]], path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        for name, (mode, data) in entries.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return path.read_bytes()


def test_an_image_in_which_everything_can_be_started_has_no_findings(tmp_path: Path) -> None:
    zipped = layer(
        {
            "extensions/zipped": (stat.S_IFREG | 0o755, b"#!/opt/bin/tool\n"),
            "extensions/linked": (stat.S_IFLNK | 0o777, b"zipped"),
            "bin/tool": (stat.S_IFREG | 0o755, SCRIPT),
        },
        tmp_path / "layer.zip",
    )
    root = make_image(
        tmp_path / "image",
        {"/var/task/bootstrap": SCRIPT, "/opt/extensions/mine": SCRIPT, "/opt/zipped.zip": (0o644, zipped)},
    )
    (tmp_path / "image/opt/extensions/lib").mkdir()

    assert found(root) == []
    assert main([root], {}) == (0, "Nothing was found that would keep this image from starting.")


def test_each_extension_that_cannot_be_started_is_a_finding(tmp_path: Path) -> None:
    root = make_image(
        tmp_path,
        {
            "/var/task/bootstrap": SCRIPT,
            "/opt/extensions/a-plain": (0o644, SCRIPT),
            "/opt/extensions/b-windows": b"#!/bin/sh\r\n",
            "/opt/extensions/c-foreign": OTHER_PROCESSOR,
            "/opt/extensions/d-lost": b"#!/usr/bin/python3\n",
            "/opt/extensions/e-fine": SCRIPT,
        },
    )
    (tmp_path / "opt/extensions/f-link").symlink_to("/opt/none")

    lines = found(root)

    assert [line.partition(":")[0] for line in lines] == [
        *("/opt/extensions/a-plain", "/opt/extensions/b-windows", "/opt/extensions/c-foreign"),
        *("/opt/extensions/d-lost", "/opt/extensions/f-link"),
    ]
    assert lines[0] == "/opt/extensions/a-plain: it is not executable; chmod +x it before it is copied or packed"
    assert lines[4] == "/opt/extensions/f-link: it is a link to '/opt/none', where nothing is; copy that file too"
    assert main([root], {}) == (1, "\n".join(lines))


def test_links_lead_to_places_in_the_image_and_not_of_this_machine(tmp_path: Path) -> None:
    root = make_image(tmp_path, {"/usr/lib/tool": SCRIPT, "/var/task/bootstrap": b"#!/usr/bin/tool\n"})
    (tmp_path / "usr/bin").symlink_to("/usr/programs")
    (tmp_path / "usr/programs").symlink_to("../../../usr/./lib")
    assert found(root) == []

    (tmp_path / "usr/programs").unlink()
    (tmp_path / "usr/programs").symlink_to("/usr/bin")
    assert [line.partition(";")[0] for line in found(root)] == [
        "/var/task/bootstrap: it needs '/usr/bin/tool', which is not in the image"
    ]


def test_the_processor_is_that_of_the_image_and_not_of_this_machine(tmp_path: Path) -> None:
    root = make_image(
        tmp_path, {"/bin/sh": OTHER_PROCESSOR, "/var/task/bootstrap": OTHER_PROCESSOR, "/opt/extensions/x": INTERPRETER}
    )
    for path in (tmp_path / "lib64", tmp_path / "lib"):
        path.symlink_to("/usr/lib")

    lines = found(root)

    assert len([line for line in lines if "/opt/extensions/x: it is built for" in line]) == 1
    assert not [line for line in lines if "/var/task/bootstrap: it is built for" in line]


def test_an_image_without_a_bootstrap_needs_a_command(tmp_path: Path) -> None:
    root = make_image(tmp_path, {"/app/run": (0o644, SCRIPT)})

    assert found(root) == [
        "/var/task/bootstrap: is no bootstrap, and neither is /opt/bootstrap or /var/runtime/bootstrap; "
        "add one, or name the container's command after ROOT"
    ]
    assert found(root, "sh", "-c", "loop") == []
    assert found(root, "/app/run", "handler") == [
        "/app/run: it is not executable; chmod +x it before it is copied or packed"
    ]


def test_the_bootstrap_may_come_from_a_layer(tmp_path: Path) -> None:
    good = layer({"bootstrap": (stat.S_IFREG | 0o755, SCRIPT)}, tmp_path / "good.zip")
    bad = layer({"bootstrap": (stat.S_IFREG | 0o644, SCRIPT)}, tmp_path / "bad.zip")

    assert found(make_image(tmp_path / "1", {"/opt/a.zip": good})) == []
    assert found(make_image(tmp_path / "2", {"/opt/a.zip": bad})) == [
        "/opt/bootstrap: it is not executable; chmod +x it before it is copied or packed"
    ]


def test_a_layer_that_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    out = layer({"../x": (stat.S_IFREG | 0o755, SCRIPT)}, tmp_path / "out.zip")
    broken = make_image(tmp_path / "1", {"/var/task/bootstrap": SCRIPT, "/opt/a.zip": b"no archive"})
    leading_out = make_image(tmp_path / "2", {"/var/task/bootstrap": SCRIPT, "/opt/a.zip": out})
    large = make_image(tmp_path / "3", {"/var/task/bootstrap": SCRIPT, "/opt/a.zip": layer({}, tmp_path / "none.zip")})
    os.truncate(f"{large}/var/task/bootstrap", 300_000_000)

    assert found(broken) == ["/opt/a.zip: the archive is broken (File is not a zip file); make it anew"]
    assert found(leading_out) == ["/opt/a.zip: '../x' leads out of /opt; name every entry relative to /opt"]
    assert found(large) == [
        f"/opt/a.zip: with it the function in {large}/var/task and its layers have more than 262144000 bytes unzipped, "
        "and Lambda takes no more; make one of them smaller"
    ]


def test_more_than_ten_extensions_are_a_finding_those_of_layers_among_them(tmp_path: Path) -> None:
    zipped = layer({f"extensions/z{n}": (stat.S_IFREG | 0o755, SCRIPT) for n in range(6)}, tmp_path / "l.zip")
    files: dict[str, bytes | tuple[int, bytes]] = {f"/opt/extensions/x{n}": SCRIPT for n in range(5)}
    root = make_image(tmp_path / "image", {"/var/task/bootstrap": SCRIPT, "/opt/a.zip": zipped, **files})

    assert found(root) == ["/opt/extensions: holds 11 extensions, and Lambda starts 10; remove what is not needed"]


def test_a_file_that_switches_all_extensions_off_is_a_finding(tmp_path: Path) -> None:
    root = make_image(
        tmp_path,
        {
            "/var/task/bootstrap": SCRIPT,
            "/opt/disable-extensions-jwigqn8j": b"",
            "/opt/extensions/unseen": (0o644, b""),
        },
    )

    assert found(root) == ["/opt/disable-extensions-jwigqn8j: switches all extensions off; remove it"]


def test_nothing_is_changed_in_the_image(tmp_path: Path) -> None:
    zipped = layer({"extensions/zipped": (stat.S_IFREG | 0o755, SCRIPT)}, tmp_path / "layer.zip")
    root = make_image(tmp_path / "image", {"/opt/a.zip": zipped, "/var/task/bootstrap": SCRIPT})
    before = sorted(Path(root).rglob("*"))

    check(root)

    assert sorted(Path(root).rglob("*")) == before


def test_a_root_that_is_no_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"check: '.*none' is no folder; name the one that holds the image's files"):
        main([str(tmp_path / "none")], {})


def test_its_usage_is_shown() -> None:
    exit_code, text = main(["--help"], {})

    assert exit_code == 0
    assert text.startswith("Usage: supervisor check [ROOT] [COMMAND ...]")
