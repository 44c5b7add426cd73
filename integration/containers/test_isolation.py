"""Nothing of the image gets into the supervisor, and nothing of the supervisor gets into its children."""

import base64
import json
import re
from pathlib import Path

from integration.containers.base_images import BOOKWORM
from integration.containers.conftest import StartContainer
from integration.containers.docker import Container
from integration.containers.images import ACTORS, MakeImage

HOSTILE = {
    "LD_PRELOAD": "/no/such/library.so",
    "LD_LIBRARY_PATH": "/no/such/folder:/evil",
    "PYTHONHOME": "/no/such/folder",
    "PYTHONPATH": "/evil",
    "PYTHONSTARTUP": "/evil/json.py",
    "PYTHONHASHSEED": "no number",
    "PYTHONUTF8": "neither",
    "PYTHONWARNINGS": "error",
    "PYTHONINSPECT": "1",
    "PYTHONVERBOSE": "1",
    "LC_ALL": "xx_XX.ISO-8859-1",
    "LOCPATH": "/evil",
    "TWO_LINES": "one\ntwo\n",
    "EMPTY": "",
    "SPACES": " a  b ",
}
"""What a dynamic program, or a Python that listens to its environment, would not survive."""

SHOW_ENVIRONMENT = "/bin/busybox base64 -w 0 /proc/$$/environ; echo; exec /bin/busybox sleep 1000000"

SAME_AS_WITHOUT_US = r"^(SigQ|SigBlk|SigIgn|SigCgt|Umask|Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp):"
"""Lines of /proc/PID/status that say with what a process has been started; the number of pending signals apart."""


def environment_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")[:-1]


def test_variables_do_nothing_to_the_supervisor_and_reach_the_children_byte_for_byte(
    image: MakeImage, container: StartContainer, tmp_path: Path
) -> None:
    for name in ("sitecustomize", "json", "trio", "supervisor"):
        tmp_path.joinpath(f"{name}.py").write_text("print('evil', flush=True)\n")
    options = [f"--volume={tmp_path}:/evil:ro", *(f"--env={name}={value}" for name, value in HOSTILE.items())]
    subject = container(image(BOOKWORM), ["/bin/busybox", "sh", "-c", SHOW_ENVIRONMENT], options)

    childs = base64.b64decode(subject.wait_for("^[A-Za-z0-9+/=]{100,}$").string).split(b"\0")[:-1]

    ours = environment_of(subject.pid)
    assert {f"{name}={value}".encode() for name, value in HOSTILE.items()} <= set(ours)
    assert [entry for entry in childs if entry in ours] == ours
    added = {entry.partition(b"=")[0].decode() for entry in childs} - {
        entry.partition(b"=")[0].decode() for entry in ours
    }
    assert all(name.startswith(("AWS_", "LAMBDA_", "_")) for name in added), added
    assert "evil" not in subject.output.text
    assert subject.stop() == 0


def test_a_dynamic_child_is_given_the_images_libraries_to_load(image: MakeImage, container: StartContainer) -> None:
    subject = container(image(BOOKWORM), ["/bin/bash", "-c", "echo started"], ["--env=LD_PRELOAD=/no/such/library.so"])

    subject.wait_for("^ERROR: ld.so: object '/no/such/library.so' from LD_PRELOAD cannot be preloaded")
    subject.wait_for("^started$")


def test_a_child_is_started_like_anything_that_docker_starts(image: MakeImage, container: StartContainer) -> None:
    words = ["/bin/busybox", "cat", "/proc/self/status", "/proc/self/oom_score_adj", "/proc/self/limits"]
    options = ["--oom-score-adj=300", "--ulimit=nofile=2000:3000", "--ulimit=core=0"]
    without = container(image(BOOKWORM), words[1:], [*options, f"--entrypoint={words[0]}"])
    assert without.wait() == 0

    subject = container(image(BOOKWORM), words, options)
    subject.wait_for("^Max realtime timeout")

    assert told_by(subject) == told_by(without)
    assert "300" in subject.lines


def told_by(container: Container) -> list[str]:
    """What the two must have in common, of the lines that `cat` printed."""
    lines = [re.sub(r"^(SigQ:\t)\d+", r"\1", line) for line in container.lines]
    return [line for line in lines if re.match(rf"{SAME_AS_WITHOUT_US}|^Max |^-?\d+$", line)]


def test_what_a_child_is_started_with(image: MakeImage, container: StartContainer) -> None:
    subject = container(image(BOOKWORM), [*ACTORS, "/actors/surroundings.py", "a word", ""], ["--workdir=/actors"])

    seen = json.loads(subject.wait_for(r"^\{.*\}$").string)

    assert seen["argv"] == ["a word", ""]
    assert seen["cwd"] == "/actors"
    assert seen["leads_group"]
    assert seen["descriptors"] == [0, 1, 2, int(seen["environ"]["_LAMBDA_TELEMETRY_LOG_FD"])]
    assert seen["blocking"] == [True, True]
    assert seen["stdin"] == ""
