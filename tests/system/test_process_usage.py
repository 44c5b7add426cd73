import os
import subprocess
import sys

from supervisor.system.process_usage import own_usage, usage_of_family
from supervisor.telemetry.reading import Usage

BURN = "n = 0\nwhile sum({}) < 0.2: n += 1\n"
MEGABYTES = "memory = b'x' * 2 ** 26\n"
SAY = "print('done', flush=True)\ninput()\n"

ALONE = "import os\n" + BURN.format("os.times()[:2]") + MEGABYTES + SAY
WITH_A_CHILD = (
    "import sys\n"
    "from subprocess import PIPE, Popen\n"
    f"child = Popen([sys.executable, '-S', '-c', {ALONE!r}], stdin=PIPE, stdout=PIPE)\n"
    "child.stdout.readline()\n" + SAY + "child.communicate()\n"
)


def usage_when_done(script: str) -> Usage:
    """What a process has used that has burnt 0.2 s and holds 64 MB, or whose child has."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        usage = usage_of_family(process.pid)
        process.communicate(b"\n")
    return usage


def test_a_process_is_known_by_its_time_and_its_memory() -> None:
    cpu_seconds, resident, peak = usage_when_done(ALONE)

    assert 0.2 <= cpu_seconds < 30
    assert 2**26 <= resident <= peak < 2**28


def test_a_process_is_counted_together_with_its_descendants() -> None:
    cpu_seconds, resident, _ = usage_when_done(WITH_A_CHILD)

    assert cpu_seconds >= 0.2
    assert resident >= 2**26


def test_a_process_that_is_gone_has_used_nothing() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        pass

    assert usage_of_family(process.pid) == (0.0, 0, 0)


def test_what_our_children_have_used_is_not_ours() -> None:
    before = own_usage()
    subprocess.run([sys.executable, "-S", "-c", ALONE], input=b"\n", stdout=subprocess.DEVNULL, check=True)

    times = os.times()
    assert before.cpu_seconds <= own_usage().cpu_seconds <= times.user + times.system + 0.1
