from pathlib import Path

import pytest

from supervisor.system.hosts import name_sandbox

LINE = "127.0.0.1\tsandbox.localdomain sandbox\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("127.0.0.1 localhost\n", f"127.0.0.1 localhost\n{LINE}"),
        ("127.0.0.1 localhost", f"127.0.0.1 localhost\n{LINE}"),
        ("", LINE),
        ("# 127.0.0.1 sandbox\n", f"# 127.0.0.1 sandbox\n{LINE}"),
        ("10.0.0.1 mysandbox\n", f"10.0.0.1 mysandbox\n{LINE}"),
        ("127.0.0.1\tsandbox # ours\n", "127.0.0.1\tsandbox # ours\n127.0.0.1\tsandbox.localdomain\n"),
        ("127.0.0.1 sandbox.localdomain SANDBOX", "127.0.0.1 sandbox.localdomain SANDBOX"),
        ("::1 sandbox sandbox.localdomain\n", "::1 sandbox sandbox.localdomain\n"),
    ],
)
def test_the_names_that_are_missing_are_added(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, before: str, after: str
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(before)

    name_sandbox(str(hosts))
    once = hosts.read_text()
    name_sandbox(str(hosts))

    assert (once, hosts.read_text()) == (after, after)
    assert caplog.messages == []


def test_the_file_stays_the_same_file(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_bytes(b"# caf\xe9\n")
    before = hosts.stat().st_ino

    name_sandbox(str(hosts))

    assert hosts.stat().st_ino == before
    assert hosts.read_bytes() == b"# caf\xe9\n" + LINE.encode()


def test_a_missing_file_is_made(tmp_path: Path) -> None:
    name_sandbox(str(tmp_path / "hosts"))

    assert (tmp_path / "hosts").read_text() == LINE


def test_a_file_that_cannot_be_written_is_one_warning_that_says_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hosts = tmp_path / "no" / "hosts"

    name_sandbox(str(hosts))

    (message,) = caplog.messages
    assert message.startswith(
        f"{hosts} cannot be written (No such file or directory), so the names sandbox.localdomain"
    )
    assert "--add-host" in message


def test_a_name_that_leads_elsewhere_is_left_alone_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.0.5 sandbox sandbox.localdomain\n127.0.0.1 sandbox\n")

    name_sandbox(str(hosts))

    assert hosts.read_text() == "10.0.0.5 sandbox sandbox.localdomain\n127.0.0.1 sandbox\n"
    assert caplog.messages == [
        f"{hosts} gives sandbox.localdomain the address 10.0.0.5, where no extension listens.",
        f"{hosts} gives sandbox the address 10.0.0.5, where no extension listens.",
    ]
