"""What is kept, and when whoever waits for that goes on."""

from contextlib import closing
from pathlib import Path

import pytest
import trio

from supervisor.asynchronous.policy import Accepted
from supervisor.lifecycle.invocation import Invocation
from supervisor.system.event_store import EventStore, put
from supervisor.system.journal import Journal

PATIENCE = 30


def accepted(key: str) -> Accepted:
    return Accepted(key, Invocation(key), accepted_at=1, due=1)


async def test_whoever_waits_goes_on_when_all_changes_are_on_the_disk(tmp_path: Path) -> None:
    order: list[str] = []
    with closing(EventStore(str(tmp_path))) as store, trio.fail_after(PATIENCE):
        journal = Journal(store)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            journal.write([put(accepted("a"))], lambda made: order.append(f"a {made}"))
            journal.write([put(accepted("b"))], lambda made: order.append(f"b {made}"))
            assert order == []
            assert await journal.written([])
            nursery.cancel_scope.cancel()

        assert order == ["a True", "b True"]
        assert [kept.key for kept in store.read()[0]] == ["a", "b"]


async def test_what_cannot_be_kept_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(EventStore(str(tmp_path))) as store, trio.fail_after(PATIENCE):
        store.commit([put(accepted("a"))])
        journal = Journal(store)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            assert not await journal.written([put(accepted("a"))])
            assert await journal.written([put(accepted("b"))])
            nursery.cancel_scope.cancel()

    assert "cannot be written: UNIQUE constraint failed" in caplog.text


def test_without_a_store_nobody_waits() -> None:
    made: list[bool] = []

    Journal(None).write([put(accepted("a"))], made.append)

    assert made == [True]
