"""What outlives the supervisor, in real files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from supervisor.asynchronous.policy import Accepted
from supervisor.lifecycle.invocation import Invocation
from supervisor.system.event_store import (
    FILE,
    EventStore,
    Record,
    put,
    put_record,
    remove,
    remove_record,
    update,
)


def accepted(key: str, attempts: int = 0) -> Accepted:
    invocation = Invocation(f"request {key}", b"\x00\xff", "arn", trace_id="trace", tenant_id="tenant")
    return Accepted(key, invocation, accepted_at=1.25, due=2.5, attempts=attempts)


def fields(kept: Accepted) -> tuple[object, ...]:
    invocation = kept.invocation
    return (
        *(kept.key, kept.accepted_at, kept.due, kept.attempts, kept.failures, kept.setbacks),
        *(invocation.request_id, invocation.payload, invocation.invoked_function_arn),
        *(invocation.trace_id, invocation.tenant_id),
    )


def kept_in(folder: Path) -> tuple[list[tuple[object, ...]], list[Record]]:
    with closing(EventStore(str(folder))) as store:
        kept, records = store.read()
    return list(map(fields, kept)), records


def test_what_was_committed_is_read_back_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    with closing(EventStore(str(folder))) as store:
        store.commit([put(accepted("b")), put(accepted("a")), put(accepted("c"))])
        store.commit([update(accepted("a", attempts=2)), remove("c"), put_record(Record("c", "path", b"{}"))])

    assert kept_in(folder) == ([fields(accepted("b")), fields(accepted("a", attempts=2))], [Record("c", "path", b"{}")])


def test_a_record_that_was_taken_is_forgotten(tmp_path: Path) -> None:
    with closing(EventStore(str(tmp_path))) as store:
        store.commit([put_record(Record("a", "path", b"{}"))])
        store.commit([remove_record("a")])

    assert kept_in(tmp_path) == ([], [])


def test_of_changes_that_fail_none_is_made(tmp_path: Path) -> None:
    with closing(EventStore(str(tmp_path))) as store:
        store.commit([put(accepted("a"))])
        with pytest.raises(OSError, match=r"events\.sqlite3 cannot be written: UNIQUE constraint failed"):
            store.commit([put(accepted("b")), put(accepted("a"))])
        store.commit([put(accepted("c"))])

    assert [key for key, *_ in kept_in(tmp_path)[0]] == ["a", "c"]


def test_two_supervisors_cannot_have_one_folder(tmp_path: Path) -> None:
    with closing(EventStore(str(tmp_path))), pytest.raises(OSError, match=r"sqlite3: another supervisor uses it$"):
        EventStore(str(tmp_path))

    EventStore(str(tmp_path)).close()


def test_what_cannot_be_a_folder_is_said(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()

    with pytest.raises(OSError, match=r"^cannot keep accepted invocations in .*/file: File exists$"):
        EventStore(str(tmp_path / "file"))


def test_a_file_that_is_no_database_is_said_and_left_alone(tmp_path: Path) -> None:
    tmp_path.joinpath(FILE).write_bytes(b"something else" * 100)

    with pytest.raises(OSError, match=r"events\.sqlite3: file is not a database$"):
        EventStore(str(tmp_path))
    assert tmp_path.joinpath(FILE).read_bytes() == b"something else" * 100


def test_a_damaged_database_is_said(tmp_path: Path) -> None:
    with closing(EventStore(str(tmp_path))) as store:
        store.commit([put(accepted(str(number), attempts=number)) for number in range(100)])
    file = tmp_path / FILE
    page = 4096
    file.write_bytes(file.read_bytes()[:page] + b"\xff" * (file.stat().st_size - page))

    with (
        closing(EventStore(str(tmp_path))) as store,
        pytest.raises(OSError, match=r"^cannot read .* from .*events\.sqlite3: database disk image is malformed$"),
    ):
        store.read()


def test_a_file_of_another_version_is_said(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute("PRAGMA user_version = 7")

    with pytest.raises(OSError, match=r"written by another version of the supervisor \(layout 7\)$"):
        EventStore(str(tmp_path))
