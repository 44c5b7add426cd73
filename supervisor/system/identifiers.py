"""Fresh identifiers: UUIDs and X-Ray trace headers. One read of the kernel's random source each."""

import os
import time


def new_uuid() -> str:
    """A random UUID, version 4, in lower case (what `uuid.uuid4` gives, at a third of its cost)."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def new_trace_id() -> str:
    """A trace header of its own, not sampled (AWS: X-Ray, "Tracing header"): root with the time, and a parent."""
    digits = os.urandom(20).hex()
    return f"Root=1-{int(time.time()):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"
