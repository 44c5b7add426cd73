"""The options of an environment's life, when it begins, stands still and ends: a part of the table of `options`."""

from typing import Final

from supervisor.function_options import FUNCTION_TIMEOUT_LIMITS
from supervisor.lifecycle.limits import INIT_AHEAD_SECONDS, INIT_SECONDS
from supervisor.option import Option
from supervisor.option_values import IdleAction, InitMode, off_switch, one_of, seconds, text

IDLE_TIMEOUT_LIMIT: Final = 1_000_000
"""The longest idle timeout in seconds, eleven days. Ours: Lambda keeps no environment that long."""

INIT: Final = Option(
    one_of(InitMode),
    "when Init happens: eager, at the start; on-demand, with the first invocation; provisioned-concurrency and "
    "snap-start, at the start and called that",
    default="eager",
    flags=("--init",),
    variables=("SUPERVISOR_INIT",),
    placeholder="WHEN",
)

INIT_TIMEOUT: Final = Option(
    seconds(FUNCTION_TIMEOUT_LIMITS[1]),
    "how long Init may take before it is broken off and done again in the first invocation; ahead, with "
    f"provisioned concurrency or SnapStart, {INIT_AHEAD_SECONDS:g}, or the function's timeout if that is longer",
    default=f"{INIT_SECONDS:g}",
    flags=("--init-timeout",),
    variables=("SUPERVISOR_INIT_TIMEOUT",),
    placeholder="SECONDS",
)

IDLE_TIMEOUT: Final = Option(
    seconds(IDLE_TIMEOUT_LIMIT),
    "after how long without an invocation the environment is shut down; unset, never",
    flags=("--idle-timeout",),
    variables=("SUPERVISOR_IDLE_TIMEOUT",),
    placeholder="SECONDS",
)

IDLE_ACTION: Final = Option(
    one_of(IdleAction),
    "what follows then: renew, the next invocation begins a fresh environment; exit, the supervisor ends",
    default="renew",
    flags=("--idle-action",),
    variables=("SUPERVISOR_IDLE_ACTION",),
    placeholder="ACTION",
)

FREEZE: Final = Option(
    off_switch,
    "let the processes run on between invocations; on Lambda, and here, they are stopped (variable: 0 or 1)",
    default="1",
    flags=("--no-freeze",),
    variables=("SUPERVISOR_FREEZE",),
)

ENABLE_INIT_CACHING: Final = Option(
    text,
    "the same as --init snap-start, unless --init is given; aws-lambda-rie has it",
    flags=("--enable-init-caching",),
)

LIFE_OPTIONS: Final[tuple[Option[object], ...]] = (
    INIT,
    ENABLE_INIT_CACHING,
    INIT_TIMEOUT,
    IDLE_TIMEOUT,
    IDLE_ACTION,
    FREEZE,
)
"""In the order of `--help`."""
