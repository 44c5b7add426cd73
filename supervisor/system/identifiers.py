"""Fresh identifiers: UUIDs and X-Ray trace headers, from the kernel's random source."""

import os
import re
import time
from typing import Final

_AT_A_TIME: Final = 64
"""So many identifiers are made of one read of the kernel's random source."""

_VERSION: Final = bytes(0x40 | byte & 0x0F for byte in range(256))
_VARIANT: Final = bytes(0x80 | byte & 0x3F for byte in range(256))
"""What becomes of the two bytes of a UUID that say what it is: random, version 4 (RFC 9562, 5.4)."""

_GROUPS: Final = re.compile("(.{8})(.{4})(.{4})(.{4})(.{12})")
_ROOT_AND_PARENT: Final = re.compile("(.{24})(.{16})")


class _Fresh:
    """Identifiers that nobody has yet, each given out once; a forked process forgets those of its parent."""

    def __init__(self) -> None:
        self.uuids: list[str] = []
        self.traces: list[str] = []
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Let the next ones be made anew."""
        self.uuids.clear()
        self.traces.clear()

    def make_uuids(self) -> None:
        """Have some UUIDs."""
        data = bytearray(os.urandom(16 * _AT_A_TIME))
        data[6::16] = data[6::16].translate(_VERSION)
        data[8::16] = data[8::16].translate(_VARIANT)
        self.uuids = ["-".join(groups) for groups in _GROUPS.findall(data.hex())]

    def make_traces(self) -> None:
        """Have the random parts of some trace headers."""
        text = os.urandom(20 * _AT_A_TIME).hex()
        self.traces = [f"{root};Parent={parent};Sampled=0" for root, parent in _ROOT_AND_PARENT.findall(text)]


_fresh: Final = _Fresh()


def new_uuid() -> str:
    """A random UUID, version 4, in lower case (what `uuid.uuid4` gives, at a fraction of its cost)."""
    if not _fresh.uuids:
        _fresh.make_uuids()
    return _fresh.uuids.pop()


def new_trace_id() -> str:
    """A trace header of its own, not sampled (AWS: X-Ray, "Tracing header"): root with the time, and a parent."""
    if not _fresh.traces:
        _fresh.make_traces()
    return f"Root=1-{int(time.time()):08x}-{_fresh.traces.pop()}"
