"""`supervisor health`: asks the supervisor of this container whether it is ready, as a HEALTHCHECK does.

Where that is, the variables say. It is a program of its own that runs every few seconds, so it imports nothing heavy.
"""

import os
import socket
from collections.abc import Mapping
from typing import Final

from supervisor.command_line import Choices, CommandLine
from supervisor.errors import UsageError
from supervisor.option_values import Address
from supervisor.options import METRICS_ADDRESS

HEALTHY: Final = 0
UNHEALTHY: Final = 1
"""Docker knows no third exit code (Dockerfile reference, "HEALTHCHECK")."""

_PATIENCE_SECONDS: Final = 5.0
"""How long an answer may take. Ours."""

_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where one reaches what listens everywhere."""

_ANSWER_BYTES: Final = 4096
"""More than any answer of ours."""

_REQUEST: Final = b"GET /health/ready HTTP/1.0\r\n\r\n"


def check(environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit code, and one line for people."""
    try:
        address = Choices(CommandLine({}, ()), environ).value(METRICS_ADDRESS)
    except UsageError as error:
        return UNHEALTHY, str(error)
    name = METRICS_ADDRESS.variables[0]
    if address is None:
        return UNHEALTHY, f"{name} is off, and health is asked for there"
    if not address.port:
        return UNHEALTHY, f"{name} leaves the port to the kernel, so it is not known here"
    address = Address(_LOCAL.get(address.host, address.host), address.port)
    try:
        answer = _ask(address)
    except OSError as error:
        return UNHEALTHY, f"nobody answers at {address}: {os.strerror(error.errno) if error.errno else error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    code = HEALTHY if head.split(b" ")[1:2] == [b"200"] else UNHEALTHY
    text = body.decode("ascii", "backslashreplace").strip()
    return code, text or f"what answers at {address} is no supervisor"


def _ask(address: Address) -> bytes:
    with socket.create_connection(address, _PATIENCE_SECONDS) as connection:
        connection.sendall(_REQUEST)
        answer = b""
        while len(answer) < _ANSWER_BYTES and (piece := connection.recv(_ANSWER_BYTES)):
            answer += piece
    return answer
