"""Owns the file in which accepted invocations outlive the supervisor: an SQLite database in a folder of the user's.

What is written when is not decided here. Every call blocks; `journal` makes them in a thread. sqlite3 costs some
milliseconds and a megabyte, so it is imported when there is a folder.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from supervisor.asynchronous.policy import Accepted
from supervisor.lifecycle.invocation import Invocation

if TYPE_CHECKING:
    import sqlite3

FILE: Final = "events.sqlite3"

_LAYOUT: Final = 1
"""The number of the tables' form, which SQLite keeps as `user_version`."""

_TABLES: Final = """
CREATE TABLE accepted (
    key TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    payload BLOB NOT NULL,
    invoked_function_arn TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    accepted_at REAL NOT NULL,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    setbacks INTEGER NOT NULL
);
CREATE TABLE record (
    key TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    record BLOB NOT NULL
);
"""


class Change(NamedTuple):
    """One statement, to be committed together with others."""

    statement: str
    values: tuple[object, ...]


class Record(NamedTuple):
    """A record that its destination has not taken yet."""

    key: str
    destination: str
    record: bytes


def put(accepted: Accepted) -> Change:
    """Keep a new accepted invocation."""
    invocation = accepted.invocation
    values = (
        accepted.key,
        invocation.request_id,
        invocation.payload,
        invocation.invoked_function_arn,
        invocation.trace_id,
        invocation.tenant_id,
        accepted.accepted_at,
        accepted.due,
        accepted.attempts,
        accepted.failures,
        accepted.setbacks,
    )
    return Change(f"INSERT INTO accepted VALUES ({', '.join('?' * len(values))})", values)


def update(accepted: Accepted) -> Change:
    """Keep what has changed of one that is kept already."""
    return Change(
        "UPDATE accepted SET due = ?, attempts = ?, failures = ?, setbacks = ? WHERE key = ?",
        (accepted.due, accepted.attempts, accepted.failures, accepted.setbacks, accepted.key),
    )


def remove(key: str) -> Change:
    """Forget an accepted invocation, which has ended."""
    return Change("DELETE FROM accepted WHERE key = ?", (key,))


def put_record(record: Record) -> Change:
    """Keep a record until its destination has it."""
    return Change("INSERT INTO record VALUES (?, ?, ?)", record)


def remove_record(key: str) -> Change:
    """Forget a record, which was taken."""
    return Change("DELETE FROM record WHERE key = ?", (key,))


class EventStore:
    """The database in *folder*, which is made if it does not exist.

    It is ours alone while it is open: the kernel lets go of the lock when we end, however that happens.

    Raises:
        OSError: It cannot be opened, is no such database, or is another supervisor's; the text says which.
    """

    def __init__(self, folder: str) -> None:
        import sqlite3

        self._path = os.path.join(folder, FILE)
        try:
            os.makedirs(folder, exist_ok=True)
            self._database = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                _prepare(self._database)
            except BaseException:
                self._database.close()
                raise
        except OSError as error:
            raise OSError(f"cannot keep accepted invocations in {folder}: {error.strerror}") from None
        except sqlite3.Error as error:
            reason = "another supervisor uses it" if "locked" in str(error) else str(error)
            raise OSError(f"cannot keep accepted invocations in {self._path}: {reason}") from None

    def read(self) -> tuple[list[Accepted], list[Record]]:
        """Everything that is kept, the oldest first.

        Raises:
            OSError: The database is damaged.
        """
        accepted = [
            Accepted(key, Invocation(request_id, payload, arn, trace_id=trace_id, tenant_id=tenant_id), *rest)
            for key, request_id, payload, arn, trace_id, tenant_id, *rest in self._rows(
                "accepted", "accepted_at, rowid"
            )
        ]
        return accepted, [Record(*row) for row in self._rows("record", "rowid")]

    def _rows(self, table: str, order: str) -> list[Any]:
        import sqlite3

        try:
            return self._database.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()
        except sqlite3.Error as error:
            raise OSError(f"cannot read accepted invocations from {self._path}: {error}") from None

    def commit(self, changes: Iterable[Change]) -> None:
        """Make all of *changes* at once; they are on the disk when this returns.

        Raises:
            OSError: None of them is made.
        """
        import sqlite3

        try:
            self._database.execute("BEGIN")
            try:
                for change in changes:
                    self._database.execute(change.statement, change.values)
                self._database.execute("COMMIT")
            except BaseException:
                self._database.rollback()
                raise
        except sqlite3.Error as error:
            raise OSError(f"{self._path} cannot be written: {error}") from None

    def close(self) -> None:
        """Give the file up."""
        self._database.close()


def _prepare(database: "sqlite3.Connection") -> None:
    # The lock is taken by the first write, and a commit returns when the disk has it (SQLite: PRAGMA synchronous).
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN IMMEDIATE")
    (layout,) = database.execute("PRAGMA user_version").fetchone()
    if layout not in (0, _LAYOUT):
        import sqlite3

        raise sqlite3.DatabaseError(f"it was written by another version of the supervisor (layout {layout})")
    if not layout:
        for statement in _TABLES.strip().split(";\n"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_LAYOUT}")
    database.execute("COMMIT")
