"""Facts that show a person who is to blame. Lambda tells nobody of them: no line of its log and no record has them.

Durations in seconds.
"""

from supervisor.lifecycle.exits import ExitStatus
from supervisor.values import frozen


@frozen()
class TimeUp:
    """The time of an init or of an invocation is up: who had not registered, and who had not said next."""

    unregistered: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    runtime: bool = False


@frozen()
class NameUnknown:
    """An extension registered before there was a runtime, so it is external, under a name that no external one has.

    *missing* are those that have not registered; it is one of them.
    """

    name: str
    missing: tuple[str, ...]


@frozen()
class NameTaken:
    """An extension was refused the name under which an *external* or an internal one has registered for *events*.

    *missing* are those that Init waits on for to register: one of them may be among the two.
    """

    name: str
    external: bool
    events: tuple[str, ...]
    missing: tuple[str, ...]


@frozen()
class ExitedEarly:
    """An external extension ended before it had said next for the first time."""

    name: str
    registered: bool
    status: ExitStatus


@frozen()
class InvocationHeld:
    """An extension was the last to say next, a noticeable while after the runtime; *total* is the whole invocation."""

    name: str
    duration: float
    total: float


Diagnosis = TimeUp | NameUnknown | NameTaken | ExitedEarly | InvocationHeld
