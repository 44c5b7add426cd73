"""Records on their way, to real files and real sockets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from supervisor.system.record_sender import RecordSender
from tests.system.subscribers import FAILED, OK, PATIENCE, HttpListener

AT_ONCE = (0.0, 0.0)


@asynccontextmanager
async def sending(sender: RecordSender) -> AsyncIterator[None]:
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender.run)
            yield
            nursery.cancel_scope.cancel()


async def test_a_file_gets_a_line_for_each_record(tmp_path: Path) -> None:
    file = tmp_path / "records"
    file.write_text("before\n")
    sender, taken = RecordSender(str(file)), list[bool]()

    async with sending(sender):
        for record in (b"{}", b"[]"):
            sender.send(record, taken.append)
        await sender.settled()

    assert (taken, file.read_text()) == ([True, True], "before\n{}\n[]\n")


async def test_a_server_gets_a_request_for_each_record_in_order() -> None:
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            listener = HttpListener(nursery)
            sender, taken = RecordSender(f"http://127.0.0.1:{listener.port}/a?b"), list[bool]()
            async with sending(sender):
                for number in (1, 2):
                    sender.send(b'{"record":%d}' % number, taken.append)
                await sender.settled()
            nursery.cancel_scope.cancel()

    assert taken == [True, True]
    assert [json.loads(request.body)["record"] for request in listener.requests] == [1, 2]
    assert listener.requests[0].head.startswith("POST /a?b HTTP/1.1\r\n")
    assert listener.requests[0].header("Content-Type") == "application/json"


async def test_a_server_that_fails_is_asked_again() -> None:
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            listener = HttpListener(nursery, FAILED, None, OK)
            sender, taken = RecordSender(f"http://127.0.0.1:{listener.port}/", AT_ONCE), list[bool]()
            async with sending(sender):
                sender.send(b'{"record":1}', taken.append)
                await sender.settled()
            nursery.cancel_scope.cancel()

    assert (taken, len(listener.requests)) == ([True], 3)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "http://127.0.0.1:1/"])
async def test_a_server_that_cannot_be_there_is_no_defect_of_ours(url: str, caplog: pytest.LogCaptureFixture) -> None:
    sender, taken = RecordSender(url, AT_ONCE), list[bool]()

    async with sending(sender):
        sender.send(b"{}", taken.append)
        await sender.settled()

    assert taken == [False]
    assert caplog.messages[-1].startswith(f"A record is not taken at {url} (")


async def test_what_nobody_takes_is_given_up_and_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sender, taken = RecordSender(str(tmp_path / "no" / "folder"), AT_ONCE), list[bool]()

    async with sending(sender):
        sender.send(b'{"a":1}', taken.append)
        await sender.settled()

    assert taken == [False]
    assert caplog.messages == [f'A record is not taken at {tmp_path}/no/folder (No such file or directory): {{"a":1}}']


def test_what_waits_at_the_end_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    sender = RecordSender("http://127.0.0.1:1/")
    sender.send(b'{"a":1}', lambda _: None)

    sender.give_up()

    assert caplog.messages == ['A record is not taken at http://127.0.0.1:1/ (the supervisor has ended): {"a":1}']
