"""One place of the fake world and somebody who watches it, for tests that say the same of many platforms."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.histories import Life
from tests.histories_places import PLACES


@pytest.fixture
def life(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Life]:
    """The place is the parameter: `tests.collectors.places.at`."""
    (place,) = (place for place in PLACES if place.name == request.param)
    world = World()
    with serve(world):
        found = Life(
            replace(place, communities=place.communities[:1]),
            world,
            database_url,
            tmp_path,
            Random(1),  # noqa: S311
        )
        yield found
        found.close()
