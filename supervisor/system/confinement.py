"""Owns what a child is confined to, beside its environment: its user, its limits, its control group.

Theory of operation: all of it has to hold before the program's first instruction, and for whatever that starts. So the
child does it to itself between fork(2) and execve(2), in `enter`. Nothing but system calls happens there: a thread of
ours that held a lock at the fork does not exist in the child. Without confinement `children` starts a child by
vfork(2), and none of this is imported.
"""

import os
import pwd
import resource
from dataclasses import dataclass
from typing import Final

from supervisor.errors import UsageError
from supervisor.option_values import quoted
from supervisor.system.cgroups import Group
from supervisor.system.child_group import ChildGroup
from supervisor.system.procfs import read

DESCRIPTORS: Final = 1024
"""Open files of a process (AWS: Lambda quotas, "File descriptors")."""

PROCESSES: Final = 1024
"""Processes and threads together (AWS: Lambda quotas, "Execution processes/threads")."""

_NEEDED_CAPABILITIES: Final = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}
"""To start a process as somebody else, and to signal it afterwards (Linux: `include/uapi/linux/capability.h`)."""


@dataclass(frozen=True, slots=True)
class User:
    """Whom a child runs as; no supplementary group comes with it."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a child is confined to.

    Args:
        user: Whom it runs as; None for the supervisor's own user.
        group: The control group that it is in.
        limits: Limits of resources (getrlimit(2)), soft and hard at once.
    """

    user: User | None = None
    group: ChildGroup | None = None
    limits: tuple[tuple[int, int], ...] = ()

    @property
    def memory_peak(self) -> str:
        """The file with the peak of the children's memory in bytes; empty when nobody counts it."""
        return self.group.memory_peak if self.group is not None else ""

    @property
    def memory_group(self) -> Group | None:
        """The control group whose memory is limited."""
        return self.group.memory if self.group is not None else None

    @property
    def freezer(self) -> str:
        """The file that freezes everybody in the control group; empty when there is none."""
        return self.group.freezer if self.group is not None else ""

    def own(self, fd: int) -> None:
        """Let the child open the pipe *fd* anew, as a script does that writes to `/dev/stderr`."""
        if self.user is not None:
            os.fchown(fd, self.user.uid, self.user.gid)

    def remove(self) -> None:
        """Leave no control group behind, now that no child is left."""
        if self.group is not None:
            self.group.remove()

    def enter(self) -> None:
        """Confine the calling process, for good.

        Raises:
            OSError: The kernel refuses.
        """
        if self.group is not None:
            self.group.enter()
        for name, limit in self.limits:
            highest = resource.getrlimit(name)[1]
            allowed = limit if highest == resource.RLIM_INFINITY else min(limit, highest)
            resource.setrlimit(name, (allowed, allowed))
        if self.user is not None:
            os.setgroups(())
            os.setresgid(self.user.gid, self.user.gid, self.user.gid)
            os.setresuid(self.user.uid, self.user.uid, self.user.uid)


def find_user(text: str) -> User:
    """The user that *text* names: `UID`, `NAME`, `UID:GID`. Without a group it is that of /etc/passwd, else `UID`.

    Raises:
        UsageError: Nobody has this name here.
    """
    name, _, group = text.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError:
        if not name.isdecimal():
            raise UsageError(f"--user {quoted(text)}: /etc/passwd has no such user; give the number UID:GID") from None
        return User(int(name), int(group or name))
    return User(entry.pw_uid, int(group or entry.pw_gid))


def missing_capabilities() -> list[str]:
    """What this process lacks to start processes as somebody else and to signal them."""
    _, _, rest = read("/proc/self/status").partition(b"CapEff:")
    effective = int(rest.split(maxsplit=1)[0], 16) if rest else 0
    return [name for name, number in _NEEDED_CAPABILITIES.items() if not effective >> number & 1]


def descriptor_limit() -> tuple[int, int]:
    """The limit of open files, as `Confinement` takes it."""
    return resource.RLIMIT_NOFILE, DESCRIPTORS


def process_limit() -> tuple[int, int]:
    """The limit of processes of one user, wherever on the machine they run. It does not hold for root."""
    return resource.RLIMIT_NPROC, PROCESSES
