"""What a restored process renews. The file itself is tried in integration/test_snapshot.py."""

import subprocess
import sys
from pathlib import Path

SNAPSHOT = Path(__file__).parents[1] / "docker" / "snapshot"
RUNTIME = Path(__file__).parent / "actors" / "runtime.py"

RESTORED = """
import os, random, signal, sys
import snapshot
assert snapshot.prepare() == snapshot.conclude() == 0
prepared = [generator.getstate() for generator in snapshot._generators]
snapshot.renew(["new", "words"], {b"NEW": b"variable \\xff"}, [signal.SIGHUP])
"""


REHEARSED = """
import snapshot
assert snapshot.prepare() == snapshot.rehearse() == snapshot.conclude() == 0
"""

FORKED = """
import os
from supervisor.system.identifiers import new_uuid
new_uuid()
if child := os.fork():
    os.waitpid(child, 0)
print(new_uuid(), flush=True)
"""


def restored(*statements: str) -> str:
    """What these statements print in a process that was prepared with other words, variables and streams."""
    return printed("\n".join((RESTORED, *statements)), "old", "words")


def printed(program: str, *words: str) -> str:
    """What *program* prints, with these words for its command line."""
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        env={"PYTHONPATH": str(SNAPSHOT), "OLD": "variable"},
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def test_words_and_variables_are_those_of_the_new_process() -> None:
    assert restored("print(sys.argv, sys.orig_argv, os.environb)") == (
        "['new', 'words'] ['new', 'words'] environ({b'NEW': b'variable \\xff'})\n"
    )


def test_signals_that_its_starter_ignores_stay_ignored_and_python_handles_the_rest_as_ever() -> None:
    handlers = restored("print(*(signal.getsignal(name) for name in (signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM)))")

    assert handlers == "1 1 0\n"
    assert restored("print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)") == "True\n"


def test_every_generator_of_random_numbers_is_seeded_anew() -> None:
    assert restored(
        "import trio",
        "generators = snapshot._generators",
        "print(random._inst in generators, trio._core._run._r in generators)",
        "print(any(generator.getstate() in prepared for generator in generators))",
    ) == ("True True\nFalse\n")


def test_lives_are_rehearsed_that_leave_nothing_behind() -> None:
    life = ("--once", '{"a": 1}', "--runtime-api-address", "127.0.0.1:0", "--metrics-address", "off")

    assert printed(REHEARSED, *life, sys.executable, str(RUNTIME), "loop") == '{"a": 1}\n' * 3


def test_identifiers_of_a_forked_process_are_its_own() -> None:
    assert len(set(printed(FORKED).split())) == 2


def test_nothing_of_the_former_process_is_left_open_or_running() -> None:
    assert restored("import threading", "print(threading.active_count(), len(os.listdir('/proc/self/fd')))") == "1 4\n"
