"""A subscriber: `subscriber.py NAME tell:FIFO listen:HTTP:4243:takes register:INVOKE subscribe:telemetry:{...} loop`.

The steps of every extension: extension.py.

    tell:FIFO                 where records are told; what goes to the standard output becomes a record itself
    listen:PROTOCOL:PORT:HOW  listen in a thread, in one of the manners below
    subscribe:API:BODY        to `telemetry` or `logs`

    takes        answers 200          fails    always 500     silent   accepts, and reads nothing
    fails-twice  500, 500, then 200   refuses  always 400     slow     reads a byte a second
    logs         200, and says so          dies     closes everything at the first byte
    late         waits for a byte of the FIFO of `gate:FIFO`, then 500, then 200

Of every record that it takes it tells one line of JSON: the target of the request, and the record.
Of a long text it tells the length and the beginning.
"""

import itertools
import json
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

import extension
from extension import actor

PATHS = {"telemetry": "/2022-07-01/telemetry", "logs": "/2020-08-15/logs"}
STATUSES = {"fails-twice": (500, 500, 200), "fails": (500,), "refuses": (400,), "late": (500, 200)}
SECOND = 1.0
LONG_TEXT = 10_000

never = threading.Event()
telling = threading.Lock()
told_to = -1
gate = ""


def tell_to(path: str) -> None:
    global told_to  # noqa: PLW0603 -- a subscriber has one place
    told_to = os.open(path, os.O_WRONLY)


def wait_at(path: str) -> None:
    global gate  # noqa: PLW0603 -- a subscriber has one gate
    gate = path


def tell(target: str, records: Iterable[dict[str, object]]) -> None:
    with telling:
        lines = [json.dumps({"target": target, "record": shortened(record)}) for record in records]
        data = "".join(f"{line}\n" for line in lines).encode()
        while data:
            data = data[os.write(told_to, data) :]


def shortened(record: dict[str, object]) -> dict[str, object]:
    content = record["record"]
    if isinstance(content, str) and len(content) > LONG_TEXT:
        return {**record, "record": {"length": len(content), "beginning": content[:10]}}
    return record


def listen(argument: str) -> None:
    protocol, port, manner = argument.split(":")
    listener = socket.create_server(("127.0.0.1", int(port)))
    serve = serve_http(manner) if protocol == "HTTP" else serve_tcp
    threading.Thread(target=accept, args=(listener, manner, serve), daemon=True).start()


def accept(listener: socket.socket, manner: str, serve: Callable[[socket.socket, BinaryIO], None]) -> None:
    while True:
        connection, _ = listener.accept()
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            match manner:
                case "silent":
                    never.wait()
                case "slow":
                    while connection.recv(1):
                        never.wait(SECOND)
                case "dies":
                    connection.recv(1)
                    listener.close()
                    return
                case _:
                    serve(connection, stream)


def serve_http(manner: str) -> Callable[[socket.socket, BinaryIO], None]:
    statuses = following(STATUSES.get(manner, (200,)))

    def serve(connection: socket.socket, stream: BinaryIO) -> None:
        while line := stream.readline():
            length = 0
            while header := stream.readline().strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = stream.read(length)
            status = next(statuses)
            if status == 200:
                tell(line.split()[1].decode(), json.loads(body))
            elif manner == "late":
                with open(gate, "rb", buffering=0) as fifo:
                    fifo.read(1)
            if manner == "logs":
                actor.say(f"took {length} bytes")
            connection.sendall(f"HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n".encode())

    return serve


def following(statuses: tuple[int, ...]) -> Iterator[int]:
    """One after another, and the last for ever."""
    return itertools.chain(statuses[:-1], itertools.repeat(statuses[-1]))


def serve_tcp(_connection: socket.socket, stream: BinaryIO) -> None:
    for line in stream:
        tell("", [json.loads(line)])


def subscribe(argument: str) -> None:
    api, _, body = argument.partition(":")
    headers = {"Lambda-Extension-Identifier": extension.identifier}
    answer = actor.call("PUT", PATHS[api], headers, body.encode())
    actor.say(f"subscription {answer.status} {answer.body.decode().rstrip()}")


actor.perform(
    extension.words,
    {**extension.STEPS, "tell": tell_to, "gate": wait_at, "listen": listen, "subscribe": subscribe},
)
