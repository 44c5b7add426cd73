"""Owns the question whether a payload is JSON. What a payload says is nobody's business here.

The single file answers it in C, without making the values, which for megabytes takes longer than all the rest of an
invocation (`docker/native/json_text.c`, in the place of this module).
"""

import json
from typing import Final

from supervisor.lifecycle.invocation import Payload


def is_json(text: Payload) -> bool:
    """Whether *text* is surely a JSON document in UTF-8 (RFC 8259); one that is nested very deeply is not surely so."""
    try:
        _DECODER.decode(str(text, "utf-8"))
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(name: str) -> None:
    """Python's parser knows three numbers that JSON does not."""
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
"""Made once: `json.loads` would make one for each payload."""
