"""The options of invocations of the type `Event`: a part of the table of `options`."""

from typing import Final

from supervisor.asynchronous.policy import AGE_LIMITS, RETRIES, RETRY_WAITS
from supervisor.option import Option
from supervisor.option_values import destination, seconds_or_none, several_seconds, text, whole_number

LONGEST_DRAIN_SECONDS: Final = 900
"""As long as one invocation may take."""

EVENT_DIR: Final = Option(
    text,
    "the folder in which accepted Events outlive the supervisor; without one they end with it",
    flags=("--event-dir",),
    variables=("SUPERVISOR_EVENT_DIR",),
    placeholder="PATH",
)

EVENT_RETRIES: Final = Option(
    whole_number((0, RETRIES)),
    "how often an Event that the function fails is tried again",
    default=str(RETRIES),
    flags=("--event-retries",),
    variables=("SUPERVISOR_EVENT_RETRIES",),
    placeholder="NUMBER",
)

EVENT_RETRY_WAITS: Final = Option(
    several_seconds,
    "how long to wait before each of these attempts",
    default=",".join(f"{wait:g}" for wait in RETRY_WAITS),
    flags=("--event-retry-waits",),
    variables=("SUPERVISOR_EVENT_RETRY_WAITS",),
    placeholder="SECONDS,...",
)

EVENT_MAXIMUM_AGE: Final = Option(
    whole_number(AGE_LIMITS),
    "how old an Event may become, in seconds, before it is given up",
    default=str(AGE_LIMITS[1]),
    flags=("--event-maximum-age",),
    variables=("SUPERVISOR_EVENT_MAXIMUM_AGE",),
    placeholder="SECONDS",
)

EVENT_ON_SUCCESS: Final = Option(
    destination,
    "where the records of Events that succeeded go: a file that gets a line for each, or an http:// URL",
    flags=("--event-on-success",),
    variables=("SUPERVISOR_EVENT_ON_SUCCESS",),
    placeholder="PATH|URL",
)

EVENT_ON_FAILURE: Final = Option(
    destination,
    "where the records of Events that were given up go",
    flags=("--event-on-failure",),
    variables=("SUPERVISOR_EVENT_ON_FAILURE",),
    placeholder="PATH|URL",
)

EVENT_DRAIN_TIMEOUT: Final = Option(
    seconds_or_none(LONGEST_DRAIN_SECONDS),
    "how long a shutdown waits for accepted Events that no --event-dir keeps",
    default="4",
    flags=("--event-drain-timeout",),
    variables=("SUPERVISOR_EVENT_DRAIN_TIMEOUT",),
    placeholder="SECONDS",
)

EVENT_OPTIONS: Final[tuple[Option[object], ...]] = (
    EVENT_DIR,
    EVENT_RETRIES,
    EVENT_RETRY_WAITS,
    EVENT_MAXIMUM_AGE,
    EVENT_ON_SUCCESS,
    EVENT_ON_FAILURE,
    EVENT_DRAIN_TIMEOUT,
)
"""In the order of `--help`."""
