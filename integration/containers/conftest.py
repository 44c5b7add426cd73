"""What the tests with Docker are given: containers, of images that are built once for each run of the tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from integration.containers.base_images import can_be_made
from integration.containers.docker import Container, engine_answers
from integration.containers.images import MakeImage, subject
from integration.containers.needs import need

StartContainer = Callable[..., Container]


@pytest.fixture(scope="session", autouse=True)
def _is_possible_here() -> None:
    need(engine_answers(), "no Docker engine with buildx answers: sudo integration/containers/engine start")
    need(can_be_made(), "no base images: install mmdebstrap, or set BASE_IMAGES=public where registries can be reached")


@pytest.fixture(scope="session")
def image() -> MakeImage:
    """Makes the image of `subject`, once for the same arguments."""
    made: dict[tuple[Any, ...], str] = {}

    def make(*args: Any) -> str:
        if args not in made:
            made[args] = subject(*args)
        return made[args]

    return make


@pytest.fixture
def container() -> Iterator[StartContainer]:
    """Starts containers with the arguments of `Container`; they are removed after the test."""
    with ExitStack() as stack:

        def start(*args: Any, **kwargs: Any) -> Container:
            return stack.enter_context(closing(Container(*args, **kwargs)))

        yield start
