"""Runs a function with two extensions under the supervisor, invokes it twice, shuts it down, and shows what happens."""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

FOLDER = Path(__file__).parent
OPTIONS = [
    *("--invoke-address", "127.0.0.1:0", "--runtime-api-address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0"),
    *("--log-level", "info"),
]
RUNTIME = ["python", "-m", "awslambdaric", "handler.greet"]
SETTINGS = {"AWS_LAMBDA_FUNCTION_NAME": "greeter", "AWS_LAMBDA_FUNCTION_TIMEOUT": "10"}
SHOWN_METRICS = r"^lambda_(invocations|billed|init|duration).*(total|sum).* .*[1-9]"
SHOWN_HEADERS = ("x-amzn-RequestId", "X-Amz-Executed-Version", "X-Amz-Function-Error")


class Supervisor:
    """The supervisor as a process, with all that it and its children write."""

    def __init__(self) -> None:
        words = ["supervisor", "--extensions-dir", "extensions", *OPTIONS, *RUNTIME]
        say(f"$ {shlex.join(words)}")
        own_programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=FOLDER,
            env=os.environ | SETTINGS | {"AWS_LAMBDA_RUNTIME_API": "", "PATH": own_programs},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def show_until(self, pattern: str) -> str:
        """Show what is written, up to the first line in which *pattern* is found; what its group matched."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            say(f"| {line.rstrip()}")
            if match := re.search(pattern, line):
                return match[match.re.groups]
        sys.exit("The supervisor ended too early; its last lines say why.")

    def show_the_end(self) -> int:
        """Show the rest; the exit code."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            say(f"| {line.rstrip()}")
        return self.process.wait()


def say(line: str = "") -> None:
    print(f"   {line}".rstrip(), flush=True)


def caption(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n", flush=True)


def invoke(address: str, event: object) -> None:
    url = f"http://{address}/2015-03-31/functions/greeter/invocations"
    payload = json.dumps(event)
    say(f"$ curl --include --data {shlex.quote(payload)} {url}")
    say()
    with urllib.request.urlopen(url, payload.encode()) as response:
        say(f"HTTP/1.1 {response.status} {response.reason}")
        for name in SHOWN_HEADERS:
            if name in response.headers:
                say(f"{name}: {response.headers[name]}")
        say(response.read().decode())
    say()


def scrape(url: str) -> None:
    say(f"$ curl {url} | grep -E '{SHOWN_METRICS}'")
    with urllib.request.urlopen(url) as response:
        for line in response.read().decode().splitlines():
            if re.match(SHOWN_METRICS, line):
                say(line)
    say()


def main() -> int:
    caption("1. Init: the extensions are started and register, then the runtime loads handler.py.")
    supervisor = Supervisor()
    try:
        address = supervisor.show_until(r"The function is invoked at (\S+)$")
        metrics = supervisor.show_until(r"Metrics are at (\S+)$")
        supervisor.show_until(r"^EXTENSION\tName: invocation-counter")

        caption(
            "2. Invoke: the caller gets the function's answer; the extensions are told; the log has Lambda's lines."
        )
        invoke(address, {"name": "Ada"})
        supervisor.show_until("^REPORT")

        caption("3. The function fails: as on Lambda that is a 200, with X-Amz-Function-Error and the error as JSON.")
        invoke(address, {})
        supervisor.show_until("^REPORT")

        caption("4. Metrics: what Prometheus would scrape; the page has many more.")
        scrape(metrics)

        caption("5. Shutdown: SIGTERM, as from `docker stop`. The runtime ends first, then the extensions are told.")
        say(f"$ kill -TERM {supervisor.process.pid}")
        supervisor.process.terminate()
        exit_code = supervisor.show_the_end()
    finally:
        supervisor.process.terminate()
        supervisor.process.wait()
    caption(f"The supervisor has ended with exit code {exit_code}.")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
