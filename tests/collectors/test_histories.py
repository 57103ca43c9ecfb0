"""Promise 1, for histories that nobody thought of: whatever happens in whichever order, the end is the true state."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations, product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from overheard.db import Sessions
from overheard.listening.intake import Erased, Item, take_in
from overheard.listening.posts import NewPost
from overheard.models import Post
from overheard.vocabulary import Platform
from tests.fakeworld.model import NOW, World
from tests.fakeworld.server import serve
from tests.histories import Life
from tests.histories_places import PLACES, Place

# The same histories in every run, as new ones are for `make soak`; and the story is told in full, which is quicker
# than making it shorter.
few = settings(max_examples=2, deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate))

_ACTS = ("people", "people", "people", "go_wrong", "collect", "collect", "crash")


def live(place: Place, template: Path, rng: Random, acts: Sequence[str]) -> None:
    """One history, and a clean end."""
    world = World()
    with TemporaryDirectory() as folder, serve(world):
        path = Path(folder) / "overheard.db"
        path.write_bytes(template.read_bytes())
        life = Life(place, world, f"sqlite:///{path}", Path(folder), rng)
        try:
            for act in acts:
                getattr(life, act)()
            report = life.settle()
        finally:
            life.close()
        assert report.is_clean, f"{report}\n{life}"


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
@few
@given(rng=st.randoms(use_true_random=False), acts=st.lists(st.sampled_from(_ACTS), min_size=5, max_size=14))
def test_whatever_goes_wrong_the_end_is_the_true_state(
    place: Place, sqlite_template: Path, rng: Random, acts: list[str]
) -> None:
    live(place, sqlite_template, rng, acts)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_killed_now_and_then_the_end_is_the_true_state(place: Place, sqlite_template: Path) -> None:
    rng = Random(1)  # noqa: S311 - nothing is secret
    live(place, sqlite_template, rng, ("people", "people", "kill", "people", "kill", "go_wrong", "kill"))


# --- deliveries in any order, at the door through which all of them come ----------------------------------------------


def deliveries(external_id: str) -> list[Item]:
    """A life: written, edited twice, deleted."""
    texts = ("as written", "edited once", "edited twice")
    versions = [
        NewPost(
            platform=Platform.OTHER,
            community="there",
            external_id=external_id,
            title="",
            body=text,
            posted_at=NOW,
            as_of=NOW + timedelta(minutes=minutes),
        )
        for minutes, text in enumerate(texts)
    ]
    return [*versions, Erased(Platform.OTHER, external_id)]


def batches(items: Sequence[Item], cuts: Sequence[bool]) -> list[list[Item]]:
    """The items in order, a new batch beginning where a cut is."""
    found: list[list[Item]] = [[]]
    for item, is_cut in zip(items, (False, *cuts), strict=True):
        if is_cut:
            found.append([])
        found[-1].append(item)
    return found


@pytest.mark.parametrize("is_twice", [False, True])
def test_deliveries_end_alike_in_any_order_and_in_any_batches(sessions: Sessions, is_twice: bool) -> None:
    cuts_of_three = ((False, False, False), (False, True, False), (True, True, True))
    cases = list(product(permutations(range(4)), cuts_of_three))
    kept = 0
    with sessions.begin() as session:
        for number, (order, cuts) in enumerate(cases):
            for is_deleted in (True, False):
                external_id = f"{number}-{is_deleted}"
                life = deliveries(external_id)
                items = [life[index] for index in order if is_deleted or index < 3]
                for batch in batches(items, cuts[: len(items) - 1]) * (1 + is_twice):
                    take_in(session, batch, origin="test", now=NOW)
                kept += not is_deleted
    with sessions() as session:
        rows = session.execute(sa.select(Post.external_id, Post.body)).all()
    assert {body for _, body in rows} == {"edited twice"}
    assert len(rows) == kept == len(cases)
    assert all(external_id.endswith("False") for external_id, _ in rows)
