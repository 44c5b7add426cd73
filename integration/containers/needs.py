"""What these tests need of the machine. A test that has to do without is skipped, or fails where CI is set."""

import os

import pytest


def need(there: bool, what_to_do: str) -> None:
    """Go on if it is there."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(what_to_do, pytrace=False)
    pytest.skip(what_to_do)
