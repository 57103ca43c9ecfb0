"""Reddit through its feeds: one question in 65 seconds, and the end of it at the first 403."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from collectors.base import Found, Tools
from collectors.reddit.feed import RedditRss
from collectors.run import CollectSummary, collect
from collectors.sweep import sweep
from overheard.db import Sessions
from overheard.errors import InvalidInput
from overheard.listening.intake import Erased, Intake, take_in
from overheard.listening.sources import add
from overheard.models import Gap, Post, Source, Tombstone
from overheard.settings import Settings
from overheard.vocabulary import Platform, SourceState
from tests.collectors.reddit_watcher import BAKERS, Watcher, settings_for, submit
from tests.factories import watch_source
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires import reddit as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ATOM = {"Content-Type": "application/atom+xml"}


@dataclass
class Follower:
    """Somebody who follows feeds."""

    sessions: Sessions
    world: World
    settings: Settings
    waits: list[float] = field(default_factory=list)

    def watch(self, community: str = BAKERS) -> None:
        with self.sessions.begin() as session:
            watch_source(
                session, mode="reddit-rss", platform=Platform.REDDIT, community=community,
                address=community.replace("r/", ""), now=self.world.now,
            )  # fmt: skip

    def collect(self) -> CollectSummary:
        (summary,) = self.collect_all()
        return summary

    def collect_all(self) -> list[CollectSummary]:
        return collect(self.sessions, self.settings, clock=self.clock, sleep=self.sleep)

    def clock(self) -> datetime:
        return self.world.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.world.advance(seconds)

    def is_clean(self) -> bool:
        return compare(self.world, self.sessions).is_clean

    def posts(self) -> list[Post]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(Post).order_by(Post.id)))

    def source(self) -> Source:
        with self.sessions() as session:
            return session.scalars(sa.select(Source)).one()

    def gaps(self) -> list[Gap]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(Gap)))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def follower(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Follower]:
    with serve(world):
        follower = Follower(sessions, world, settings_for(world.url(Platform.REDDIT), tmp_path))
        follower.watch()
        yield follower


def feed(entry: str) -> faults.Answer:
    text = f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>'
    return faults.Answer(200, text.encode(), ATOM)


# --- what is read -----------------------------------------------------------------------------------------------------


def test_posts_of_a_feed_are_stored_whole_and_once(follower: Follower, world: World) -> None:
    (asked,) = submit(
        world, title="Which CRM & why?", body="For a <small> bakery &amp; two.\n\nAs submitted by my wife."
    )
    submit(world, 5)
    submit(world, body="")
    assert follower.collect().intake == Intake(new=7)
    assert follower.collect().intake == Intake()
    assert follower.is_clean()
    post = follower.posts()[0]
    assert (post.external_id, post.author, post.posted_at) == (
        asked.id,
        "writer",
        asked.written_at.replace(microsecond=0),
    )
    assert post.body == "For a <small> bakery &amp; two.\n\nAs submitted by my wife."
    assert post.permalink == f"https://www.reddit.com/r/x/{asked.id}/"


def test_it_is_the_same_post_as_the_one_that_the_api_gives(follower: Follower, world: World) -> None:
    submit(world, 3)
    follower.collect()
    watcher = Watcher(follower.sessions, world, follower.settings)
    watcher.watch()
    assert watcher.collect().intake == Intake(unchanged=3)
    assert len(follower.posts()) == 3


def test_a_page_without_anything_known_is_a_gap(follower: Follower, world: World) -> None:
    submit(world, 10)
    follower.collect()
    burst = submit(world, 150)
    summary = follower.collect()
    assert (summary.intake, summary.missed) == (Intake(new=100), 1)
    (gap,) = follower.gaps()
    assert (gap.first, gap.last) == (burst[0].id, burst[49].id)
    assert follower.is_clean()


@pytest.mark.parametrize("burst", [1, 24, 25, 90, 99])
def test_a_burst_that_the_page_holds_is_stored_whole(follower: Follower, world: World, burst: int) -> None:
    submit(world, 12)
    follower.collect()
    submit(world, burst)
    summary = follower.collect()
    assert (summary.intake, summary.missed) == (Intake(new=burst), 0)
    assert follower.is_clean()


@pytest.mark.parametrize("id_", ["t3_abc", "https://www.reddit.com/t3_abc"])
def test_the_key_is_the_fullname_however_the_feed_writes_it(follower: Follower, world: World, id_: str) -> None:
    world.fail("rss", feed(f"<entry><id>{id_}</id><title>Which CRM?</title></entry>"))
    follower.collect()
    assert [post.external_id for post in follower.posts()] == ["t3_abc"]


@pytest.mark.parametrize(
    "entry",
    ["<entry/>", "<entry><id>t5_abc</id><title>x</title></entry>", "<entry><id>tag:x</id><title>x</title></entry>"],
)
def test_an_entry_that_is_no_post_is_set_aside(follower: Follower, world: World, entry: str) -> None:
    world.fail("rss", feed(entry + "<entry><id>t3_abc</id><title>Which CRM?</title></entry>"))
    assert follower.collect().intake == Intake(new=1, rejected=1)


def test_bots_and_deleted_accounts_are_left_out(follower: Follower, world: World) -> None:
    submit(world, author="AutoModerator")
    submit(world, author="[deleted]")
    submit(world)
    assert follower.collect().intake == Intake(new=1, erased=1)


def test_bytes_that_are_no_characters_harm_nothing(follower: Follower, world: World) -> None:
    text = (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>t3_abc</id><title>A\x00B\xff\x0bC</title></entry></feed>'
    )
    world.fail("rss", faults.Answer(200, text, ATOM))
    assert follower.collect().intake.new == 1


# --- how often is asked -----------------------------------------------------------------------------------------------


def test_one_question_in_65_seconds_over_all_sources_and_after_each_start(follower: Follower, world: World) -> None:
    follower.watch("r/cooks")
    follower.watch("r/chefs")
    submit(world)
    for community in ("r/cooks", "r/chefs"):
        world.write(Platform.REDDIT, community)
    asked_at: list[datetime] = []
    world.state(wire.Reddit).on_feed = lambda: asked_at.append(world.now)
    for _ in range(2):  # each time is a process of its own, as far as the collector knows
        assert [summary.error for summary in follower.collect_all()] == [None] * 3
    assert len(asked_at) == 6
    assert {(later - earlier).total_seconds() for earlier, later in pairwise(asked_at)} == {65.0}
    assert world.asked("rss")[0].headers["User-Agent"] == "overheard (self-hosted social listening)"


def test_a_wait_that_is_broken_off_asks_nothing(follower: Follower, world: World) -> None:
    submit(world)
    (summary,) = collect(follower.sessions, follower.settings, clock=follower.clock, sleep=lambda _: None)
    assert (summary.error, world.requests) == (None, [])


def test_connections_that_fail_are_tried_again_no_sooner_than_that(follower: Follower, world: World) -> None:
    submit(world)
    world.fail("rss", faults.RESET, times=2)
    assert follower.collect().intake == Intake(new=1)
    assert follower.waits == [65.0, 65.0, 65.0]


@pytest.mark.parametrize(
    ("headers", "retry_after"),
    [
        ({"Retry-After": "7"}, 65.0),
        ({"Retry-After": "600"}, 600.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "300"}, 300.0),
        ({"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "300"}, 300.0),
        ({"Retry-After": "later", "x-ratelimit-reset": "soon"}, 65.0),
        ({}, 65.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_reddit_says_when_to_come_back_and_a_restart_does_not_shorten_it(
    follower: Follower, world: World, headers: dict[str, str], retry_after: float, status: int
) -> None:
    submit(world)
    world.fail("rss", faults.Answer(status, b"", headers))
    error = follower.collect().error
    assert error is not None
    assert (error.retry_after, error.permanent) == (retry_after, False)
    assert "asked us to wait" in str(follower.collect().error)
    assert len(world.requests) == 1
    world.advance(retry_after)
    assert follower.collect().intake == Intake(new=1)


def test_a_budget_that_is_spent_holds_for_the_other_sources_too(follower: Follower, world: World) -> None:
    follower.watch("r/cooks")
    submit(world)
    spent = {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "500", **ATOM}
    world.fail("rss", faults.Answer(200, b'<feed xmlns="http://www.w3.org/2005/Atom"></feed>', spent))
    first, second = follower.collect_all()
    assert first.error is None
    assert second.error is not None
    assert second.error.retry_after == 500.0
    assert len(world.requests) == 1


# --- when it is over --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.Answer(403, b"<html>"), "Reddit does not let this feed be read (403), so it is not asked again."),
        (faults.HTML_PAGE, "with a page instead of a feed: it blocks this network."),
        (
            faults.Answer(200, b'<!DOCTYPE x [<!ENTITY a "aaaa">]><feed>&a;</feed>', ATOM),
            "with a page instead of a feed",
        ),
        (faults.Answer(302, headers={"Location": "/subreddits/search"}), "Reddit answered 302 at r/bakers"),
        (faults.Answer(404, b'{"reason": "banned"}'), "Reddit answered 404 at r/bakers"),
    ],
)
def test_a_refusal_is_asked_for_once(follower: Follower, world: World, fault: faults.Fault, message: str) -> None:
    submit(world)
    world.fail("rss", fault, times=9)
    assert message in str(follower.collect().error)
    assert follower.source().state is SourceState.NEEDS_OPERATOR
    assert len(world.requests) == 1


@pytest.mark.parametrize("body", [b"", b"7", b'{"a": 1}'])
def test_what_is_no_feed_moves_nothing(follower: Follower, world: World, body: bytes) -> None:
    world.fail("rss", faults.Answer(200, body, ATOM))
    error = follower.collect().error
    assert error is not None
    assert (error.permanent, follower.source().cursor) == (False, None)


@pytest.mark.parametrize("fault", [faults.CUT, faults.HALF_JSON, faults.HALF_GZIP], ids=repr)
def test_half_a_feed_is_not_taken_for_a_whole_one(follower: Follower, world: World, fault: faults.Fault) -> None:
    submit(world, 50)
    world.fail("rss", fault)
    summary = follower.collect()
    assert summary.intake == (Intake(new=50) if fault is faults.CUT else Intake())
    world.advance(60)
    follower.collect()
    assert follower.is_clean()
    assert len(follower.posts()) == 50


def test_everything_goes_after_48_hours_and_does_not_come_back(follower: Follower, world: World) -> None:
    submit(world, 3)
    follower.collect()
    world.advance(49 * 3600)
    assert sweep(follower.sessions, follower.settings, clock=follower.clock, sleep=follower.sleep).expired == 3
    assert follower.collect().intake == Intake()
    assert follower.posts() == []


def test_what_was_erased_elsewhere_stays_erased(follower: Follower, world: World) -> None:
    (asked,) = submit(world)
    with follower.sessions.begin() as session:
        take_in(session, [Erased(Platform.REDDIT, asked.id)], origin="test", now=world.now)
    assert follower.collect().intake == Intake(new=0, refused=1)
    with follower.sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Tombstone)) == 1


def test_it_is_off_until_somebody_says_that_they_may(follower: Follower, world: World) -> None:
    with follower.sessions.begin() as session, pytest.raises(InvalidInput, match="needs a permission"):
        add(
            session, mode="reddit-rss", platform=Platform.REDDIT, community="r/x", address="x", terms=RedditRss.terms,
            now=world.now,
        )  # fmt: skip


def test_adding_a_feed_asks_reddit_nothing(follower: Follower, world: World) -> None:
    with RedditRss(Tools(follower.settings, follower.clock, follower.sleep)) as collector:
        (found,) = collector.communities("https://www.reddit.com/r/bakers/")
    assert (found.address, found.community) == ("bakers", BAKERS)
    assert isinstance(found, Found)
    assert world.requests == []
