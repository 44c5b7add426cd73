"""The numbers that AWS gives to the lifecycle, each once and with its source. Times in seconds, sizes in bytes."""

from typing import Final

INIT_SECONDS: Final = 10.0
"""Init on demand: extension, runtime and function init together (AWS: Lambda execution environment, "Init phase")."""

INIT_AHEAD_SECONDS: Final = 130.0
"""Init with provisioned concurrency or SnapStart, unless the function's timeout is longer (same section)."""

RESTORE_SECONDS: Final = 10.0
"""The restore of a snapshot with all that the runtime does after it (AWS: same section, "Restore phase")."""

MAX_EXTENSIONS: Final = 10
"""Registered extensions of both kinds together (AWS: Using Lambda extensions; RIE 1.170 `MaxAgentsAllowed`)."""

PAYLOAD_BYTES: Final = 6 * 1024 * 1024 + 100
"""A buffered response may have this size, and not one byte more (RIE 1.170 `interop.MaxPayloadSize`)."""

STREAM_BYTES: Final = 200 * 1024 * 1024
"""A streamed response may have this size (AWS: Lambda quotas, "Invocation payload")."""

TRUNCATION_SECONDS: Final = 0.5
"""How long the exit of a runtime is waited for that explains why its answer broke off. Ours."""

SHUTDOWN_EXTERNAL_SECONDS: Final = 2.0
"""Shutdown with at least one external extension (AWS: Lambda execution environment, "Shutdown phase")."""

SHUTDOWN_INTERNAL_SECONDS: Final = 0.5
"""Shutdown with internal extensions only (same section)."""

RUNTIME_SHARE_SECONDS: Final = 0.3
"""The runtime's part of the shutdown with external extensions only (AWS: Extensions API, "Shutdown phase")."""

RUNTIME_SHARE_INTERNAL_SECONDS: Final = 0.5
"""The runtime's part when an internal extension, which dies with it, is registered too (same section)."""

FREEZE_AFTER_SECONDS: Final = 0.002
"""How long an environment that has nothing to do runs on before it is frozen.

Ours: a caller in a loop sends its next request sooner than that, and shall not pay for a stop and a thaw each time.
"""

KERNEL_SECONDS: Final = 2.0
"""How long to wait, after SIGKILL, for the kernel to report every exit (RIE 1.170 `clearExitedChannel`)."""

ERROR_GRACE_SECONDS: Final = 0.5
"""How long a peer may live on after it reported an error of its own.

Ours: Lambda documents none, it asks the peer to exit.
"""

HELD_SECONDS: Final = 0.1
"""An extension that says next so long after the runtime is worth a word. Ours: what a person notices."""
