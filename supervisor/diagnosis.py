"""Says in words what the lifecycle has found out about who is to blame, one line each, for a person."""

from typing import assert_never

from supervisor.lifecycle.diagnoses import Diagnosis, ExitedEarly, InvocationHeld, NameTaken, NameUnknown, TimeUp


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
        case NameTaken():
            return _taken(diagnosis)
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


def _taken(taken: NameTaken) -> str:
    kind = "an external" if taken.external else "an internal"
    events = f"for {' and '.join(taken.events)}" if taken.events else "for no event"
    if not taken.external:
        advice = "Each needs a name of its own."
    elif taken.missing:
        advice = (
            f"It is the name of a file, and Init waits on for {_names(taken.missing)}. Lambda-Extension-Name has to be "
            "the name of the extension's own file."
        )
    else:
        advice = "An extension registers once."
    return (
        f"An extension was refused the name {taken.name!a}, under which {kind} extension has registered already, "
        f"{events}. {advice}"
    )


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nobody else"
