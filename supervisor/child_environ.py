"""Which environment variables the runtime gets, and which the extensions (AWS: Using Lambda environment variables).

Values in, values out. Where they come from is `config`'s matter, who is started with them `system.children`'s.

What an image brings along goes through, byte for byte: PATH, LD_LIBRARY_PATH, LANG and TZ too. Lambda sets those for
functions that are zip files only (RIE 1.170 `SetupEnvironment`; an image without them had none when recorded on AWS).
"""

from collections.abc import Mapping
from typing import Final

from supervisor.function import Function, InitializationType

HIDDEN_FROM_EXTENSIONS: Final = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT",
        "_HANDLER",
    }
)
"""What belongs to the runtime's process alone (AWS: Extensions API, "Permissions and configuration")."""

NEVER_PASSED_ON: Final = frozenset(
    {
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "_LAMBDA_CONSOLE_SOCKET",
        "_LAMBDA_CONTROL_SOCKET",
        "_LAMBDA_DIRECT_INVOKE_SOCKET",
        "_LAMBDA_LOG_FD",
        "_LAMBDA_RUNTIME_LOAD_TIME",
        "_LAMBDA_SB_ID",
        "_LAMBDA_SHARED_MEM_FD",
        "_LAMBDA_TELEMETRY_API_PASSPHRASE",
        "_LAMBDA_TELEMETRY_LOG_FD",
        "_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET",
        "_X_AMZN_TRACE_ID",
    }
)
"""The platform's own business (RIE 1.170 `predefinedInternalEnvVarKeys`), descriptors that are not there and to which
a runtime would write, and the number of parallel invocations, which managed instances alone have."""

KEPT_OUT_OF_SNAPSHOTS: Final = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    }
)
"""What belongs to one environment, not to all that come out of a snapshot (AWS: Environment variables, SnapStart)."""

CREDENTIALS_PATH: Final = "/2021-04-23/credentials"
"""Where processes that come out of a snapshot get the credentials (RIE 1.170 `rapi/server.go`)."""

OWN_PREFIX: Final = "SUPERVISOR_"
"""The supervisor's own variables. On Lambda they do not exist."""

RUNTIME_DEFAULTS: Final = {
    "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
}
"""What the runtime of an image gets unless the image says otherwise (recorded on AWS; RIE 1.170 does so for managed
instances)."""


def runtime_environ(
    given: Mapping[str, str], function: Function, runtime_api: str, authorization: str = ""
) -> dict[str, str]:
    """The variables of the runtime.

    Args:
        given: The supervisor's own variables: the image's, and those of whoever started it.
        function: The settings of the function, which win over *given*.
        runtime_api: HOST:PORT of the Runtime API.
        authorization: With SnapStart, by which the processes get the credentials that are not among their variables.
    """
    log_variables = {"AWS_LAMBDA_LOG_GROUP_NAME": function.log_group, "AWS_LAMBDA_LOG_STREAM_NAME": function.log_stream}
    return {
        **RUNTIME_DEFAULTS,
        **_passed_on(given, function),
        **_platform_variables(function, runtime_api, authorization),
        **({} if _is_in_snapshot(function) else log_variables),
        # Lambda sets it for every image, empty where there is no handler (recorded on AWS).
        "_HANDLER": function.handler,
    }


def extension_environ(
    given: Mapping[str, str], function: Function, runtime_api: str, authorization: str = ""
) -> dict[str, str]:
    """The variables of an external extension.

    None of the ten that are the runtime's own, and none that begins with an underscore (RIE 1.170 `AgentExecEnv`),
    whoever set it. The arguments are those of `runtime_environ`.
    """
    visible = {
        name: value
        for name, value in _passed_on(given, function).items()
        if name not in HIDDEN_FROM_EXTENSIONS and not name.startswith("_")
    }
    return {**visible, **_platform_variables(function, runtime_api, authorization)}


def _is_in_snapshot(function: Function) -> bool:
    return function.initialization_type is InitializationType.SNAP_START


def _passed_on(given: Mapping[str, str], function: Function) -> dict[str, str]:
    held_back = NEVER_PASSED_ON | KEPT_OUT_OF_SNAPSHOTS if _is_in_snapshot(function) else NEVER_PASSED_ON
    return {name: value for name, value in given.items() if name not in held_back and not name.startswith(OWN_PREFIX)}


def _platform_variables(function: Function, runtime_api: str, authorization: str) -> dict[str, str]:
    variables = {
        "AWS_DEFAULT_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": function.initialization_type.value,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": function.region,
    }
    if _is_in_snapshot(function):
        variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = authorization
        variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"http://{runtime_api}{CREDENTIALS_PATH}"
    return variables
