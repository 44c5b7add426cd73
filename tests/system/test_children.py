import errno
import fcntl
import gc
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from supervisor.system.children import Child, Outputs, disinherit, launch
from supervisor.system.launch_errors import WorkingDirectoryError, launch_error_text, missing_bootstrap_text

ACTORS = Path(__file__).parents[1] / "actors"
SURROUNDINGS = [sys.executable, "-I", str(ACTORS / "surroundings.py")]

OTHER_MACHINE = 0x2A
"""Hitachi SH, in the header of an executable."""


class Run:
    """A child with both of its outputs in one pipe."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str] | None = None, cwd: str = "/") -> None:
        self._output, write_end = os.pipe()
        self._reader = os.fdopen(self._output, "rb")
        try:
            self.child: Child = launch(argv, environ or {}, cwd, Outputs(write_end, os.dup(write_end)))
        except OSError:
            self._reader.close()
            raise

    def line(self) -> bytes:
        return self._reader.readline()

    def end(self) -> tuple[bytes, int]:
        with self._reader:
            return self._reader.read(), os.waitstatus_to_exitcode(os.waitpid(self.child.pid, 0)[1])


def launch_error(argv: Sequence[str], environ: Mapping[str, str] | None = None, cwd: str = "/") -> OSError:
    with pytest.raises(OSError, match=r"\[Errno \d+\]") as caught:
        Run(argv, environ, cwd)
    return caught.value


def script(path: Path, content: str | bytes, mode: int = 0o755) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return str(path)


def test_a_child_gets_its_arguments_its_directory_and_its_environment_alone(tmp_path: Path) -> None:
    os.environ["OF_THE_SUPERVISOR"] = "1"
    try:
        output, code = Run([*SURROUNDINGS, "a b", ""], {"ONE": "1", "EMPTY": "", "TEXT": "a\nb"}, str(tmp_path)).end()
    finally:
        del os.environ["OF_THE_SUPERVISOR"]

    seen = json.loads(output)
    # Python itself adds the locale that it chose.
    environ = {name: value for name, value in seen["environ"].items() if name != "LC_CTYPE"}
    assert code == 0
    assert (seen["argv"], seen["cwd"]) == (["a b", ""], str(tmp_path))
    assert environ == {"ONE": "1", "EMPTY": "", "TEXT": "a\nb"}


def test_a_child_leads_a_group_and_has_three_descriptors_and_no_input() -> None:
    inheritable, *others = os.pipe()
    os.set_inheritable(inheritable, True)
    disinherit()
    try:
        seen = json.loads(Run(SURROUNDINGS).end()[0])
    finally:
        for fd in (inheritable, *others):
            os.close(fd)

    assert seen["leads_group"]
    assert (seen["descriptors"], seen["stdin"]) == ([0, 1, 2], "")
    assert seen["blocking"] == [True, True]


OF_THE_C_LIBRARY = 0b11 << 31
"""Signals 32 and 33. Whoever was started by posix_spawn may have them ignored, and no program can change that."""


def test_a_child_starts_with_no_signal_blocked_and_none_ignored() -> None:
    program = f"""if True:
        import os, signal, sys
        sys.path.insert(0, {str(ACTORS.parents[1])!r})
        from supervisor.system.children import Outputs, disinherit, launch
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGCHLD, signal.SIGTERM])
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD, signal.SIGRTMIN):
            signal.signal(number, signal.SIG_IGN)
        disinherit()
        child = launch(["cat", "/proc/self/status"], {{}}, "/", Outputs(os.dup(1), os.dup(2)))
        os.kill(os.getpid(), signal.SIGHUP)
        os.waitpid(child.pid, 0)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    masks = dict(line.split(":\t") for line in done.stdout.splitlines() if line.startswith("Sig"))
    assert [int(masks[name], 16) & ~OF_THE_C_LIBRARY for name in ("SigBlk", "SigIgn", "SigCgt")] == [0, 0, 0]


def test_a_command_word_is_looked_up_in_the_childs_own_path(tmp_path: Path) -> None:
    (tmp_path / "first" / "hello").mkdir(parents=True)
    (tmp_path / "second").mkdir()
    (tmp_path / "third").mkdir()
    script(tmp_path / "second" / "hello", "#!/bin/sh\necho second", mode=0o644)
    script(tmp_path / "third" / "hello", "#!/bin/sh\necho third $0")
    path = f"{tmp_path}/none:{tmp_path}/first:{tmp_path}/second:third"

    # A folder and a file that may not be executed are passed over; a relative entry starts at the child's directory.
    assert Run(["hello"], {"PATH": path}, str(tmp_path)).end() == (f"third {tmp_path}/third/hello\n".encode(), 0)


def test_a_child_sees_the_command_word_as_it_was_written() -> None:
    assert Run(["sh", "-c", "tr '\\0' '\\n' < /proc/$$/cmdline"], {"PATH": "/bin"}).end()[0].startswith(b"sh\n-c\n")


def test_a_path_with_a_slash_is_used_as_it_is(tmp_path: Path) -> None:
    script(tmp_path / "hello", "#!/bin/sh\necho here")

    assert Run(["./hello"], {}, str(tmp_path)).end() == (b"here\n", 0)


def test_lambda_words_for_what_cannot_be_executed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder)
    elf = Path(sys.executable).resolve().read_bytes()[:4096]
    plain = script(tmp_path / "plain", "#!/bin/sh\n", mode=0o644)
    empty_words = script(tmp_path / "words", "no interpreter is named\n")
    lost = script(tmp_path / "lost", "#!/no/such/interpreter\n")
    windows = script(tmp_path / "windows", "#!/bin/sh\r\necho\r\n")
    foreign = script(tmp_path / "foreign", elf[:18] + bytes([OTHER_MACHINE, 0]) + elf[20:])

    expected = {
        "/no/such/file": "no such file or directory",
        f"{plain}/below": "not a directory",
        plain: "permission denied",
        str(folder): "permission denied",
        str(link): "permission denied",
        empty_words: "exec format error",
        foreign: "exec format error",
        lost: "no such file or directory",
        windows: "no such file or directory",
    }
    texts = {path: launch_error_text(launch_error([path])) for path in expected}

    assert texts == {path: f"fork/exec {path}: {reason}" for path, reason in expected.items()}


def test_lambda_words_for_a_command_word_that_is_not_found() -> None:
    error = launch_error(["app.handler"], {"PATH": "/bin:/usr/bin"})

    assert isinstance(error, FileNotFoundError)
    assert launch_error_text(error) == 'exec: "app.handler": executable file not found in $PATH'


def test_arguments_that_are_too_long_are_told() -> None:
    too_long = "x" * (4 * 1024 * 1024)

    assert launch_error_text(launch_error(["/bin/true", too_long])) == "fork/exec /bin/true: argument list too long"


def test_a_launch_that_fails_before_the_program_is_touched_names_it_too() -> None:
    # Room for /dev/null, and for nothing after it.
    program = f"""if True:
        import os, resource, sys
        sys.path.insert(0, {str(ACTORS.parents[1])!r})
        from supervisor.system.children import Outputs, launch
        from supervisor.system.launch_errors import launch_error_text
        stdout, stderr = os.dup(1), os.dup(1)
        resource.setrlimit(resource.RLIMIT_NOFILE, (stderr + 2, stderr + 2))
        try:
            launch(["true"], {{"PATH": "/bin"}}, "/", Outputs(stdout, stderr))
        except OSError as error:
            print(launch_error_text(error))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert done.stdout == "fork/exec /bin/true: too many open files\n"


def test_a_missing_working_directory_is_told_apart_from_a_missing_program(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    file = script(tmp_path / "file", "#!/bin/sh\n")

    missing = launch_error([file], cwd=str(folder))
    no_folder = launch_error([file], cwd=file)
    no_program = launch_error([str(tmp_path)], cwd=str(tmp_path))

    assert isinstance(missing, WorkingDirectoryError)
    assert launch_error_text(missing) == f"the working directory doesn't exist: {folder}"
    assert isinstance(no_folder, WorkingDirectoryError)
    assert launch_error_text(no_folder) == f"the working directory can't be entered: {file}: not a directory"
    assert not isinstance(no_program, WorkingDirectoryError)
    assert launch_error_text(no_program) == f"fork/exec {tmp_path}: permission denied"


def test_rare_errors_have_the_same_words() -> None:
    assert launch_error_text(OSError(errno.ELOOP, "Symbolic link loop", "/x")) == (
        "fork/exec /x: too many levels of symbolic links"
    )
    assert launch_error_text(OSError(errno.EPROTO, "", "/x")) == "fork/exec /x: protocol error"
    assert missing_bootstrap_text(["/var/task/bootstrap", "/opt/bootstrap"]) == (
        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    )


@pytest.mark.parametrize(("program", "cwd"), [("/bin/true", "/"), ("/no/such", "/"), ("/bin/true", "/no/such")])
def test_the_outputs_are_taken_over_whatever_happens(program: str, cwd: str) -> None:
    read_end, write_end = os.pipe()
    other = os.dup(write_end)
    with suppress(OSError):
        os.waitpid(launch([program], {}, cwd, Outputs(write_end, other)).pid, 0)

    for fd in (write_end, other):
        with pytest.raises(OSError, match="Bad file descriptor"):
            fcntl.fcntl(fd, fcntl.F_GETFD)
    os.close(read_end)


def test_nobody_but_the_reaper_waits_for_a_child() -> None:
    run = Run(["sh", "-c", "exit 7"], {"PATH": "/bin"})
    gc.collect()
    later = Run(["true"], {"PATH": "/bin"})

    # Had a forgotten Popen waited, the status would be gone.
    assert run.end() == (b"", 7)
    assert later.end() == (b"", 0)


def test_a_signal_reaches_the_group_and_not_just_the_leader() -> None:
    run = Run(["sh", "-c", 'sh -c "echo ready; sleep 1000" & wait'], {"PATH": "/bin"})
    assert run.line() == b"ready\n"

    run.child.signal_group(signal.SIGKILL)

    # The pipe ends only if the grandchild is dead too.
    assert run.end() == (b"", -signal.SIGKILL)


def test_a_stubborn_child_outlives_sigterm_and_not_sigkill() -> None:
    run = Run([sys.executable, "-I", str(ACTORS / "stubborn.py")])
    assert run.line() == b"ready\n"

    run.child.signal_group(signal.SIGTERM)
    assert run.line() == b"got SIGTERM\n"
    run.child.signal_group(signal.SIGKILL)

    assert run.end() == (b"", -signal.SIGKILL)


def test_a_signal_to_a_group_that_is_gone_is_nothing() -> None:
    run = Run(["true"], {"PATH": "/bin"})
    run.end()

    run.child.signal_group(signal.SIGTERM)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_device_as_command_is_refused() -> None:
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    assert launch_error_text(launch_error(["/dev/full"])) == "fork/exec /dev/full: permission denied"
