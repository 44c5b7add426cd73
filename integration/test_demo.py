"""The demo, as `make demo` runs it."""

import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from integration.environments import ROOT
from integration.namespaces import Namespaces

ESSENTIAL = (
    r"^1\. Init",
    r"^   \| event-printer: registered$",
    r"^   \| invocation-counter: registered for greeter \(handler\.greet\)$",
    r"^   \| handler\.py is loaded$",
    r"^   \| EXTENSION\tName: invocation-counter\tState: Ready\tEvents: \[INVOKE, SHUTDOWN\]$",
    r"^2\. Invoke",
    r"^   HTTP/1\.1 200 OK$",
    r'^   \{"greeting": "Hello, Ada!", "function": "greeter"\}$',
    r"^   \| START RequestId: ",
    r"^   \| greeting Ada$",
    r"^   \| REPORT RequestId: .*\tInit Duration: ",
    r"^3\. The function fails",
    r"^   X-Amz-Function-Error: Unhandled$",
    r'^   \{"errorMessage": "\'name\'", "errorType": "KeyError", ',
    r"^   \| REPORT RequestId: ",
    r"^4\. Metrics",
    r'^   lambda_invocations_total\{outcome="success"\} 1\.0$',
    r"^5\. Shutdown",
    r"^The supervisor has ended with exit code 0\.$",
)
"""In this order, with whatever in between."""


@pytest.mark.parametrize(
    "place",
    [
        pytest.param([], id="root"),
        # A user namespace leaves no capability outside of it: the user is nobody.
        pytest.param(["unshare", "--user", "--"], id="nobody"),
    ],
)
def test_the_demo_shows_a_whole_life(tmp_path: Path, place: Sequence[str]) -> None:
    with closing(Namespaces(tmp_path, {})) as namespaces:
        demo = [*place, str(ROOT / "examples" / "demo" / "run")]
        result = namespaces.run(
            subprocess.run, demo, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
        )

        assert (result.returncode, result.stderr) == (0, ""), result.stdout
        rest = iter(result.stdout.splitlines())
        missing = [pattern for pattern in ESSENTIAL if not any(re.search(pattern, line) for line in rest)]
        assert not missing, result.stdout
        end = result.stdout.partition("5. Shutdown")[2]
        assert "invocation-counter: 2 invocations until spindown" in end
        assert re.search(r'event-printer: \{"eventType":"SHUTDOWN",.*"shutdownReason":"spindown"\}', end)
        assert namespaces.processes() == []
