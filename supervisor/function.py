"""The settings of the function, as values. Who reads them from where is `config`'s matter."""

from dataclasses import dataclass
from enum import StrEnum


class InitializationType(StrEnum):
    """How the environments of a function come to be (AWS: Environment variables, `AWS_LAMBDA_INITIALIZATION_TYPE`)."""

    ON_DEMAND = "on-demand"
    PROVISIONED_CONCURRENCY = "provisioned-concurrency"
    SNAP_START = "snap-start"


@dataclass(frozen=True, slots=True)
class Function:
    """What Lambda knows of a function before it runs.

    Args:
        name: Its name.
        version: Its version, `$LATEST` or a number.
        handler: What the runtime is to call, in the runtime's own notation; empty when nobody named one.
        timeout: How long one invocation may take, in whole seconds.
        memory_mb: The memory it is entitled to, in MB.
        region: The AWS region of its ARN.
        account_id: The AWS account of its ARN.
        log_group: Where its log lines would go in CloudWatch Logs.
        log_stream: The part of the log group that belongs to this environment.
        initialization_type: How this environment comes to be.
    """

    name: str
    version: str
    handler: str
    timeout: int
    memory_mb: int
    region: str
    account_id: str
    log_group: str
    log_stream: str
    initialization_type: InitializationType = InitializationType.ON_DEMAND
