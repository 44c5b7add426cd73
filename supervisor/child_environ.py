"""Which environment variables the runtime gets, and which the extensions (AWS: Using Lambda environment variables).

Values in, values out. Where they come from is `config`'s matter, who is started with them `system.children`'s.

What an image brings along goes through, byte for byte: PATH, LD_LIBRARY_PATH, LANG and TZ too. Lambda sets those for
functions that are zip files only (RIE 1.170 `SetupEnvironment`; an image without them had none when recorded on AWS).
"""

from collections.abc import Mapping
from typing import Final

from supervisor.function import Function

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


def runtime_environ(given: Mapping[str, str], function: Function, runtime_api: str) -> dict[str, str]:
    """The variables of the runtime.

    Args:
        given: The supervisor's own variables: the image's, and those of whoever started it.
        function: The settings of the function, which win over *given*.
        runtime_api: HOST:PORT of the Runtime API.
    """
    return {
        **RUNTIME_DEFAULTS,
        **_passed_on(given),
        **_platform_variables(function, runtime_api),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": function.log_stream,
        # Lambda sets it for every image, empty where there is no handler (recorded on AWS).
        "_HANDLER": function.handler,
    }


def extension_environ(given: Mapping[str, str], function: Function, runtime_api: str) -> dict[str, str]:
    """The variables of an external extension.

    None of the ten that are the runtime's own, and none that begins with an underscore (RIE 1.170 `AgentExecEnv`),
    whoever set it. The arguments are those of `runtime_environ`.
    """
    visible = {
        name: value
        for name, value in _passed_on(given).items()
        if name not in HIDDEN_FROM_EXTENSIONS and not name.startswith("_")
    }
    return {**visible, **_platform_variables(function, runtime_api)}


def _passed_on(given: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in given.items() if name not in NEVER_PASSED_ON and not name.startswith(OWN_PREFIX)
    }


def _platform_variables(function: Function, runtime_api: str) -> dict[str, str]:
    return {
        "AWS_DEFAULT_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": function.initialization_type.value,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": function.region,
    }
