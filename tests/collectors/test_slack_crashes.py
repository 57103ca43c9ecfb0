"""Promise 1 for Slack: `kill -9` at any line changes nothing in the end state."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from collectors.run import collect
from overheard.db import make_sessions
from overheard.listening import sources
from overheard.models import Delivery
from overheard.vocabulary import Platform
from tests.collectors.crashes import Work
from tests.collectors.slack_live import TOLD, SlackLive, events, say
from tests.collectors.test_crashes import LATER, NOW, Chapter, assert_the_end_is_the_same_wherever_it_is_killed
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import slack as wire


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_pass_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    world = World()
    world.state(wire.Slack).most = 3
    written = [say(world, f"Which CRM? {number}") for number in range(5)]
    say(world, "This one", parent=written[1])
    say(world, text=["garbage"])
    at_first, seq = world.saved(), len(world.changes)
    world.advance(1800)
    say(world, "Another CRM")
    late = say(world, "That one", parent=written[1])
    world.edit(written[0], body="Which CRM, please?")
    world.delete(written[2])
    an_hour_later, pushed = world.saved(), events(world, seq)
    assert late.id in str(pushed)

    def it_is(saved: dict[str, object]) -> Callable[[], None]:
        return lambda: world.restore(saved)

    def collect_at(now: datetime, heard: list[dict[str, object]]) -> Work:
        def work(engine: Engine) -> object:
            sessions = make_sessions(engine)
            live = SlackLive(sessions, World(now), tmp_path, "slack", Platform.SLACK, TOLD)
            live.world.base_url = world.base_url
            with sessions.begin() as session:
                is_new = not sources.was_ever_watched(session)
                if is_new:
                    session.execute(sa.delete(Delivery))
            if is_new:
                live.watch("bakery/#ovens", "C1", {"backfill_days": "7"})
            live.push(*heard)
            return collect(sessions, live.settings, clock=lambda: now, sleep=lambda _: None)

        return work

    with serve(world, [wire.WIRE]):
        story = (
            Chapter(it_is(at_first), collect_at(NOW, [])),
            Chapter(it_is(an_hour_later), collect_at(LATER, pushed[:2])),
        )
        assert_the_end_is_the_same_wherever_it_is_killed(engine, database_url, *story)
