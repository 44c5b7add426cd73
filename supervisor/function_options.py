"""The settings of the function, which have Lambda's own variables and no flags: a part of the table of `options`."""

from typing import Final

from supervisor.option import Option
from supervisor.option_values import is_json, text, whole_number, word

FUNCTION_TIMEOUT_LIMITS: Final = (1, 900)
"""The function timeout, in whole seconds (AWS: Lambda quotas, "Function timeout")."""

FUNCTION_MEMORY_LIMITS: Final = (128, 10_240)
"""The function's memory, in MB (AWS: Lambda quotas, "Function memory allocation")."""

FUNCTION_NAME: Final = Option(
    word, "the function's name", default="test_function", variables=("AWS_LAMBDA_FUNCTION_NAME",)
)

FUNCTION_VERSION: Final = Option(
    word, "the function's version", default="$LATEST", variables=("AWS_LAMBDA_FUNCTION_VERSION",)
)

FUNCTION_HANDLER: Final = Option(
    text,
    "the handler, whatever COMMAND says",
    variables=("AWS_LAMBDA_FUNCTION_HANDLER", "_HANDLER"),
)

FUNCTION_TIMEOUT: Final = Option(
    whole_number(FUNCTION_TIMEOUT_LIMITS),
    "how long one invocation may take, in seconds",
    default="300",
    variables=("AWS_LAMBDA_FUNCTION_TIMEOUT",),
)

FUNCTION_MEMORY_SIZE: Final = Option(
    whole_number(FUNCTION_MEMORY_LIMITS),
    "the function's memory in MB, as reported, and enforced with --lambda-limits",
    default="3008",
    variables=("AWS_LAMBDA_FUNCTION_MEMORY_SIZE",),
)

REGION: Final = Option(
    word, "the region of the function", default="us-east-1", variables=("AWS_REGION", "AWS_DEFAULT_REGION")
)

ACCOUNT_ID: Final = Option(
    word, "the account of the function's ARN", default="012345678912", variables=("AWS_ACCOUNT_ID",)
)

LOG_FORMAT: Final = Option(
    is_json,
    "the format of the log: Text or JSON",
    default="Text",
    variables=("AWS_LAMBDA_LOG_FORMAT",),
)

LOG_GROUP_NAME: Final = Option(
    text, "the log group; unset, /aws/lambda/ and the name", variables=("AWS_LAMBDA_LOG_GROUP_NAME",)
)

LOG_STREAM_NAME: Final = Option(
    text, "the log stream; unset, a new one as on Lambda", variables=("AWS_LAMBDA_LOG_STREAM_NAME",)
)

FUNCTION_SETTINGS: Final[tuple[Option[object], ...]] = (
    FUNCTION_NAME,
    FUNCTION_VERSION,
    FUNCTION_HANDLER,
    FUNCTION_TIMEOUT,
    FUNCTION_MEMORY_SIZE,
    REGION,
    ACCOUNT_ID,
    LOG_FORMAT,
    LOG_GROUP_NAME,
    LOG_STREAM_NAME,
)
"""What the environment alone says, under Lambda's own names (and RIE's, with RIE's defaults)."""
