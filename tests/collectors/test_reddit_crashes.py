"""Promise 1 for Reddit: `kill -9` at any line changes nothing in the end state."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from collectors.run import CollectSummary, collect
from overheard.db import Sessions, make_sessions
from overheard.listening import sources
from overheard.listening.intake import Intake
from overheard.models import Post
from overheard.vocabulary import Platform
from tests.collectors.crashes import Work
from tests.collectors.reddit_watcher import Watcher, comment, settings_for, submit
from tests.collectors.test_crashes import LATER, NOW, Chapter, assert_the_end_is_the_same_wherever_it_is_killed
from tests.fakeworld.model import World
from tests.fakeworld.server import serve

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_pass_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    world = World()
    first = submit(world, 12)
    comment(world, first[0], body="A CRM, I say")
    submit(world, 1, selftext=["garbage"])
    submit(world, 1, author="AutoModerator")
    at_first = world.saved()
    submit(world, 5, title="New, about a CRM")
    comment(world, first[1], body="Try a notebook")
    first[11].extra["removed_by_category"] = "moderator"
    an_hour_later = world.saved()

    with serve(world):
        settings = settings_for(world.url(Platform.REDDIT), tmp_path)

        def it_is(saved: dict[str, object]) -> Callable[[], None]:
            return lambda: world.restore(saved)

        def collect_at(now: datetime) -> Work:
            def work(engine: Engine) -> object:
                sessions = make_sessions(engine)
                with sessions() as session:
                    is_new = not sources.was_ever_watched(session)
                if is_new:
                    Watcher(sessions, World(now), settings).watch()
                return collect(sessions, settings, clock=lambda: now, sleep=lambda _: None)

            return work

        story = Chapter(it_is(at_first), collect_at(NOW)), Chapter(it_is(an_hour_later), collect_at(LATER))
        assert_the_end_is_the_same_wherever_it_is_killed(engine, database_url, *story)


@pytest.mark.parametrize("pages", [1, 2, 4])
def test_a_pass_with_a_gap_that_breaks_off_is_taken_up_without_another(
    sessions: Sessions, tmp_path: Path, pages: int
) -> None:
    world = World()
    with serve(world):
        watcher = Watcher(sessions, world, settings_for(world.url(Platform.REDDIT), tmp_path))
        watcher.watch()
        submit(world, 20)
        watcher.collect()
        burst = submit(world, 1500)
        committed: list[int] = []

        def break_off(summary: CollectSummary) -> None:
            committed.append(summary.left)
            if len(committed) == pages:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            collect(sessions, watcher.settings, clock=watcher.clock, sleep=watcher.waits.append, on_progress=break_off)
        assert watcher.count(Post) == 20 + 200 * pages
        submit(world, 30)
        assert watcher.collect().intake == Intake(new=1030 - 200 * pages)
        assert watcher.report().is_clean
        (gap,) = watcher.gaps()
        assert (gap.first, gap.last) == (burst[0].id, burst[499].id)
