"""Promise 1: `kill -9` at any line changes nothing in the end state."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from collectors.importing import import_file
from collectors.run import collect
from overheard.db import make_sessions
from overheard.listening import sources
from overheard.models import DeadLetter, FileImport, Gap, Match, Post, Revisit, Source, Tombstone
from overheard.vocabulary import Platform, PostKind
from tests.collectors.crashes import Work, counted, end_state, killed_at
from tests.collectors.files import own_row, reddit_row, write_jsonl
from tests.collectors.test_hackernews import settings_for
from tests.factories import make_campaign, watch_source
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires.hackernews import reserve, write

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)

# Children before parents.
WRITTEN = (Match, Post, Gap, Revisit, Source, Tombstone, DeadLetter, FileImport)


def forget(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in WRITTEN:
            connection.execute(sa.delete(table))


class Chapter(NamedTuple):
    """What happens in the world, and what we do then, of which the process may be killed."""

    happens: Callable[[], None]
    work: Work

    def run(self, engine: Engine) -> None:
        self.happens()
        self.work(engine)


# Kills in one story, spread evenly over its steps. There are hundreds of steps in some: `make soak` goes on from here.
KILLS = 12


def assert_the_end_is_the_same_wherever_it_is_killed(
    engine: Engine, url: str, *story: Chapter, wanted: int = KILLS
) -> None:
    """In each chapter the work is killed at some of its steps and done again, and the story goes on."""
    with make_sessions(engine).begin() as session:
        make_campaign(session, now=NOW, queries={"crm": "crm"})
    with counted(engine) as steps:
        for chapter in story:
            chapter.run(engine)
    stride = max(1, len(steps) // wanted)
    undisturbed = end_state(engine)
    kills = 0
    for index, chapter in enumerate(story):
        for step in count(1, stride):
            forget(engine)
            for before in story[:index]:
                before.run(engine)
            engine.dispose()  # a connection must not be shared with the child
            chapter.happens()
            if not killed_at(step, url, chapter.work):
                break
            kills += 1
            for after in story[index:]:
                after.run(engine)
            assert end_state(engine) == undisturbed, f"killed before step {step} of chapter {index + 1}"
    assert kills >= wanted - 2


def test_an_import_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    rows: list[object] = [own_row(number) for number in range(8)]
    rows[3] = b"not JSON"
    rows += [
        reddit_row(1, selftext="Edited: a CRM, please.", edited=1_784_800_000.0),
        reddit_row(2, selftext="[removed]"),
    ]
    path = write_jsonl(tmp_path / "rows", rows)

    def work(engine: Engine) -> object:
        return import_file(make_sessions(engine), path, clock=lambda: NOW, batch=4)

    assert_the_end_is_the_same_wherever_it_is_killed(engine, database_url, Chapter(lambda: None, work))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_collection_that_is_killed_anywhere_ends_as_if_it_had_not_been(engine: Engine, database_url: str) -> None:
    world = World()
    gone = write(world, body="A CRM for bakers?").id
    write(world, kind=PostKind.SUBMISSION, title="Ask HN: Which CRM?", body="For a bakery")
    reserve(world)  # and never written
    late = str(reserve(world))
    write(world, text=["garbage"])
    first = world.saved()

    with serve(world):
        settings = settings_for(world)

        def at_first() -> None:
            world.restore(first)

        def an_hour_later() -> None:
            world.restore(first)
            write(world, id=late, body="Late, about a CRM")
            doomed = world.find(Platform.HACKERNEWS, gone)
            assert doomed is not None
            world.delete(doomed)
            write(world, body="New, about a CRM")

        def collect_at(now: datetime) -> Work:
            def work(engine: Engine) -> object:
                with make_sessions(engine).begin() as session:
                    if not sources.was_ever_watched(session):
                        watch_source(session, now=now)
                return collect(make_sessions(engine), settings, clock=lambda: now, sleep=lambda _: None)

            return work

        story = Chapter(at_first, collect_at(NOW)), Chapter(an_hour_later, collect_at(LATER))
        assert_the_end_is_the_same_wherever_it_is_killed(engine, database_url, *story)
