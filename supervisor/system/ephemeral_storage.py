"""Owns the look at how much the function and its extensions keep in /tmp, on Lambda the one place they may write to.

Nothing is enforced: whoever exceeds the limit here is told that Lambda would stop him there.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

_log = logging.getLogger(__name__)

TMP: Final = "/tmp"

DEFAULT_BYTES: Final = 512 * 1024 * 1024
"""What a function has unless it is configured to have more (AWS: Lambda quotas, "/tmp directory storage")."""

_BLOCK_BYTES: Final = 512
"""What `st_blocks` counts (stat(2))."""


class EphemeralStorage:
    """The files in *folder*, which may need *limit* bytes."""

    def __init__(self, folder: str = TMP, limit: int = DEFAULT_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._exceeded = False

    def check(self) -> None:
        """Measure; warn when the limit has been exceeded since the last time that it was not."""
        used = sum(_allocated(self._folder))
        if used > self._limit and not self._exceeded:
            _log.warning(
                "%s holds %d MB, which on Lambda is more than a function has without more ephemeral storage (%d MB).",
                self._folder,
                used // 1024**2,
                self._limit // 1024**2,
            )
        self._exceeded = used > self._limit


def _allocated(folder: str) -> Iterator[int]:
    """The bytes that each file in *folder* and below has on the disk; a file with several names counts once."""
    seen = set()
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = os.lstat(os.path.join(path, name))
                if (identity := (status.st_dev, status.st_ino)) not in seen:
                    seen.add(identity)
                    yield status.st_blocks * _BLOCK_BYTES
