"""Network and mount namespaces in which one thread lives: what it starts and connects to is apart from the machine.

So every environment has the ports 8080 and 9001, the name `sandbox` and the folder /opt to itself.
"""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# linux/sched.h, sys/mount.h, linux/sockios.h, linux/if.h
_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWNET: Final = 0x40000000
_MS_BIND: Final = 0x1000
_MS_PRIVATE_AND_BELOW: Final = 0x40000 | 0x4000
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1

_libc = ctypes.CDLL(None, use_errno=True)


class Namespaces:
    """Namespaces for one program under test.

    Args:
        folder: An empty folder for what is mounted.
        image: Contents of executable files by absolute path, shown on top of what the machine has in these folders.
        opt: A folder that is shown as /opt instead.

    Raises:
        PermissionError: This user may not have namespaces.
    """

    def __init__(self, folder: Path, image: Mapping[str, bytes], opt: Path | None = None) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="namespaces")
        try:
            self.network = self.run(_enter, folder, image, opt)
        except OSError:
            self.close()
            raise

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *function* inside."""
        return self._thread.submit(function, *args, **kwargs).result()

    def processes(self) -> list[int]:
        """The pids of the processes inside, those that have ended excepted."""
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and self._holds(pid)]

    def _holds(self, pid: str) -> bool:
        try:
            return os.readlink(f"/proc/{pid}/ns/net") == self.network
        except OSError:
            return False

    def close(self) -> None:
        """Leave; with its last process everything inside is gone."""
        self._thread.shutdown()


def _enter(folder: Path, image: Mapping[str, bytes], opt: Path | None) -> str:
    """Have the calling thread live in new namespaces; the identity of the network."""
    _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET), "unshare")
    _check(_libc.mount(None, b"/", None, _MS_PRIVATE_AND_BELOW, None), "/")
    _bring_loopback_up()
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1\tlocalhost\n")
    _check(_libc.mount(bytes(hosts), b"/etc/hosts", None, _MS_BIND, None), "/etc/hosts")
    for path, content in image.items():
        file = folder / "image" / path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755)
    for top in {path.split("/")[1] for path in image}:
        # Without an upper layer: this works on top of a container's own overlay too.
        layers = f"lowerdir={folder}/image/{top}:/{top}"
        _check(_libc.mount(b"overlay", f"/{top}".encode(), b"overlay", 0, layers.encode()), f"/{top}")
    if opt is not None:
        _check(_libc.mount(bytes(opt), b"/opt", None, _MS_BIND, None), "/opt")
    return os.readlink("/proc/thread-self/ns/net")


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def _check(result: int, subject: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), subject)
