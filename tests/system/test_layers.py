import errno
import os
import random
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.errors import LayerError
from supervisor.system.files import find_layers
from supervisor.system.layers import UNZIPPED_BYTES, extract_layers

FILE = stat.S_IFREG | 0o644
PROGRAM = stat.S_IFREG | 0o755
LINK = stat.S_IFLNK | 0o777
ON_WINDOWS = 0

Content = bytes | tuple[int, bytes]


def make_layer(path: Path, entries: Mapping[str, Content] | Sequence[tuple[str, Content]]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items() if isinstance(entries, Mapping) else entries:
            mode, data = content if isinstance(content, tuple) else (FILE, content)
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16 or 0x20
            archive.writestr(info, data)
    return str(path)


class Opt:
    """A folder that stands for /opt, and one for the function."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "opt"
        self.task_root = folder / "task"
        self.folder.mkdir()
        self.task_root.mkdir()

    def extract(self, *layers: str) -> None:
        extract_layers(find_layers(layers, str(self.folder)), str(self.folder), str(self.task_root))

    def refusal(self, *layers: str) -> str:
        """Why *layers* are refused, after which nothing has changed."""
        before = self.contents()
        with pytest.raises(LayerError) as refusal:
            self.extract(*layers)
        assert self.contents() == before
        return str(refusal.value)

    def contents(self) -> dict[str, tuple[int, bytes]]:
        found = {}
        for path in self.folder.rglob("*"):
            mode = path.lstat().st_mode
            data = os.fsencode(os.readlink(path)) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
            found[str(path.relative_to(self.folder))] = (mode, data)
        return found


@pytest.fixture
def opt(tmp_path: Path) -> Opt:
    return Opt(tmp_path)


@pytest.mark.rule("layers/extracted-into-opt")
def test_files_folders_and_links_come_with_their_permissions(opt: Opt) -> None:
    make_layer(
        opt.folder / "mine.zip",
        {
            "extensions/": (stat.S_IFDIR | 0o750, b""),
            "extensions/mine": (PROGRAM, b"#!/bin/sh\n"),
            "lib/notes.txt": b"notes",
            "lib/private": (stat.S_IFREG | 0o600, b"secret"),
            "bin/mine": (LINK, b"../extensions/mine"),
            "bin/other": (LINK, b"/opt/lib/notes.txt"),
        },
    )

    opt.extract()

    contents = opt.contents()
    del contents["mine.zip"]
    assert contents == {
        "extensions": (stat.S_IFDIR | 0o750, b""),
        "extensions/mine": (PROGRAM, b"#!/bin/sh\n"),
        "lib": (stat.S_IFDIR | 0o755, b""),
        "lib/notes.txt": (FILE, b"notes"),
        "lib/private": (stat.S_IFREG | 0o600, b"secret"),
        "bin": (stat.S_IFDIR | 0o755, b""),
        "bin/mine": (LINK, b"../extensions/mine"),
        "bin/other": (LINK, b"/opt/lib/notes.txt"),
    }


def test_an_archive_without_permissions_gives_files_that_anybody_may_read(opt: Opt, tmp_path: Path) -> None:
    opt.extract(make_layer(tmp_path / "layer.zip", [("lib/file", (ON_WINDOWS, b"")), ("empty/", (ON_WINDOWS, b""))]))

    assert opt.contents()["lib/file"] == (FILE, b"")
    assert opt.contents()["empty"] == (stat.S_IFDIR | 0o755, b"")


def test_no_file_gets_the_rights_of_somebody_else(opt: Opt, tmp_path: Path) -> None:
    opt.extract(make_layer(tmp_path / "layer.zip", {"bin/su": (stat.S_IFREG | 0o6755, b"")}))

    assert opt.contents()["bin/su"] == (PROGRAM, b"")


@pytest.mark.rule("layers/order")
def test_a_later_layer_wins_those_found_come_by_name_and_before_those_given(opt: Opt, tmp_path: Path) -> None:
    names = {"b.zip": opt.folder, "a.zip": opt.folder, "1.zip": tmp_path, "0.zip": tmp_path}
    for number, (name, folder) in enumerate(names.items()):
        make_layer(folder / name, [("all", name.encode()), (f"own-{number}", b"")])

    opt.extract(str(tmp_path / "1.zip"))
    assert opt.contents()["all"] == (FILE, b"1.zip")
    opt.extract()
    assert opt.contents()["all"] == (FILE, b"b.zip")
    opt.extract(str(tmp_path / "1.zip"), str(tmp_path / "0.zip"))
    assert opt.contents()["all"] == (FILE, b"0.zip")
    # An archive that is found and given counts once, where it is given.
    opt.extract(str(opt.folder / "a.zip"))
    assert opt.contents()["all"] == (FILE, b"a.zip")
    assert {"own-0", "own-1", "own-2", "own-3"} <= opt.contents().keys()


def test_a_link_and_a_file_may_take_each_others_place(opt: Opt, tmp_path: Path) -> None:
    first = make_layer(tmp_path / "1.zip", {"x": (LINK, b"y"), "y": b"old"})
    second = make_layer(tmp_path / "2.zip", {"x": b"new", "y": (LINK, b"x")})

    opt.extract(first, second)

    assert opt.contents() == {"x": (FILE, b"new"), "y": (LINK, b"x")}


@pytest.mark.rule("layers/restart")
def test_a_container_that_is_started_again_does_the_same_once_more(opt: Opt) -> None:
    entries: dict[str, Content] = {
        "folder/": (stat.S_IFDIR | 0o555, b""),
        "folder/file": b"1",
        "link": (LINK, b"folder"),
        "file": b"2",
    }
    make_layer(opt.folder / "layer.zip", entries)
    opt.extract()
    first = opt.contents()
    (opt.folder / "file").write_bytes(b"changed")
    left_by_a_kill = opt.folder / ".supervisor-layers" / "folder"
    left_by_a_kill.mkdir(parents=True)

    opt.extract()

    assert opt.contents() == first


def test_what_the_image_has_in_opt_stays_where_no_layer_has_it(opt: Opt, tmp_path: Path) -> None:
    (opt.folder / "extensions").mkdir()
    (opt.folder / "extensions" / "of-the-image").write_bytes(b"1")
    (opt.folder / "extensions" / "of-both").write_bytes(b"2")

    opt.extract(make_layer(tmp_path / "layer.zip", {"extensions/of-both": b"3"}))

    assert opt.contents()["extensions/of-the-image"] == (FILE, b"1")
    assert opt.contents()["extensions/of-both"] == (FILE, b"3")


@pytest.mark.rule("layers/leads-out")
@pytest.mark.parametrize("name", ["../etc/passwd", "lib/../../etc/passwd", "/etc/passwd", "lib/.."])
def test_a_path_that_leaves_opt_is_refused(opt: Opt, tmp_path: Path, name: str) -> None:
    layer = make_layer(tmp_path / "layer.zip", [("fine", b""), (name, b"root::0:0::/:/bin/sh\n")])

    assert opt.refusal(layer) == (
        f"the layer {layer} cannot be used: {name!a} leads out of /opt; name every entry relative to /opt"
    )


@pytest.mark.rule("layers/leads-out")
@pytest.mark.parametrize(
    "target", ["/etc", "/", "/optional", "/opt/../etc", "../..", "../../etc", "inner/../../..", "", "../x/../../.."]
)
def test_a_link_that_leads_out_of_opt_is_refused(opt: Opt, tmp_path: Path, target: str) -> None:
    layer = make_layer(tmp_path / "layer.zip", {"lib/link": (LINK, target.encode())})

    assert f"the link 'lib/link' leads out of /opt, to {target!a}" in opt.refusal(layer)


@pytest.mark.parametrize("target", ["..", "../lib", "inner/file", "./inner", "/opt", "/opt/lib/", "../../lib"])
def test_a_link_that_stays_in_opt_is_fine(opt: Opt, tmp_path: Path, target: str) -> None:
    opt.extract(make_layer(tmp_path / "layer.zip", {"lib/deep/link": (LINK, target.encode())}))

    assert opt.contents()["lib/deep/link"] == (LINK, target.encode())


def test_no_layer_writes_through_a_link(opt: Opt, tmp_path: Path) -> None:
    link = make_layer(tmp_path / "1.zip", {"lib": (LINK, b"/opt/other")})
    below = make_layer(tmp_path / "2.zip", {"lib/file": b""})

    assert "'lib/file' is below 'lib', which is no folder" in opt.refusal(link, below)


def test_a_link_of_the_image_does_not_lead_a_layer_out_of_opt(opt: Opt, tmp_path: Path) -> None:
    (opt.folder / "lib").symlink_to(tmp_path)
    layer = make_layer(tmp_path / "layer.zip", {"lib/file": b""})

    assert f"{opt.folder}/lib leads out of {opt.folder}" in opt.refusal(layer)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("name", ["lib", "lib/"])
def test_a_folder_and_a_file_do_not_take_each_others_place(opt: Opt, tmp_path: Path, name: str) -> None:
    other = "lib/" if name == "lib" else "lib"
    layers = [make_layer(tmp_path / f"{number}.zip", [(entry, b"")]) for number, entry in enumerate((other, name))]
    assert "'lib' is both a folder and something else" in opt.refusal(*layers)

    if other == "lib":
        (opt.folder / "lib").write_bytes(b"")
    else:
        (opt.folder / "lib").mkdir()

    assert f"{opt.folder}/lib is a folder" in opt.refusal(layers[1])


@pytest.mark.rule("layers/size")
def test_more_than_250_mb_unzipped_are_refused_the_function_and_all_layers_together(opt: Opt, tmp_path: Path) -> None:
    with open(opt.task_root / "function", "wb") as function:
        function.truncate(UNZIPPED_BYTES - 2_000_000)
    first = make_layer(tmp_path / "1.zip", {"first": bytes(1_000_000)})
    second = make_layer(tmp_path / "2.zip", {"second": bytes(1_000_001)})

    assert opt.refusal(first, second) == (
        f"the layer {second} cannot be used: with it the function in {opt.task_root} and its layers have more than "
        "262144000 bytes unzipped, and Lambda takes no more; make one of them smaller"
    )
    opt.extract(first, make_layer(tmp_path / "3.zip", {"third": bytes(1_000_000)}))
    assert len(opt.contents()["third"][1]) == 1_000_000


def test_a_small_archive_that_says_it_is_large_is_not_unpacked(opt: Opt, tmp_path: Path) -> None:
    layer = tmp_path / "bomb.zip"
    with zipfile.ZipFile(layer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(300):
            archive.writestr(f"{number}", bytes(1024 * 1024))

    assert layer.stat().st_size < 1_000_000
    assert "more than 262144000 bytes" in opt.refusal(str(layer))


def test_an_archive_that_understates_a_size_is_broken(opt: Opt, tmp_path: Path) -> None:
    layer = tmp_path / "layer.zip"
    make_layer(layer, {"file": bytes(1000)})
    data = layer.read_bytes()
    layer.write_bytes(data.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little")))

    assert "the archive is broken" in opt.refusal(str(layer))


@pytest.mark.rule("layers/unusable")
def test_an_encrypted_archive_is_refused(opt: Opt, tmp_path: Path) -> None:
    layer = tmp_path / "layer.zip"
    make_layer(layer, {"file": b"secret"})
    data = bytearray(layer.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    layer.write_bytes(data)

    assert opt.refusal(str(layer)) == (
        f"the layer {layer} cannot be used: 'file' is encrypted; pack it without a password"
    )


@pytest.mark.rule("layers/unusable")
def test_a_broken_archive_is_refused(opt: Opt, tmp_path: Path) -> None:
    whole = Path(make_layer(tmp_path / "whole.zip", {"first": b"1", "second": random.Random(1).randbytes(10_000)}))
    short = opt.folder / "short.zip"
    short.write_bytes(whole.read_bytes()[:-30])
    empty = tmp_path / "empty.zip"
    empty.touch()
    changed = tmp_path / "changed.zip"
    data = bytearray(whole.read_bytes())
    data[5_000] ^= 0xFF
    changed.write_bytes(data)

    assert f"the layer {short} cannot be used: the archive is broken" in opt.refusal()
    short.unlink()
    assert f"the layer {empty} cannot be used: the archive is broken" in opt.refusal(str(empty))
    assert f"the layer {changed} cannot be used: the archive is broken" in opt.refusal(str(whole), str(changed))


@pytest.mark.rule("layers/unusable")
@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_special_file_is_refused(opt: Opt, tmp_path: Path, kind: int) -> None:
    layer = make_layer(tmp_path / "layer.zip", {"dev/it": (kind | 0o666, b"")})

    assert "'dev/it' is a device, a pipe or a socket" in opt.refusal(layer)


def test_a_method_of_compression_that_not_every_build_knows_is_refused(opt: Opt, tmp_path: Path) -> None:
    layer = tmp_path / "layer.zip"
    with zipfile.ZipFile(layer, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("file", b"1")

    assert "'file' is compressed by another method than deflate" in opt.refusal(str(layer))


def test_a_layer_that_is_not_there_is_named(opt: Opt) -> None:
    assert opt.refusal("/none.zip") == (
        "the layer /none.zip cannot be used: No such file or directory; name a zip archive that is there"
    )


def test_a_name_that_is_too_long_is_told(opt: Opt, tmp_path: Path) -> None:
    layer = make_layer(tmp_path / "layer.zip", {"first": b"", "x" * 300: b""})

    assert os.strerror(errno.ENAMETOOLONG) in opt.refusal(layer)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_in_an_archive_nothing_but_a_layer_error_comes_of_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    opt = Opt(tmp_path_factory.mktemp("any"))
    layer = opt.folder.parent / "layer.zip"
    make_layer(layer, {"extensions/x": (PROGRAM, b"#!/bin/sh\n"), "link": (LINK, b"extensions"), "empty/": b""})
    content = bytearray(layer.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    layer.write_bytes(content)

    try:
        opt.extract(str(layer))
    except LayerError:
        assert opt.contents() == {}
    assert {path.name for path in opt.folder.parent.iterdir()} == {"opt", "task", "layer.zip"}


def test_only_files_that_are_called_zip_are_layers_and_without_opt_there_are_none(opt: Opt, tmp_path: Path) -> None:
    (opt.folder / "folder.zip").mkdir()
    (opt.folder / "notes.txt").touch()

    assert find_layers([], str(opt.folder)) == []
    assert find_layers([], str(tmp_path / "none")) == []
    assert find_layers(["x"], str(tmp_path / "none")) == ["x"]
