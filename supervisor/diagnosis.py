"""Says in words what the lifecycle has found out about who is to blame, one line each, for a person."""

from typing import assert_never

from supervisor.lifecycle.diagnoses import Diagnosis, ExitedEarly, InvocationHeld, NameUnknown, TimeUp


def text_of(diagnosis: Diagnosis) -> str:
    """The line."""
    match diagnosis:
        case TimeUp():
            return f"The time is up, and these were still waited for: {_awaited(diagnosis)}."
        case NameUnknown(name, missing):
            return (
                f"An extension registered as {name!a}, which is the name of no file: it counts as an internal one, and "
                f"Init waits on for {_names(missing)}. Lambda-Extension-Name has to be the name of the file."
            )
        case ExitedEarly(name, registered, status):
            early = (
                "after it had registered and before it asked for its first event"
                if registered
                else ("before it registered")
            )
            return (
                f"The extension {name} ended ({status.of_extension()}) {early}. It has to register, and to ask for the "
                "next event until it gets SHUTDOWN."
            )
        case InvocationHeld(name, duration):
            return f"The extension {name} held the invocation for {duration * 1000:.0f} ms after the runtime was done."
        case _:
            assert_never(diagnosis)


def _awaited(time_up: TimeUp) -> str:
    parts = [f"the extension {name}, to register under the name of its file" for name in time_up.unregistered]
    parts += [f"the extension {name}, to ask for its next event" for name in time_up.extensions]
    if time_up.runtime:
        parts.append("the runtime, to ask for the next invocation")
    return "; ".join(parts)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nobody else"
