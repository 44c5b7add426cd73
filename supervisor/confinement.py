"""Puts together what the children are confined to, by the options `--user` and `--lambda-limits`.

Where the surroundings forbid it a warning says what does not hold and what to do; everything else works on. Without
these options nothing of it is imported.
"""

import logging
import os
from typing import TYPE_CHECKING

from supervisor.system.cgroups import OomKills, own_group

if TYPE_CHECKING:
    from supervisor.system.child_group import ChildGroup
    from supervisor.system.confinement import Confinement, User
    from supervisor.system.ephemeral_storage import EphemeralStorage

MEBIBYTE = 1024 * 1024

_log = logging.getLogger(__name__)


def confine(user: str, memory_mb: int | None) -> "Confinement | None":
    """What the children are confined to.

    Args:
        user: Whom they run as; empty for the supervisor's own user.
        memory_mb: With this memory Lambda's limits hold; None for no limits.

    Raises:
        UsageError: There is no such user.
    """
    if not user and memory_mb is None:
        return None
    from supervisor.system.confinement import Confinement, descriptor_limit, process_limit

    as_user = _user(user) if user else None
    if memory_mb is None:
        return Confinement(as_user)
    group = _group(memory_mb)
    limits = [descriptor_limit()]
    is_root = os.geteuid() == 0 and as_user is None
    if group.processes is None and not is_root:
        limits.append(process_limit())
    _tell_obstacles(group, memory_mb, processes_limited=not (group.processes is None and is_root))
    return Confinement(as_user, group, tuple(limits))


def oom_kills(confinement: "Confinement | None") -> OomKills:
    """What tells whether a child was killed for want of memory, by its own limit or by that of the container."""
    groups = (own_group("memory"), confinement.memory_group if confinement is not None else None)
    return OomKills([group for group in groups if group is not None])


def storage_to_check() -> "EphemeralStorage":
    """What tells when /tmp holds more than on Lambda."""
    from supervisor.system.ephemeral_storage import EphemeralStorage

    return EphemeralStorage()


def _user(text: str) -> "User | None":
    from supervisor.system.confinement import find_user, missing_capabilities

    user = find_user(text)
    _forbid_new_privileges()
    if (user.uid, user.gid) == (os.geteuid(), os.getegid()):
        return None
    if missing := missing_capabilities():
        _log.warning(
            "--user %s has no effect, and the function and its extensions run as user %d: the supervisor lacks %s. "
            "Start it as root (docker run --user 0), without dropping these.",
            text,
            os.geteuid(),
            ", ".join(missing),
        )
        return None
    return user


def _forbid_new_privileges() -> None:
    """For us and for every child: no file that belongs to somebody else gives its rights to whoever executes it."""
    try:
        from supervisor.system.prctl import set_no_new_privileges

        set_no_new_privileges()
    except (ImportError, OSError) as error:
        _log.warning("A set-user-ID program can still change the user: %s.", error)


def _group(memory_mb: int) -> "ChildGroup":
    from supervisor.system.child_group import make_child_group
    from supervisor.system.confinement import PROCESSES

    return make_child_group(memory_mb * MEBIBYTE, PROCESSES)


def _tell_obstacles(group: "ChildGroup", memory_mb: int, *, processes_limited: bool) -> None:
    from supervisor.system.confinement import PROCESSES

    unkept = {
        f"{memory_mb} MB of memory": group.memory is not None,
        f"{PROCESSES} processes": processes_limited,
    }
    if missing := [name for name, kept in unkept.items() if not kept]:
        reason = group.obstacles[0]
        _log.warning(
            "--lambda-limits cannot limit the children to %s: %s (%s). Limit the container instead: docker run "
            "--memory %dm --pids-limit %d.",
            " and ".join(missing),
            reason.strerror,
            reason.filename,
            memory_mb,
            PROCESSES,
        )
