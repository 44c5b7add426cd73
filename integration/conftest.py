"""What the tests of the whole program are given: environments, and gates for actors that have to wait."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from integration.environments import Environment, Setup, running
from integration.gates import Gate
from integration.namespaces import Namespaces
from integration.subscribers import MakeSubscriber, Subscriber

StartEnvironment = Callable[..., Environment]


@pytest.fixture(scope="session", autouse=True)
def _is_possible_here(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        Namespaces(tmp_path_factory.mktemp("namespaces"), {}).close()
    except PermissionError:
        if os.geteuid() == 0:
            raise
        pytest.skip("namespaces need root: sudo make integration")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[StartEnvironment]:
    """Starts environments with the arguments of `Setup`; each is taken down, and checked, after the test."""
    with ExitStack() as stack:

        def start(*args: Any, **kwargs: Any) -> Environment:
            folder = tmp_path / f"environment-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(running(folder, Setup(*args, **kwargs)))

        yield start


def unfrozen(environment: StartEnvironment) -> StartEnvironment:
    """The same without the freeze, for what would otherwise wait for another invocation."""

    def start(*args: Any, **kwargs: Any) -> Environment:
        return environment(*args, **{**kwargs, "options": ("--no-freeze", *kwargs.get("options", ()))})

    return start


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that is shut."""
    with closing(Gate(tmp_path / "gate")) as gate:
        yield gate


@pytest.fixture
def subscriber(tmp_path: Path) -> Iterator[MakeSubscriber]:
    """Makes subscribers with the arguments of `Subscriber`; comes before `environment`, so that it ends after it."""
    with ExitStack() as stack:

        def make(*args: Any, **kwargs: Any) -> Subscriber:
            return stack.enter_context(closing(Subscriber(tmp_path, *args, **kwargs)))

        yield make
