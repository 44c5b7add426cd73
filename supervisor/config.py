"""Owns the configuration: what the command line and the environment variables say, checked, as one frozen value.

It alone reads the environment variables. What each option may be is in `options`; nobody but `app` gets the Config.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from supervisor import event_options, function_options, life_options, options
from supervisor.asynchronous.policy import Policy
from supervisor.command_line import Choices, CommandLine
from supervisor.errors import UsageError
from supervisor.function import Function, InitializationType
from supervisor.lifecycle.limits import INIT_AHEAD_SECONDS
from supervisor.option import Option
from supervisor.option_values import Address, IdleAction, InitMode, LogLevel
from supervisor.runtime_command import Image, RuntimeCommand, runtime_command

LOOPBACK: Final = "127.0.0.1"
"""Where a relay listens: the runtime is beside us."""

_INITIALIZATION_TYPES: Final = {
    InitMode.EAGER: InitializationType.ON_DEMAND,
    InitMode.ON_DEMAND: InitializationType.ON_DEMAND,
    InitMode.PROVISIONED_CONCURRENCY: InitializationType.PROVISIONED_CONCURRENCY,
    InitMode.SNAP_START: InitializationType.SNAP_START,
}


@dataclass(frozen=True, slots=True)
class EventConfig:
    """What the user chose for invocations of the type `Event`.

    Args:
        folder: The absolute path of where they outlive the supervisor; empty when they do not.
        policy: How often and how long each is tried.
        on_success: Where the records of those that succeeded go, a path or a URL; empty for nowhere.
        on_failure: The same for those that were given up.
        drain_timeout: How long a shutdown waits for them, in seconds.
    """

    folder: str
    policy: Policy
    on_success: str
    on_failure: str
    drain_timeout: float


@dataclass(frozen=True, slots=True)
class Config:
    """All that the user chose.

    Args:
        function: The settings of the function.
        command: The program of the runtime and its arguments; empty when no bootstrap was found.
        working_directory: Where the runtime is started.
        extensions_dir: The absolute path of the folder with the external extensions; it need not exist.
        layers: The paths of the zip archives to extract into /opt, beside those that are found there.
        without_extensions: The names of external extensions that are not launched.
        once: The one event that is run, or where it is; empty when callers invoke the function.
        invoke_address: Where they do; None for nowhere.
        function_url_address: Where the function is opened as a URL; None is nowhere.
        function_url_streams: Whether that answers with each piece as it comes.
        runtime_api_address: Where the runtime and the extensions call.
        metrics_address: Where the environment is watched; None is nowhere.
        trace: The file that its timeline is written to; empty for none.
        queue_size: How many invocations may wait while one runs.
        init_timeout: The limit of an init that runs on its own, in seconds.
        events: What counts for invocations of the type `Event`.
        init_on_demand: Whether Init waits for the first invocation.
        idle_timeout: After how many seconds without an invocation the environment is shut down; None is never.
        idle_action: What follows then.
        freeze: Whether the processes are stopped while there is nothing to do.
        raw_payload: Whether a payload may be something else than JSON.
        stream_bandwidth: In bytes a second, after the first 6 MiB of a streamed response; 0 for no limit.
        json_logs: Whether the function's log format is JSON, and so that of the platform's lines.
        log_prefix: Whether every line that is shown begins with its source.
        user: Whom the function and its extensions run as; empty for whom the supervisor runs as.
        lambda_limits: Whether they have no more memory, descriptors and processes than on Lambda.
        log_level: The least important thing that the supervisor tells of itself.
        environ: The environment variables that we were given, all of them.
        warnings: What the user should know before anything is started, one line each.
    """

    function: Function
    command: tuple[str, ...]
    working_directory: str
    extensions_dir: str
    layers: tuple[str, ...]
    without_extensions: tuple[str, ...]
    once: str
    invoke_address: Address | None
    function_url_address: Address | None
    function_url_streams: bool
    runtime_api_address: Address
    metrics_address: Address | None
    trace: str
    queue_size: int
    init_timeout: float
    events: EventConfig
    init_on_demand: bool
    idle_timeout: float | None
    idle_action: IdleAction
    freeze: bool
    raw_payload: bool
    stream_bandwidth: int
    json_logs: bool
    log_prefix: bool
    user: str
    lambda_limits: bool
    log_level: LogLevel
    environ: Mapping[str, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """What counts where the platform is there already, and is to be talked to through us.

    Args:
        command: The program of the runtime and its arguments.
        environ: The runtime's environment variables, which still name the platform.
        platform: Where the platform listens.
        prefix: What comes before every path there; empty on Lambda.
        address: Where the runtime calls.
        log_level: The least important thing that the supervisor tells of itself.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str]
    platform: Address
    prefix: str
    address: Address
    log_level: LogLevel


def wants_relay(command_line: CommandLine, environ: Mapping[str, str]) -> bool:
    """Whether the user wants us to stay where the platform is there already.

    Raises:
        UsageError: The value of the option is wrong.
    """
    return Choices(command_line, environ).value(options.RELAY)


def read_relay_config(
    command_line: CommandLine, environ: Mapping[str, str], command: tuple[str, ...], runtime_api: str
) -> RelayConfig:
    """Check what counts for a relay to the platform at *runtime_api*.

    Raises:
        UsageError: A value is wrong.
    """
    choices = Choices(command_line, environ)
    where, slash, prefix = runtime_api.partition("/")
    try:
        platform = options.RUNTIME_API_ADDRESS.parse(where)
    except ValueError as error:
        raise UsageError(f"AWS_LAMBDA_RUNTIME_API {error}") from None
    # The usual port is the platform's own.
    chosen = choices.is_given(options.RUNTIME_API_ADDRESS)
    return RelayConfig(
        command=command,
        environ=environ,
        platform=platform,
        prefix=f"{slash}{prefix}".rstrip("/"),
        address=choices.value(options.RUNTIME_API_ADDRESS) if chosen else Address(LOOPBACK, 0),
        log_level=choices.value(options.LOG_LEVEL),
    )


def read_config(command_line: CommandLine, environ: Mapping[str, str], image: Image) -> Config:
    """Check everything that the user chose.

    Raises:
        UsageError: A value is wrong.
    """
    choices = Choices(command_line, environ)
    _refuse_events_of_once(choices)
    command = runtime_command(command_line.command, environ, image)
    function = _read_function(choices, command)
    return Config(
        function=function,
        command=command.argv,
        working_directory=command.working_directory,
        extensions_dir=os.path.normpath(os.path.join(image.working_directory, choices.value(options.EXTENSIONS_DIR))),
        layers=tuple(os.path.join(image.working_directory, layer) for layer in choices.value(options.LAYER)),
        without_extensions=choices.value(options.WITHOUT_EXTENSIONS),
        once=choices.value(options.ONCE),
        invoke_address=_address_for_others(choices, options.INVOKE_ADDRESS),
        function_url_address=_address_for_others(choices, options.FUNCTION_URL_ADDRESS),
        function_url_streams=choices.value(options.FUNCTION_URL_INVOKE_MODE),
        runtime_api_address=choices.value(options.RUNTIME_API_ADDRESS),
        metrics_address=_address_for_others(choices, options.METRICS_ADDRESS),
        trace=choices.value(options.TRACE),
        queue_size=choices.value(options.QUEUE_SIZE),
        events=_read_events(choices, image.working_directory),
        init_timeout=_read_init_timeout(choices, function),
        init_on_demand=_init_mode(choices) is InitMode.ON_DEMAND,
        idle_timeout=choices.value(life_options.IDLE_TIMEOUT) if choices.is_given(life_options.IDLE_TIMEOUT) else None,
        idle_action=choices.value(life_options.IDLE_ACTION),
        freeze=choices.value(life_options.FREEZE),
        raw_payload=choices.value(options.RAW_PAYLOAD),
        stream_bandwidth=choices.value(options.STREAM_BANDWIDTH) * 1024,
        json_logs=choices.value(function_options.LOG_FORMAT),
        log_prefix=choices.value(options.LOG_PREFIX),
        user=choices.value(options.USER),
        lambda_limits=choices.value(options.LAMBDA_LIMITS),
        log_level=choices.value(options.LOG_LEVEL),
        environ=environ,
        warnings=tuple(_warnings(choices)),
    )


def _read_function(choices: Choices, command: RuntimeCommand) -> Function:
    name = choices.value(function_options.FUNCTION_NAME)
    version = choices.value(function_options.FUNCTION_VERSION)
    return Function(
        name=name,
        version=version,
        handler=choices.value(function_options.FUNCTION_HANDLER) or command.handler,
        timeout=choices.value(function_options.FUNCTION_TIMEOUT),
        memory_mb=choices.value(function_options.FUNCTION_MEMORY_SIZE),
        region=choices.value(function_options.REGION),
        account_id=choices.value(function_options.ACCOUNT_ID),
        log_group=choices.value(function_options.LOG_GROUP_NAME) or f"/aws/lambda/{name}",
        log_stream=choices.value(function_options.LOG_STREAM_NAME) or _new_log_stream(version),
        initialization_type=_INITIALIZATION_TYPES[_init_mode(choices)],
    )


def _refuse_events_of_once(choices: Choices) -> None:
    """What a variable says may be meant for another start of the same image; a flag is a contradiction."""
    chosen = choices.command_line.chosen
    if choices.value(options.ONCE):
        for option in event_options.EVENT_OPTIONS:
            if option in chosen:
                raise UsageError(f"{chosen[option][0]} is for Events, which nobody waits for; --once waits for its own")


def _address_for_others(choices: Choices, option: Option[Address | None]) -> Address | None:
    """Where others come to us; with --once only where that was chosen."""
    wanted = not choices.value(options.ONCE) or choices.is_given(option)
    return choices.value(option) if wanted else None


def _read_events(choices: Choices, working_directory: str) -> EventConfig:
    folder = "" if choices.value(options.ONCE) else choices.value(event_options.EVENT_DIR)
    return EventConfig(
        folder=os.path.join(working_directory, folder) if folder else "",
        policy=Policy(
            retries=choices.value(event_options.EVENT_RETRIES),
            retry_waits=choices.value(event_options.EVENT_RETRY_WAITS),
            maximum_age=choices.value(event_options.EVENT_MAXIMUM_AGE),
        ),
        on_success=choices.value(event_options.EVENT_ON_SUCCESS),
        on_failure=choices.value(event_options.EVENT_ON_FAILURE),
        drain_timeout=choices.value(event_options.EVENT_DRAIN_TIMEOUT),
    )


def _init_mode(choices: Choices) -> InitMode:
    """RIE's flag means SnapStart, unless it is said more clearly when Init is to happen."""
    if life_options.ENABLE_INIT_CACHING in choices.command_line.chosen and not choices.is_given(life_options.INIT):
        return InitMode.SNAP_START
    return choices.value(life_options.INIT)


def _read_init_timeout(choices: Choices, function: Function) -> float:
    """The user's choice, or else the limit that Lambda has for this kind of initialization."""
    chosen = choices.value(life_options.INIT_TIMEOUT)
    if choices.is_given(life_options.INIT_TIMEOUT) or function.initialization_type is InitializationType.ON_DEMAND:
        return chosen
    return max(INIT_AHEAD_SECONDS, function.timeout)


def _new_log_stream(version: str) -> str:
    """A name of the form that Lambda gives: the day, the version, 32 hexadecimal digits (recorded on AWS)."""
    return f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{os.urandom(16).hex()}"


def _warnings(choices: Choices) -> list[str]:
    warnings = []
    if choices.environ.get("AWS_LAMBDA_MAX_CONCURRENCY"):
        warnings.append("AWS_LAMBDA_MAX_CONCURRENCY has no effect: managed instances are not emulated")
    return warnings
