"""Subscribers: extensions that listen and subscribe, and what they were told.

The program is tests/actors/subscriber.py.
"""

import itertools
import json
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from integration.environments import ACTORS, PYTHON
from integration.output import Output

ALL: Final = ("platform", "function", "extension")

SOON: Final = {"timeoutMs": 25}
"""The shortest wait that may be asked for: batches come as soon as they can."""


class Record(NamedTuple):
    """One record.

    Args:
        time: When that was.
        kind: Its type.
        content: What is told.
        target: Path and query of the request that brought it; empty for TCP.
    """

    time: str
    kind: str
    content: Any
    target: str

    @property
    def epoch(self) -> float:
        """The time in seconds since 1970."""
        return datetime.fromisoformat(self.time).timestamp()


class Subscriber:
    """An extension that is launched with the environment it is given to, once in every init.

    Args:
        folder: Where its files are made.
        name: Its name.
        port: Where it listens.
        manner: How it takes what comes.
        protocol: `HTTP` or `TCP`.
        api: `telemetry` or `logs`.
        schema: The schema version, none if it is empty.
        types: What it subscribes to.
        buffering: Its limits.
        events: What it registers for.
        before: The steps before it subscribes.
        then: The steps after that; ` / ` begins those of the next life, which subscribes too.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "sub",
        *,
        port: int = 4243,
        manner: str = "takes",
        protocol: str = "HTTP",
        api: str = "telemetry",
        schema: str = "2022-12-13",
        types: Sequence[str] = ALL,
        buffering: Mapping[str, int] = SOON,
        events: Sequence[str] = ("INVOKE", "SHUTDOWN"),
        before: Sequence[str] = (),
        then: Sequence[str] = ("loop",),
    ) -> None:
        self.name = name
        self.types = types
        fifo = folder / f"{name}.fifo"
        os.mkfifo(fifo)
        self._read_end = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._write_end = os.open(fifo, os.O_WRONLY | os.O_CLOEXEC)
        self._output = Output(self._read_end)
        body = subscription_body(port, protocol=protocol, schema=schema, types=types, buffering=buffering)
        common = (
            *(f"tell:{fifo}", f"listen:{protocol}:{port}:{manner}", f"register:{','.join(events)}"),
            *(*before, f"subscribe:{api}:{body.decode()}"),
        )
        lives = [*common, *itertools.chain.from_iterable(("/", *common) if step == "/" else (step,) for step in then)]
        self.script = [f"lives:{folder}/lives-of-{name}", *lives]

    @property
    def file(self) -> bytes:
        """The content of the extension's file."""
        command = shlex.join([*PYTHON, str(ACTORS / "subscriber.py")])
        return f'#!/bin/sh\nexec {command} "$0" {shlex.join(self.script)}\n'.encode()

    @property
    def records(self) -> list[Record]:
        """Everything that it was told so far."""
        return [_record(**json.loads(line)) for line in self._output.lines]

    @property
    def kinds(self) -> list[str]:
        """The types of these records."""
        return [record.kind for record in self.records]

    def of(self, kind: str) -> list[Record]:
        """The records of one type so far."""
        return [record for record in self.records if record.kind == kind]

    def wait_for(self, kind: str, nth: int = 1) -> Record:
        """Wait for the *nth* record of a type."""
        self._output.wait_for(f'"type": "{re.escape(kind)}"', nth)
        return self.of(kind)[nth - 1]

    def wait_for_line(self, text: str, category: str = "function") -> Record:
        """Wait for a record of output that is *text*."""
        self._output.wait_for(rf'"type": "{category}", "record": {re.escape(json.dumps(text))}}}')
        return next(record for record in self.of(category) if record.content == text)

    def wait_for_end(self) -> None:
        """Wait until no process is left that could tell anything."""
        os.close(self._write_end)
        self._write_end = -1
        self._output.wait_for_end()

    def close(self) -> None:
        """The end of the test, when the environment is gone."""
        if self._write_end >= 0:
            self.wait_for_end()
        os.close(self._read_end)


MakeSubscriber = Callable[..., Subscriber]


def subscription_body(
    port: int = 4243,
    *,
    protocol: str = "HTTP",
    schema: str = "2022-12-13",
    types: Sequence[str] = ALL,
    buffering: Mapping[str, int] = SOON,
    host: str = "sandbox.localdomain",
) -> bytes:
    """The body of a request to subscribe."""
    if protocol == "HTTP":
        destination: dict[str, object] = {"protocol": "HTTP", "URI": f"http://{host}:{port}/told?by=us"}
    else:
        destination = {"protocol": "TCP", "port": port}
    version = {"schemaVersion": schema} if schema else {}
    return json.dumps({**version, "types": types, "buffering": buffering, "destination": destination}).encode()


def _record(target: str, record: dict[str, Any]) -> Record:
    return Record(record["time"], record["type"], record["record"], target)
