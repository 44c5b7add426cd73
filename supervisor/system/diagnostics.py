"""Owns how the supervisor's own messages reach people: one line each on standard error, never inside another line."""

import logging

from supervisor.system.console import Console


class DiagnosticHandler(logging.Handler):
    """Writes each message to *console*, through which the children's output goes too."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.setFormatter(logging.Formatter("supervisor: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        self._console.write([f"{self.format(record)}\n".encode(errors="backslashreplace")])
