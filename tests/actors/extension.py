"""An extension that goes through a script: `extension.py NAME register:INVOKE,SHUTDOWN next next exit:0`.

The steps of every actor: peer.py. NAME may be a path, of which the last part counts.

    register[:EVENTS]   register under its own name            register-as:NAME[:EVENTS]   or under another one
    next                ask for an event and print it          loop                        until SHUTDOWN, then exit
    busy-loop:MS        the same, computing for MS milliseconds after each event
    init-error:TYPE     report that it cannot start            exit-error:TYPE             report that it will exit

Of an event it prints the type, the request id or the reason, the deadline, and the milliseconds until then.
"""

import json
import os
import time

from peer import Actor, Step, script

EXTENSIONS_API = "/2020-01-01/extension"

path, *words = script()
actor = Actor(os.path.basename(path))
identifier = ""


def register(name: str, events: str) -> None:
    global identifier  # noqa: PLW0603 -- an extension has one identifier
    body = json.dumps({"events": [event for event in events.split(",") if event]}).encode()
    answer = actor.call("POST", f"{EXTENSIONS_API}/register", {"Lambda-Extension-Name": name}, body)
    identifier = answer.headers.get("lambda-extension-identifier", "")
    actor.say(f"registered {identifier}" if answer.status == 200 else answer.outcome)


def register_as(argument: str) -> None:
    name, _, events = argument.partition(":")
    register(name, events)


def ask_next(_: str = "") -> bool:
    """Whether that was not the last event."""
    actor.say("ready")
    answer = actor.call("GET", f"{EXTENSIONS_API}/event/next", {"Lambda-Extension-Identifier": identifier})
    if answer.status != 200:
        actor.say(answer.outcome)
        return False
    event = json.loads(answer.body)
    remaining = round(event["deadlineMs"] - time.time() * 1000)
    subject = event.get("requestId") or event.get("shutdownReason")
    actor.say(f"got {event['eventType']} {subject} {event['deadlineMs']} {remaining}")
    return bool(event["eventType"] != "SHUTDOWN")


def loop(_: str) -> None:
    while ask_next():
        pass
    os._exit(0)


def busy_loop(milliseconds: str) -> None:
    while ask_next():
        end = time.monotonic() + int(milliseconds) / 1000
        while time.monotonic() < end:
            pass
    os._exit(0)


def report(path: str, error_type: str) -> None:
    headers = {
        "Lambda-Extension-Identifier": identifier,
        "Lambda-Extension-Function-Error-Type": error_type,
    }
    actor.say(actor.call("POST", f"{EXTENSIONS_API}/{path}", headers).outcome)


STEPS: dict[str, Step] = {
    "register": lambda events: register(actor.name, events),
    "register-as": register_as,
    "next": ask_next,
    "loop": loop,
    "busy-loop": busy_loop,
    "init-error": lambda error_type: report("init/error", error_type),
    "exit-error": lambda error_type: report("exit/error", error_type),
}

if __name__ == "__main__":
    actor.perform(words, STEPS)
