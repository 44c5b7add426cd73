"""A function with an extension, for the file to run, and their caller: for the scripts of the snapshot."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 300.0
"""Seconds. An emulator on a busy machine needs a minute for the imports alone."""

FUNCTION: Final = """
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None):
    api.request(method, f"/2018-06-01/runtime/invocation/{path}", body)
    answer = api.getresponse()
    return answer.headers, answer.read()
while True:
    headers, event = call("GET", "next")
    answer = {"event": json.loads(event), "environ": dict(os.environ), "id": headers["Lambda-Runtime-Aws-Request-Id"]}
    call("POST", f"{answer['id']}/response", json.dumps(answer))
"""

EXTENSION: Final = """
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, headers, body=None):
    api.request(method, f"/2020-01-01/extension/{path}", body, headers)
    answer = api.getresponse()
    return answer.headers, answer.read()
mine, _ = call("POST", "register", {"Lambda-Extension-Name": "extension"}, '{"events": ["INVOKE", "SHUTDOWN"]}')
identifier = {"Lambda-Extension-Identifier": mine["Lambda-Extension-Identifier"]}
while True:
    event = json.loads(call("GET", "event/next", identifier)[1])["eventType"]
    print("the extension had", event, flush=True)
    if event == "SHUTDOWN":
        break
"""


def free_addresses(count: int) -> list[str]:
    """Addresses where nobody listens, not even the build for another architecture."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return ["{}:{}".format(*one.getsockname()) for one in sockets]


INVOKE_ADDRESS, RUNTIME_API_ADDRESS, METRICS_ADDRESS = free_addresses(3)


def words(folder: Path) -> list[str]:
    """The command line for function and extension; *folder* is empty and becomes that of the extensions."""
    extension = folder / "extension"
    extension.write_text(f"#!{sys.executable}\n{EXTENSION}")
    extension.chmod(0o755)
    return [
        f"--invoke-address={INVOKE_ADDRESS}",
        f"--runtime-api-address={RUNTIME_API_ADDRESS}",
        f"--metrics-address={METRICS_ADDRESS}",
        f"--extensions-dir={folder}",
        *(sys.executable, "-c", FUNCTION),
    ]


def invoke(process: "subprocess.Popen[str]") -> Any:
    """The function's answer, as soon as there is one."""
    url = f"http://{INVOKE_ADDRESS}/2015-03-31/functions/function/invocations"
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, b'{"a": 1}', timeout=PATIENCE) as answer:
                return json.load(answer)
        except (OSError, HTTPException):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # noqa: TID251 -- a port says nothing when it opens
