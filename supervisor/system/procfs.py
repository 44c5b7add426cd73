"""Owns the reading of /proc: which processes descend from one.

Nothing is found where /proc is not mounted, or shows the processes of another pid namespace than ours.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

READ_BYTES: Final = 16 * 1024
"""More than any file about one process holds (proc(5)), except a list of children."""


_LINKS_OF_ONE_THREAD: Final = 3


class Process(NamedTuple):
    """One process. The kernel reuses the numbers, so its start, in clock ticks since boot, belongs to its identity."""

    pid: int
    started: int


def read(path: str) -> bytes:
    """What the file *path* says about a process.

    Raises:
        OSError: The file, or the process that it describes, is gone.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, READ_BYTES)
    finally:
        os.close(file)


def all_descendants(root: int) -> set[Process]:
    """Every process that descends from *root*, dead ones that nobody has waited for among them, without *root* itself.

    Looks at every process there is, so what was alive from the beginning of the call to its end is not missed.
    """
    families: dict[int, list[Process]] = defaultdict(list)
    for parent, process in _processes():
        families[parent].append(process)
    found: set[Process] = set()
    parents = [root]
    while parents:
        family = families.pop(parents.pop(), [])
        found.update(family)
        parents += [process.pid for process in family]
    return found


def descendants(root: int) -> set[int]:
    """The pids of the processes that descend from *root*, found from parent to child.

    Costs as much as *root* has descendants, however many other processes there are; a family that forks meanwhile may
    be seen in part. A kernel that was built without the lists of children is asked for all processes instead.
    """
    if not os.path.exists("/proc/thread-self/children"):
        return {process.pid for process in all_descendants(root)}
    found: set[int] = set()
    parents = [root] if _is_ours() else []
    while parents:
        children = set(_children(parents.pop())) - found
        found |= children
        parents += children
    return found


def _is_ours() -> bool:
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def _processes() -> Iterator[tuple[int, Process]]:
    for name in os.listdir("/proc") if _is_ours() else ():
        if name.isdecimal():
            try:
                stat = read(f"/proc/{name}/stat")
            except OSError:
                continue
            # The name of the program stands in brackets and may hold blanks and brackets itself.
            fields = stat.rpartition(b")")[2].split()
            yield int(fields[1]), Process(int(name), int(fields[19]))


def _children(pid: int) -> Iterator[int]:
    # The kernel keeps a list for each thread: of the children which that thread has started.
    try:
        for thread in _threads(pid):
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as children:
                yield from map(int, children.readall().split())
    except OSError:
        return


def _threads(pid: int) -> list[str]:
    # The folder of a process with one thread has three links (Linux: `proc_task_getattr`). To list it costs much more.
    folder = f"/proc/{pid}/task"
    return [str(pid)] if os.stat(folder).st_nlink == _LINKS_OF_ONE_THREAD else os.listdir(folder)
