"""Runs `python -m supervisor` with the arguments behind those three words, and counts the calls of its functions.

At SIGUSR2 it says `counting` and begins; at the next one it says `calls N`. What trio calls, and C, is not counted.
"""

import os
import signal
import sys
from types import FrameType

import supervisor
from supervisor.__main__ import main

PACKAGE = os.path.dirname(supervisor.__file__)
GENERATED = "<string>"
"""Where dataclasses have what was written for them."""


class Counter:
    def __init__(self) -> None:
        self.is_counting = False
        self.calls = 0

    def profile(self, frame: FrameType, event: str, _arg: object) -> None:
        self.calls += event == "call" and frame.f_code.co_filename.startswith((PACKAGE, GENERATED))

    def toggle(self, _number: int, _frame: FrameType | None) -> None:
        self.is_counting = not self.is_counting
        sys.setprofile(self.profile if self.is_counting else None)
        line = "counting\n" if self.is_counting else f"calls {self.calls}\n"
        os.write(sys.stdout.fileno(), line.encode())


signal.signal(signal.SIGUSR2, Counter().toggle)
del sys.argv[1:4]
sys.exit(main())
