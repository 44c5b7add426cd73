"""Counts the ways in which the processes of one peer ended."""

from typing import Final

from supervisor.lifecycle.exits import CLEAN_EXIT, ExitStatus

CLEAN: Final = "clean"
FAILED: Final = "failed"
SIGNALLED: Final = "signalled"
WAYS_OUT: Final = (CLEAN, FAILED, SIGNALLED)
"""With exit code 0, with another one, by a signal."""


class ExitsCount:
    """How many processes of one peer have ended, by the way out."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts = dict.fromkeys(WAYS_OUT, 0)

    def add(self, status: ExitStatus) -> None:
        """Count one more."""
        way = SIGNALLED if status.signal else CLEAN if status == CLEAN_EXIT else FAILED
        self.counts[way] += 1
