"""Lets a file that counts what of it runs how often do what is measured, so that the next file is compiled for that.

`docker/profile/train` calls it.
"""

import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contestants import Contestant, Running, all_cpus, places
from bench.measurements import CLIENTS, EXTENSIONS, SIZES
from bench.programs import Programs


def main(file: Path, folder: Path) -> None:
    """Let *file* work with every number of extensions; the counts of each are in *folder* then."""
    with TemporaryDirectory() as compiled:
        programs = Programs.compile(Path(compiled))
        for extensions in EXTENSIONS:
            environ = {"SUPERVISOR_SNAPSHOT": "off", "LLVM_PROFILE_FILE": str(folder / f"{extensions}.profraw")}
            trained = Contestant(file.name, [str(file)], environ)
            with places([trained], programs, extensions, all_cpus()) as opened:
                running = opened[file.name].start()
                _work(running)
                running.stop(signal.SIGTERM)


def _work(running: Running) -> None:
    running.load(1, SIZES["1 KB"], invocations=10_000)
    running.load(CLIENTS, SIZES["1 KB"], invocations=2_000)
    running.load(1, SIZES["100 KB"], invocations=1_000)
    running.load(1, SIZES["6 MB"], invocations=20)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
