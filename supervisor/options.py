"""Every option and every variable that the supervisor reads: one table.

It reads neither the command line nor the environment: `command_line` does, by this table.
"""

from typing import Final

from supervisor.event_options import EVENT_OPTIONS
from supervisor.life_options import LIFE_OPTIONS
from supervisor.option import Option
from supervisor.option_values import (
    LogLevel,
    address,
    address_or_off,
    is_response_stream,
    log_level,
    names,
    path,
    paths,
    switch,
    text,
    user,
    whole_number,
)

QUEUE_SIZE_LIMITS: Final = (0, 10_000)
"""Waiting invocations. Ours: Lambda documents none for one environment."""

STREAM_BANDWIDTH_LIMITS: Final = (0, 65_536)
"""In KiB a second (RIE 1.170 core/bandwidthlimiter: at most 64 MiB; Lambda's own is 2 MiB, which slows tests down)."""

HELP: Final = Option(text, "show this text", flags=("--help", "-h"))

VERSION: Final = Option(text, "show the version", flags=("--version",))

INVOKE_ADDRESS: Final = Option(
    address("0.0.0.0"),
    "where callers invoke the function; port 0 takes a free one",
    default="0.0.0.0:8080",
    flags=("--invoke-address", "--runtime-interface-emulator-address"),
    variables=("SUPERVISOR_INVOKE_ADDRESS",),
    placeholder="HOST:PORT",
)

FUNCTION_URL_ADDRESS: Final = Option(
    address_or_off("0.0.0.0"),
    "where the function is opened as a URL, by a browser or any HTTP client; port 0 takes a free one, off takes none",
    default="off",
    flags=("--function-url-address",),
    variables=("SUPERVISOR_FUNCTION_URL_ADDRESS",),
    placeholder="HOST:PORT|off",
)

FUNCTION_URL_INVOKE_MODE: Final = Option(
    is_response_stream,
    "how the function URL answers: BUFFERED, or RESPONSE_STREAM for each piece as it comes",
    default="BUFFERED",
    flags=("--function-url-invoke-mode",),
    variables=("SUPERVISOR_FUNCTION_URL_INVOKE_MODE",),
    placeholder="MODE",
)

RUNTIME_API_ADDRESS: Final = Option(
    address("127.0.0.1"),
    "where the runtime and the extensions call; port 0 takes a free one",
    default="127.0.0.1:9001",
    flags=("--runtime-api-address",),
    variables=("SUPERVISOR_RUNTIME_API_ADDRESS",),
    placeholder="HOST:PORT",
)

METRICS_ADDRESS: Final = Option(
    address_or_off("0.0.0.0"),
    "where metrics are scraped, health is asked for and the timeline is seen; port 0 takes a free one, off takes none",
    default="0.0.0.0:9464",
    flags=("--metrics-address",),
    variables=("SUPERVISOR_METRICS_ADDRESS",),
    placeholder="HOST:PORT|off",
)

TRACE: Final = Option(
    text,
    "a file for the timeline, in the trace format that Perfetto and Chrome read",
    flags=("--trace",),
    variables=("SUPERVISOR_TRACE",),
    placeholder="PATH",
)

EXTENSIONS_DIR: Final = Option(
    path,
    "the folder whose files are launched as extensions",
    default="/opt/extensions",
    flags=("--extensions-dir",),
    variables=("SUPERVISOR_EXTENSIONS_DIR",),
    placeholder="PATH",
)

LAYER: Final = Option(
    paths,
    "a zip archive to extract into /opt before Init, after those that lie there; several in their order, with : "
    "between them or one flag each",
    flags=("--layer",),
    variables=("SUPERVISOR_LAYER", "SUPERVISOR_LAYERS"),
    placeholder="FILE",
    repeats=True,
)

WITHOUT_EXTENSIONS: Final = Option(
    names,
    "external extensions that are not launched, as if their files were not there; commas between the names",
    flags=("--without-extensions",),
    variables=("SUPERVISOR_WITHOUT_EXTENSIONS",),
    placeholder="NAMES",
)

ONCE: Final = Option(
    text,
    "run one event, print the answer of the function and end, with exit code 0 if it succeeded and 1 if not; EVENT is "
    "JSON, @PATH for a file, or - for standard input; the log goes to standard error, and no --invoke-address is taken "
    "unless one is chosen",
    flags=("--once",),
    variables=("SUPERVISOR_ONCE",),
    placeholder="EVENT",
)

QUEUE_SIZE: Final = Option(
    whole_number(QUEUE_SIZE_LIMITS),
    "how many invocations may wait while one runs; the next is refused with 429",
    default="100",
    flags=("--queue-size",),
    variables=("SUPERVISOR_QUEUE_SIZE",),
    placeholder="NUMBER",
)

USER: Final = Option(
    user,
    "whom the function and its extensions run as, with no privilege to gain; Lambda's own is 993:990",
    flags=("--user",),
    variables=("SUPERVISOR_USER",),
    placeholder="USER[:GID]",
)

LAMBDA_LIMITS: Final = Option(
    switch,
    "hold the function and its extensions to its memory, to 1024 processes and 1024 descriptors each, and warn when "
    "/tmp exceeds 512 MB",
    default="0",
    flags=("--lambda-limits",),
    variables=("SUPERVISOR_LAMBDA_LIMITS",),
)

LOG_LEVEL: Final = Option(
    log_level,
    f"what the supervisor tells of itself: {', '.join(LogLevel.__members__).lower()}",
    default="warn",
    flags=("--log-level",),
    variables=("SUPERVISOR_LOG_LEVEL", "LOG_LEVEL"),
    shared=("LOG_LEVEL",),
    placeholder="LEVEL",
)

RAW_PAYLOAD: Final = Option(
    switch,
    "hand every payload to the function as it is, JSON or not",
    default="0",
    flags=("--raw-payload",),
    variables=("SUPERVISOR_RAW_PAYLOAD",),
)

STREAM_BANDWIDTH: Final = Option(
    whole_number(STREAM_BANDWIDTH_LIMITS),
    "how much of a streamed response passes in a second after its first 6 MiB; 2048 as on Lambda, 0 for no limit",
    default="0",
    flags=("--stream-bandwidth",),
    variables=("SUPERVISOR_STREAM_BANDWIDTH",),
    placeholder="KIB",
)

LOG_PREFIX: Final = Option(
    switch,
    "begin every line with its source: [function], [extension NAME], [platform]",
    default="0",
    flags=("--log-prefix",),
    variables=("SUPERVISOR_LOG_PREFIX",),
)

RELAY: Final = Option(
    switch,
    "where AWS_LAMBDA_RUNTIME_API is set: stay between the runtime and the platform, and count; without it, no effect",
    default="0",
    flags=("--relay",),
    variables=("SUPERVISOR_RELAY",),
)

OPTIONS: Final[tuple[Option[object], ...]] = (
    INVOKE_ADDRESS,
    FUNCTION_URL_ADDRESS,
    FUNCTION_URL_INVOKE_MODE,
    RUNTIME_API_ADDRESS,
    METRICS_ADDRESS,
    TRACE,
    EXTENSIONS_DIR,
    LAYER,
    WITHOUT_EXTENSIONS,
    ONCE,
    QUEUE_SIZE,
    *EVENT_OPTIONS,
    *LIFE_OPTIONS,
    RAW_PAYLOAD,
    STREAM_BANDWIDTH,
    LOG_PREFIX,
    USER,
    LAMBDA_LIMITS,
    LOG_LEVEL,
    RELAY,
    HELP,
    VERSION,
)
"""What the command line knows, in the order of `--help`."""
