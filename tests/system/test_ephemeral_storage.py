from pathlib import Path

import pytest

from supervisor.system.ephemeral_storage import EphemeralStorage


def test_more_than_the_limit_is_told_once_until_it_is_less_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = EphemeralStorage(str(tmp_path), 2_000_000)
    (tmp_path / "inner").mkdir()
    large = tmp_path / "inner" / "large"
    (tmp_path / "small").write_bytes(bytes(1_000_000))
    storage.check()
    assert caplog.messages == []

    for _ in range(2):
        large.write_bytes(bytes(3_000_000))
        storage.check()
        storage.check()
        large.unlink()
        storage.check()

    warning = (
        f"{tmp_path} holds 3 MB, which on Lambda is more than a function has without more ephemeral storage (1 MB)."
    )
    assert caplog.messages == [warning, warning]


def test_what_is_not_on_the_disk_and_what_is_there_under_two_names_count_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open(tmp_path / "hole", "wb") as file:
        file.truncate(100_000_000)
    (tmp_path / "one").write_bytes(bytes(1_500_000))
    (tmp_path / "other").hardlink_to(tmp_path / "one")
    (tmp_path / "link").symlink_to("one")

    EphemeralStorage(str(tmp_path), 2_000_000).check()
    EphemeralStorage(str(tmp_path / "none"), 2_000_000).check()

    assert caplog.messages == []
