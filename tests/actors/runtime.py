"""A runtime that goes through a script: `runtime.py next respond:ok next exit:7`. The steps of every actor: peer.py.

next            ask for an invocation and print it           respond[:TEXT]    answer it, with what came or with TEXT
loop            next and respond, for ever                   error:TYPE        report that the function failed
init-error:T    report that it could not initialise          respond-to:ID     answer another invocation
big:COUNT       answer with so many bytes                    respond-in:MODE   answer in a response mode
begin-stream:TEXT  begin to stream an answer with TEXT   end-stream       end that
stream:COUNT    stream an answer of so many bytes          write-on-sigterm  go on with that when SIGTERM comes
truncate        break off in the middle of an answer         drop-next         ask, and close the connection at once
restore                 ask for the restore                  restore-error:T   report that it failed after it
internal:NAME:EVENTS  register an internal extension, which waits for its events in a thread
"""

import json
import signal
import threading
from types import FrameType

from peer import Actor, Answer, Connection, script

RUNTIME_API = "/2018-06-01/runtime"
EXTENSIONS_API = "/2020-01-01/extension"

actor = Actor("runtime")
request_id = "none"
event = b""


def ask_next(_: str = "") -> None:
    global request_id, event
    actor.say("ready")
    answer = actor.call("GET", f"{RUNTIME_API}/invocation/next")
    if answer.status == 200:
        request_id, event = answer.headers["lambda-runtime-aws-request-id"], answer.body
        actor.say(f"got {request_id} {event.decode(errors='backslashreplace')}")
    else:
        actor.say(answer.outcome)


def ask_restore(_: str) -> None:
    actor.say("ready for a snapshot")
    actor.say(f"restored {actor.call('GET', f'{RUNTIME_API}/restore/next').outcome}")


def post(path: str, body: bytes, headers: dict[str, str] | None = None) -> None:
    actor.say(actor.call("POST", f"{RUNTIME_API}/{path}", headers, body).outcome)


def respond(text: str) -> None:
    post(f"invocation/{request_id}/response", text.encode() or event)


def respond_in(mode: str) -> None:
    post(f"invocation/{request_id}/response", b"{}", {"Lambda-Runtime-Function-Response-Mode": mode})


def report(path: str, error_type: str) -> None:
    body = json.dumps({"errorMessage": "as the script says", "errorType": error_type}).encode()
    post(path, body, {"Lambda-Runtime-Function-Error-Type": error_type})


def loop(_: str) -> None:
    while True:
        ask_next()
        respond("")


def truncate(_: str) -> None:
    connection = Connection()
    path = f"{RUNTIME_API}/invocation/{request_id}/response"
    connection.send("POST", path, {"Content-Length": "100"}, b"only this")
    connection.close()


STREAMING = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}
streams: list[Connection] = []


def begin_stream(text: str) -> None:
    streams.append(Connection())
    streams[-1].send("POST", f"{RUNTIME_API}/invocation/{request_id}/response", STREAMING)
    streams[-1].send_chunk(text.encode())
    actor.say("streams")


def end_stream(_: str) -> None:
    streams[-1].send_chunk(b"")
    actor.say(streams[-1].receive().outcome)


def write_on_sigterm(_: str) -> None:
    def write(_number: int, _frame: FrameType | None) -> None:
        streams[-1].send_chunk(b"late")
        actor.say("wrote")

    signal.signal(signal.SIGTERM, write)


def stream(count: str) -> None:
    begin_stream("x")
    piece, rest = b"x" * 65536, int(count) - 1
    while rest > 0:
        streams[-1].send_chunk(piece[:rest])
        rest -= len(piece)
    end_stream("")


def drop_next(_: str) -> None:
    connection = Connection()
    connection.send("GET", f"{RUNTIME_API}/invocation/next", {})
    connection.close()


def internal(argument: str) -> None:
    name, _, events = argument.partition(":")
    extension = Actor(name)
    body = json.dumps({"events": [event for event in events.split(",") if event]}).encode()
    answer = extension.call("POST", f"{EXTENSIONS_API}/register", {"Lambda-Extension-Name": name}, body)
    extension.say(answer.outcome)
    threading.Thread(target=wait_for_events, args=(extension, answer), daemon=True).start()


def wait_for_events(extension: Actor, registration: Answer) -> None:
    headers = {"Lambda-Extension-Identifier": registration.headers["lambda-extension-identifier"]}
    while True:
        answer = extension.call("GET", f"{EXTENSIONS_API}/event/next", headers)
        extension.say(f"got {json.loads(answer.body)['eventType']}")


actor.perform(
    script(),
    {
        "next": ask_next,
        "respond": respond,
        "respond-to": lambda other: post(f"invocation/{other}/response", b"{}"),
        "respond-in": respond_in,
        "big": lambda count: respond("x" * int(count)),
        "error": lambda error_type: report(f"invocation/{request_id}/error", error_type),
        "init-error": lambda error_type: report("init/error", error_type),
        "restore": ask_restore,
        "restore-error": lambda error_type: report("restore/error", error_type),
        "loop": loop,
        "begin-stream": begin_stream,
        "end-stream": end_stream,
        "stream": stream,
        "write-on-sigterm": write_on_sigterm,
        "truncate": truncate,
        "drop-next": drop_next,
        "internal": internal,
    },
)
