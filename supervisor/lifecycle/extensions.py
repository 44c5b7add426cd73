"""What the extensions' own calls change: register, next, init/error, exit/error."""

from supervisor.errors import Fault, ProtocolError
from supervisor.lifecycle.diagnoses import NameTaken, NameUnknown
from supervisor.lifecycle.limits import ERROR_GRACE_SECONDS, MAX_EXTENSIONS
from supervisor.lifecycle.model import Effects, Extension, State
from supervisor.lifecycle.states import (
    FORBIDDEN,
    ExtensionCall,
    ExtensionState,
    Phase,
    RuntimeState,
    extension_after,
)

_UNKNOWN = "Unknown Lambda-Extension-Identifier"


class NameTakenError(ProtocolError):
    """The refusal of a name that another extension has; *diagnosis* is what a person is told of it."""

    def __init__(self, refusal: ProtocolError, diagnosis: NameTaken) -> None:
        super().__init__(refusal.http_status, refusal.error_type, refusal.message)
        self.diagnosis = diagnosis


def register(state: State, extension_id: str, name: str, events: tuple[str, ...]) -> Effects:
    """Register an extension: an external one when *name* is that of a file that was launched, else an internal one.

    Raises:
        ProtocolError: 403, an event that it cannot register for, a state that forbids it, or too many of them.
    """
    launched = state.extensions.get(name)
    external = launched is not None and launched.external
    _check_events(events, external=external)
    if launched is not None and external:
        after = _after_registration(state, launched)
        extension = launched
    else:
        _check_internal(state, name)
        after = ExtensionState.REGISTERED
        extension = state.extensions[name] = Extension(name, external=False)
    extension.state = after
    extension.extension_id = extension_id
    extension.events = tuple(dict.fromkeys(events))
    state.identified[extension_id] = extension
    if external or state.runtime.launched:
        return []
    return [NameUnknown(name, _unregistered(state))]


def _unregistered(state: State) -> tuple[str, ...]:
    return tuple(extension.name for extension in state.externals if not extension.registered)


def _after_registration(state: State, external: Extension) -> ExtensionState:
    try:
        return extension_after(external.state, ExtensionCall.REGISTER, external.name)
    except ProtocolError as refusal:
        raise (_taken(state, external, refusal) if external.registered else refusal) from None


def _check_events(events: tuple[str, ...], *, external: bool) -> None:
    for event in events:
        if event == "SHUTDOWN" and not external:
            raise _refusal("InvalidEventType", f"{event}: ShutdownEventNotSupportedForInternalExtension")
        if event not in ("INVOKE", "SHUTDOWN"):
            raise _refusal("InvalidEventType", f"{event}: ErrorInvalidEventType")


def _check_internal(state: State, name: str) -> None:
    """Closed, too many, name in use: RIE 1.170 asks in this order (`CreateInternalAgent`)."""
    if state.phase is not Phase.INIT or state.runtime.state is not RuntimeState.STARTED:
        raise _refusal("RegistrationClosed", "Extension registration closed already")
    if len(state.extensions) >= MAX_EXTENSIONS:
        raise _refusal("TooManyExtensions", f"Extension limit ({MAX_EXTENSIONS}) reached")
    if name in state.extensions:
        refusal = _refusal("InvalidExtensionState", "Extension with this name already registered")
        raise _taken(state, state.extensions[name], refusal)


def _taken(state: State, holder: Extension, refusal: ProtocolError) -> NameTakenError:
    diagnosis = NameTaken(holder.name, holder.external, holder.events, _unregistered(state))
    return NameTakenError(refusal, diagnosis)


def polled(state: State, extension_id: str) -> Effects:
    """The extension asks for its next event: it waits, or gets the one that waits for it.

    Raises:
        ProtocolError: 403, unknown, or not in this state.
    """
    extension = state.identified.get(extension_id) or identified(
        state, extension_id, f"Unknown extension {extension_id}"
    )
    dropped = extension.state is ExtensionState.READY and not extension.waiting
    if not dropped:
        extension.state = extension_after(extension.state, ExtensionCall.NEXT, extension_id)
    extension.waiting = True
    if state.invoke is not None:
        state.invoke.last_extension = extension.name
    return [] if extension.pending is None else extension.hand_over(extension.pending)


def poll_dropped(state: State, extension_id: str) -> Effects:
    """The extension's poll is gone. RIE refuses a new one; here it may ask again and loses nothing."""
    extension = state.identified.get(extension_id)
    if extension is not None:
        extension.waiting = False
    return []


def init_error(state: State, now: float, extension_id: str, error_type: str) -> Effects:
    """The extension could not initialise.

    Raises:
        ProtocolError: 403, unknown, or not in this state.
    """
    extension = identified(state, extension_id, _UNKNOWN)
    extension.state = extension_after(extension.state, ExtensionCall.INIT_ERROR, extension_id)
    _announce(state, now, extension, error_type, Fault.EXTENSION_INIT_ERROR)
    return []


def exit_error(state: State, now: float, extension_id: str, error_type: str) -> Effects:
    """The extension is about to exit because of an error.

    Raises:
        ProtocolError: 403, unknown, or not in this state.
    """
    extension = identified(state, extension_id, _UNKNOWN)
    extension.state = extension_after(extension.state, ExtensionCall.EXIT_ERROR, extension_id)
    _announce(state, now, extension, error_type, Fault.EXTENSION_EXIT_ERROR)
    return []


def _announce(state: State, now: float, extension: Extension, error_type: str, fault: Fault) -> None:
    """Remember an error that should end in the extension's exit, and how long that may take."""
    extension.waiting = False
    extension.error_type = extension.error_type or error_type
    if state.stop is None:
        state.first_fault = state.first_fault or fault
        if state.frozen:
            state.held.setdefault(extension.name, ERROR_GRACE_SECONDS)
        else:
            state.timers.setdefault(extension.name, now + ERROR_GRACE_SECONDS)


def identified(state: State, extension_id: str, unknown: str) -> Extension:
    """The extension that has this identifier.

    Raises:
        ProtocolError: 403 with the text *unknown*: nobody has it.
    """
    extension = state.identified.get(extension_id)
    if extension is None:
        raise _refusal("UnknownExtensionIdentifier", unknown)
    return extension


def _refusal(error_type: str, message: str) -> ProtocolError:
    return ProtocolError(FORBIDDEN, f"Extension.{error_type}", message)
