"""A world that is served, and Sam's desk at each place that takes replies."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from overheard.db import Sessions
from overheard.vocabulary import Platform
from tests.collectors.replying.desk import PLACES, Desk
from tests.fakeworld.model import World
from tests.fakeworld.server import serve


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with serve(world):
        yield world


@pytest.fixture(params=[platform.value for platform in PLACES])
def desk(request: pytest.FixtureRequest, sessions: Sessions, world: World, tmp_path: Path) -> Desk:
    """On every platform; `at(…)` names some."""
    return Desk(sessions, world, tmp_path, PLACES[Platform(request.param)])


def at(*platforms: Platform) -> pytest.MarkDecorator:
    """Only there."""
    return pytest.mark.parametrize("desk", [platform.value for platform in platforms], indirect=True)
