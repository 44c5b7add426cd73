"""How a process ended, and the words that Lambda uses for it."""

from dataclasses import dataclass
from typing import Final

_SIGNAL_TEXTS: Final = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    10: "user defined signal 1",
    11: "segmentation fault",
    12: "user defined signal 2",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}
"""The platform is written in Go; these are Go's names for the signals, and callers see them."""


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """The end of a process: an exit code, or the number of the signal that killed it.

    *out_of_memory* says that it was the kernel that killed it, for want of memory.
    """

    code: int = 0
    signal: int = 0
    out_of_memory: bool = False

    def __str__(self) -> str:
        """The words of the operating system: `exit status 17` or `signal: killed`."""
        if self.signal:
            return f"signal: {_SIGNAL_TEXTS.get(self.signal, f'signal {self.signal}')}"
        return f"exit status {self.code}"

    def of_runtime(self) -> str:
        """The text that a caller reads when the runtime ended so (RIE 1.170 `watchEvents`; recorded on AWS)."""
        if self == CLEAN_EXIT:
            return "Runtime exited without providing a reason"
        return f"Runtime exited with error: {self}"

    def of_extension(self) -> str:
        """The text that a caller reads when an extension ended so (recorded on AWS)."""
        return "exit code 0" if self == CLEAN_EXIT else str(self)


CLEAN_EXIT: Final = ExitStatus()
