"""Promise 1 on streams and timelines: `kill -9` at any step of a pass changes nothing in the end."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from collectors.run import collect
from overheard.db import make_sessions
from overheard.listening import credentials, sources
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.collectors.bluesky_watcher import settings_for
from tests.collectors.test_crashes import NOW, Chapter, assert_the_end_is_the_same_wherever_it_is_killed
from tests.factories import watch_source
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import bluesky, mastodon

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_stream_that_is_killed_anywhere_ends_as_if_it_had_not_been(engine: Engine, database_url: str) -> None:
    world = World(NOW)

    def write(body: str, author: str = "ann") -> None:
        world.advance(1)
        world.write(Platform.BLUESKY, bluesky.COMMUNITY, body=body, author=author)

    for number in range(4):
        write(f"Which CRM, number {number}?", author=f"writer{number}")
    world.state(bluesky.Bluesky).frames_before[2] = ["not JSON"]
    first = world.saved()

    with serve(world):
        settings = settings_for(world)

        def later() -> None:
            world.restore(first)
            posts = world.posts(Platform.BLUESKY)
            world.advance(60)
            world.edit(posts[0], body="Which CRM, edited?")
            world.delete(posts[1])
            world.delete_author(Platform.BLUESKY, "writer2")
            write("A new one about a CRM")
            world.fail(bluesky.STREAM, faults.SocketFault(after=2))

        def work(engine: Engine) -> object:
            with make_sessions(engine).begin() as session:
                if not sources.was_ever_watched(session):
                    watch_source(
                        session, now=NOW, mode="bluesky", platform=Platform.BLUESKY, community=bluesky.COMMUNITY,
                        options={"keep": "matches"},
                    )  # fmt: skip
            now = NOW + timedelta(hours=1)
            return collect(make_sessions(engine), settings, clock=lambda: now, sleep=lambda _: None)

        story = Chapter(lambda: world.restore(first), work), Chapter(later, work)
        assert_the_end_is_the_same_wherever_it_is_killed(engine, database_url, *story)


def test_a_walk_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    world = World(NOW)
    for number in range(50):
        world.advance(1)
        world.write(Platform.MASTODON, "#crm", body=f"Which CRM, number {number}?", author=f"writer{number}")
    first = world.saved()

    with serve(world):
        settings = Settings(home=tmp_path, http_timeout=5)
        secrets = {"instance": world.url(Platform.MASTODON), "token": mastodon.TOKEN}
        with make_sessions(engine).begin() as session:
            account = credentials.save(session, settings, mode="mastodon", name="ours", secrets=secrets, now=NOW)

        def later() -> None:
            world.restore(first)
            world.advance(60)
            world.edit(world.posts(Platform.MASTODON)[45], body="Which CRM, edited?")
            for number in range(50):
                world.advance(1)
                world.write(Platform.MASTODON, "#crm", body=f"A new one about a CRM: {number}")

        def work(engine: Engine) -> object:
            with make_sessions(engine).begin() as session:
                if not sources.was_ever_watched(session):
                    watch_source(
                        session, now=NOW, mode="mastodon", platform=Platform.MASTODON, community="town.test#crm",
                        address="#crm", credential_id=account,
                    )  # fmt: skip
            return collect(make_sessions(engine), settings, clock=lambda: world.now, sleep=lambda _: None)

        story = Chapter(lambda: world.restore(first), work), Chapter(later, work)
        assert_the_end_is_the_same_wherever_it_is_killed(engine, database_url, *story)
