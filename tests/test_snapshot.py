"""What a restored process renews. The file itself is tried in integration/test_snapshot.py."""

import subprocess
import sys
from pathlib import Path

SNAPSHOT = Path(__file__).parents[1] / "docker" / "snapshot"

RESTORED = """
import os, random, signal, sys
import snapshot
assert snapshot.prepare() == 0
prepared = [generator.getstate() for generator in snapshot._generators]
snapshot.renew(["new", "words"], {b"NEW": b"variable \\xff"}, [signal.SIGHUP])
"""


def restored(*statements: str) -> str:
    """What these statements print in a process that was prepared with other words, variables and streams."""
    return subprocess.run(
        [sys.executable, "-c", "\n".join((RESTORED, *statements)), "old", "words"],
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


def test_nothing_of_the_former_process_is_left_open_or_running() -> None:
    assert restored("import threading", "print(threading.active_count(), len(os.listdir('/proc/self/fd')))") == "1 4\n"
