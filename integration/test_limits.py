"""Lambda's limits, and another user for the function and its extensions."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.conftest import StartEnvironment
from integration.peers import IDLE
from integration.processes import descendants_of, status_of, wait_until
from integration.test_config import run
from supervisor.system.child_group import make_child_group

EATER = """
import http.client, os
from signal import SIGKILL

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    invocation = api.getresponse()
    megabytes, request_id = int(invocation.read()), invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    if not megabytes:
        os.kill(os.getpid(), SIGKILL)
    held = b"x" * (megabytes << 20)
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", b"{}")
    api.getresponse().read()
"""

DESCRIBE = """
grep -E '^(Uid|Gid|Groups|NoNewPrivs|CapEff):' /proc/self/status | tr '\\t\\n' '  '
echo
echo files $(ulimit -Sn) $(ulimit -Hn)
file=$(mktemp) && echo to a file of its own > "$file" && rm "$file" && echo wrote to /tmp
echo to standard error > /dev/stderr
printf '\\245\\132\\000\\001\\000\\000\\000\\006framed' > /dev/fd/$_LAMBDA_TELEMETRY_LOG_FD
exec sleep infinity
"""
"""A runtime that tells what it is, and writes wherever it may. The last line is one frame of awslambdaric's log."""

EXTENSION = b"""#!/bin/sh
echo extension uid $(id -u) gid $(id -g)
exec sleep infinity
"""


@pytest.fixture
def _groups_are_possible() -> None:
    group = make_child_group(64 << 20, 64)
    group.remove()
    if group.obstacles:
        pytest.skip(f"this machine lets nobody make a control group: {group.obstacles[0]}")


@pytest.mark.usefixtures("_groups_are_possible")
@pytest.mark.rule("lifecycle/out-of-memory")
@pytest.mark.rule("lifecycle/plain-kill")
def test_out_of_memory_is_told_apart_from_a_kill(environment: StartEnvironment, tmp_path: Path) -> None:
    (tmp_path / "eater.py").write_text(EATER)
    command = ["python3", str(tmp_path / "eater.py")]
    env = environment(command=command, options=["--lambda-limits"], environ={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"})

    assert env.invoke(b"30").body == b"{}"
    out_of_memory, killed = env.invoke(b"500").json(), env.invoke(b"0").json()

    for error, error_type in ((out_of_memory, "Runtime.OutOfMemory"), (killed, "Runtime.ExitError")):
        assert isinstance(error, dict)
        assert error["errorType"] == error_type
        assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    env.wait_for("^supervisor: The kernel killed the runtime for want of memory.$")
    used = [int(env.wait_for(r"\tMax Memory Used: (\d+) MB\t", nth)[1]) for nth in (1, 2)]
    assert 30 <= used[0] < 128
    assert used[1] == 128
    env.wait_for(r"^REPORT .*\tStatus: error\tError Type: Runtime\.OutOfMemory$")


@pytest.mark.rule("lifecycle/lambda-limits")
def test_with_the_limits_of_lambda_a_process_has_1024_descriptors(environment: StartEnvironment) -> None:
    env = environment(command=["sh", "-c", DESCRIBE], options=["--lambda-limits"])

    env.wait_for("^files 1024 1024$")


@pytest.mark.usefixtures("_groups_are_possible")
def test_no_control_group_is_left_behind(environment: StartEnvironment) -> None:
    env = environment(options=["--lambda-limits"])
    env.invoke()
    (runtime,) = (pid for pid in descendants_of(env.pid) if "runtime.py" in Path(f"/proc/{pid}/cmdline").read_text())
    groups = {line.rpartition(":")[2] for line in Path(f"/proc/{runtime}/cgroup").read_text().splitlines()}
    made = [group for group in groups if "/lambda-" in group]
    assert made

    env.terminate()

    assert not [found for group in made for found in Path("/sys/fs/cgroup").glob(f"*{group}")]


@pytest.fixture
def group_of_version_2() -> Iterator[Path]:
    """A control group in which nobody is yet, and which may limit its members."""
    tree = Path("/sys/fs/cgroup")
    control = tree / "cgroup.subtree_control"
    if not control.exists() or not {"memory", "pids"} <= set(control.read_text().split()):
        pytest.skip("this machine has no control groups of version 2 with memory and pids")
    group = tree / f"test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"this machine lets nobody make a control group: {error}")
    yield group
    for folder in (group / "supervisor", group):
        if folder.exists():
            # The kernel forgets a process a moment after it was reaped.
            wait_until(lambda: "populated 0" in (group / "cgroup.events").read_text(), lambda: f"{group} has members")
            folder.rmdir()


ALONE_IN_GROUP = """
echo $$ > "$1/cgroup.procs" && shift
exec unshare --cgroup --mount sh -c 'umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh "$@"
"""


@pytest.mark.rule("lifecycle/lambda-limits")
@pytest.mark.rule("lifecycle/out-of-memory")
def test_alone_in_a_control_group_of_version_2_memory_and_processes_are_limited(
    group_of_version_2: Path, environment: StartEnvironment, tmp_path: Path
) -> None:
    """As in a container. The supervisor has to leave the group before its children can have limits of their own."""
    (tmp_path / "eater.py").write_text(EATER)
    env = environment(
        command=["python3", str(tmp_path / "eater.py")],
        before=["sh", "-c", ALONE_IN_GROUP, "sh", str(group_of_version_2)],
        options=["--lambda-limits"],
        environ={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"},
    )

    assert env.invoke(b"30").body == b"{}"
    (children,) = group_of_version_2.glob("lambda-*")
    limits = [(children / name).read_text().strip() for name in ("memory.max", "memory.swap.max", "pids.max")]
    error = env.invoke(b"500").json()

    assert limits == [str(128 << 20), "0", "1024"]
    assert isinstance(error, dict)
    assert error["errorType"] == "Runtime.OutOfMemory"
    used = [int(env.wait_for(r"\tMax Memory Used: (\d+) MB\t", nth)[1]) for nth in (1, 2)]
    assert 30 <= used[0] < used[1] == 128
    assert not any("cannot limit" in line for line in env.lines)
    assert env.terminate() == 0
    assert not children.exists()


@pytest.mark.rule("lifecycle/user")
def test_the_function_runs_as_the_user_that_is_asked_for_and_writes_wherever_it_may(
    environment: StartEnvironment,
) -> None:
    env = environment(command=["sh", "-c", DESCRIBE], options=["--user", "993:990"])

    assert env.wait_for("^Uid:.*$")[0].split() == [
        *("Uid:", "993", "993", "993", "993", "Gid:", "990", "990", "990", "990", "Groups:"),
        *("CapEff:", "0" * 16, "NoNewPrivs:", "1"),
    ]
    env.wait_for("^wrote to /tmp$")
    env.wait_for("^to standard error$")
    env.wait_for("^framed$")


@pytest.mark.rule("lifecycle/user")
def test_an_extension_runs_as_that_user_too(environment: StartEnvironment) -> None:
    env = environment(image={"/opt/extensions/mine": EXTENSION}, options=["--user", "993:990"])

    env.wait_for("^extension uid 993 gid 990$")


def test_the_supervisor_keeps_its_own_user(environment: StartEnvironment) -> None:
    env = environment(["pause"], extensions={"mine": IDLE}, options=["--user", "993:990"])

    assert status_of(env.pid)["Uid"].split() == ["0"] * 4
    # And it can end what runs as somebody else.
    assert env.terminate() == 0


@pytest.mark.parametrize("option", ["nobody-here", "nobody-here:5"])
def test_a_user_that_is_not_in_the_image_is_told_in_one_line(tmp_path: Path, option: str) -> None:
    result = run(tmp_path, "--user", option, "echo", "started")

    assert result.stderr == (f"supervisor: --user '{option}': /etc/passwd has no such user; give the number UID:GID\n")
    assert (result.returncode, result.stdout) == (2, "")


def test_without_the_rights_to_change_the_user_everything_runs_and_one_line_says_so(
    environment: StartEnvironment,
) -> None:
    drop = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"]
    env = environment(before=drop, options=["--user", "993:990"])

    assert env.invoke(b"1").body == b"1"
    env.wait_for(
        "^supervisor: --user 993:990 has no effect, and the function and its extensions run as user 0: the supervisor "
        r"lacks CAP_KILL, CAP_SETGID, CAP_SETUID\. Start it as root"
    )


def test_where_there_are_no_control_groups_one_line_says_what_is_not_limited(
    environment: StartEnvironment,
) -> None:
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys && exec "$@"', "sh"]
    env = environment(before=hide, options=["--lambda-limits"], environ={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"})

    assert env.invoke(b"1").body == b"1"
    env.wait_for(
        r"^supervisor: --lambda-limits cannot limit the children to 256 MB of memory and 1024 processes: .*\. "
        r"Limit the container instead: docker run --memory 256m --pids-limit 1024\.$"
    )
