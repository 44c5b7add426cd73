"""What the configuration means to the parts of the application: values in, values out."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from supervisor.api.credentials_api import Credentials
from supervisor.child_environ import extension_environ, runtime_environ
from supervisor.config import Config
from supervisor.function import InitializationType
from supervisor.lifecycle.model import Settings
from supervisor.option_values import IdleAction
from supervisor.processes import Commands
from supervisor.system.identifiers import new_uuid

if TYPE_CHECKING:
    from supervisor.system.confinement import Confinement


def lifecycle_settings(config: Config, extensions: Iterable[str]) -> Settings:
    """What the lifecycle is configured with; *extensions* are the paths of the external ones, in their order."""
    return Settings(
        timeout=config.function.timeout,
        extensions=tuple(map(os.path.basename, extensions)),
        queue_size=config.queue_size,
        init_limit=config.init_timeout,
        freeze=config.freeze,
        init_on_demand=config.init_on_demand,
        idle_timeout=config.idle_timeout,
        ends_when_idle=config.idle_action is IdleAction.EXIT,
    )


def credentials_of(config: Config) -> Credentials | None:
    """What the processes have to ask for with SnapStart, with a fresh token; None where they have it as variables."""
    is_snap_start = config.function.initialization_type is InitializationType.SNAP_START
    return Credentials.given_by(config.environ, new_uuid()) if is_snap_start else None


def commands_of(
    config: Config, runtime_api: str, confinement: "Confinement | None", credentials: Credentials | None
) -> Commands:
    """What is to be started, and with what; *runtime_api* is HOST:PORT of the Runtime API."""
    authorization = credentials.authorization if credentials else ""
    return Commands(
        runtime=config.command,
        runtime_environ=runtime_environ(config.environ, config.function, runtime_api, authorization),
        extensions_dir=config.extensions_dir,
        extension_environ=extension_environ(config.environ, config.function, runtime_api, authorization),
        working_directory=config.working_directory,
        confinement=confinement,
    )
