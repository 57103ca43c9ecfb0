from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from pydantic import HttpUrl

from collectors import collector_class
from collectors.run import CollectSummary, collect
from collectors.sweep import sweep
from overheard.db import Sessions
from overheard.errors import CollectorError, NotFound
from overheard.keywords.queries import match_posts
from overheard.leads.qualify import qualify
from overheard.listening.intake import Intake, take_in
from overheard.listening.posts import NewPost
from overheard.models import DeadLetter, Gap, Lead, Post, Revisit, Source, Tombstone
from overheard.settings import HackerNewsSettings, Settings
from overheard.vocabulary import Platform
from tests.factories import MODEL, make_campaign, predict, watch_source
from tests.fakeworld import faults
from tests.fakeworld.faults import Answer, Fault
from tests.fakeworld.model import World
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires.hackernews import HackerNews, reserve, write

pytestmark = pytest.mark.alternate_databases

# What the network does is all the same to the database.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def settings_for(world: World, *, backfill: int = 3_000) -> Settings:
    hackernews = HackerNewsSettings(base_url=HttpUrl(world.url(Platform.HACKERNEWS) + "/v0/"), backfill=backfill)
    return Settings(hackernews=hackernews, http_timeout=5)


class Watcher:
    """Somebody who collects now and then."""

    def __init__(self, sessions: Sessions, world: World, settings: Settings, now: datetime) -> None:
        self.sessions = sessions
        self.world = world
        self.settings = settings
        self.now = now
        self.first = 1
        """The first item that is ours to read."""
        self.waits: list[float] = []
        with sessions.begin() as session:
            watch_source(session, now=now)

    def collect(self) -> CollectSummary:
        (summary,) = collect(self.sessions, self.settings, clock=lambda: self.now, sleep=self.waits.append)
        self.assert_the_cursor_is_not_ahead()
        self.now += timedelta(minutes=1)
        return summary

    def assert_the_cursor_is_not_ahead(self) -> None:
        """Whatever the cursor has passed is stored, erased, set aside, a gap, or to be asked for again."""
        with self.sessions() as session:
            cursor = session.scalars(sa.select(Source.cursor)).one()
            columns = (Post.external_id, Tombstone.external_id, DeadLetter.external_id, Revisit.external_id, Gap.first)
            accounted = {id_ for column in columns for id_ in session.scalars(sa.select(column))}
        passed = {str(id_) for id_ in range(self.first, int(cursor or 0) + 1)}
        assert passed <= accounted

    def texts(self) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(Post.body).order_by(Post.external_id)))

    def count(self, table: type) -> int:
        with self.sessions() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watcher(sessions: Sessions, world: World, now: datetime) -> Iterator[Watcher]:
    with serve(world):
        yield Watcher(sessions, world, settings_for(world), now)


def test_a_burst_of_800_new_items_is_stored_whole_and_once(watcher: Watcher, world: World) -> None:
    write(world)
    watcher.collect()
    for _ in range(800):
        write(world)
    assert watcher.collect().intake == Intake(new=800)
    assert watcher.collect().intake == Intake()
    assert watcher.count(Post) == 801


def test_each_item_is_asked_for_once(watcher: Watcher, world: World) -> None:
    for _ in range(20):
        write(world)
    watcher.collect()
    watcher.collect()
    items = [request.path for request in world.asked("/item/")]
    assert len(items) == len(set(items)) == 20


def test_the_first_pass_starts_a_way_back_and_the_next_goes_on_from_its_end(
    sessions: Sessions, world: World, now: datetime
) -> None:
    for _ in range(10):
        write(world)
    with serve(world):
        watcher = Watcher(sessions, world, settings_for(world, backfill=0), now)
        watcher.first = 11
        assert watcher.collect().intake == Intake()
        write(world, body="Right after the first pass")
        assert watcher.collect().intake == Intake(new=1)


def test_an_item_that_cannot_be_read_yet_is_asked_for_again(watcher: Watcher, world: World) -> None:
    late = reserve(world)
    write(world)
    assert watcher.collect().waiting == 1
    assert watcher.collect().waiting == 1
    write(world, id=str(late), body="Here I am")
    summary = watcher.collect()
    assert (summary.waiting, summary.intake) == (0, Intake(new=1))
    assert "Here I am" in watcher.texts()


def test_an_item_without_its_number_is_set_aside_and_blocks_no_other(watcher: Watcher, world: World) -> None:
    posts = [write(world) for _ in range(3)]
    world.state(HackerNews).raw[int(posts[1].id)] = {"id": None, "type": "comment", "text": "Who am I?"}
    summary = watcher.collect()
    assert (summary.error, summary.intake) == (None, Intake(new=2, rejected=1))


def test_an_item_that_stays_empty_for_ten_minutes_becomes_a_gap(watcher: Watcher, world: World) -> None:
    never = reserve(world)
    for _ in range(10):
        assert watcher.collect().missed == 0
    assert watcher.collect().missed == 1
    assert watcher.collect().waiting == 0
    with watcher.sessions() as session:
        gap = session.scalars(sa.select(Gap)).one()
    assert (gap.first, gap.last, gap.reason) == (str(never), str(never), "the item stayed empty for ten minutes")


def test_edits_and_deletions_are_followed(watcher: Watcher, world: World) -> None:
    edited, deleted, dead = write(world), write(world), write(world)
    watcher.collect()
    world.edit(edited, body="Edited text")
    world.delete(deleted)
    world.edit(dead, dead=True)
    assert watcher.collect().intake == Intake(edited=1, erased=2)
    assert watcher.texts() == ["Edited text"]
    assert watcher.collect().intake == Intake(unchanged=1)


def test_what_is_stored_is_asked_for_again_when_the_list_of_changes_has_passed_us_by(
    watcher: Watcher, world: World, now: datetime
) -> None:
    texts = ("Which CRM for bakers?", "Is there a CRM for one shop?", "A CRM, anybody?", "I baked bread.")
    edited, deleted, same, no_lead = (write(world, body=body) for body in texts)
    watcher.collect()
    with watcher.sessions.begin() as session:
        make_campaign(session, now=now, queries={"crm": "crm"})
        match_posts(session, [(post.platform, post.external_id) for post in session.scalars(sa.select(Post))])
        for post in session.scalars(sa.select(Post)):
            predict(session, post, now=now)
        qualify(session, model_version=MODEL, threshold=0.5, now=now)
        assert len(session.scalars(sa.select(Lead)).all()) == 3

    world.edit(edited, body="Which CRM for two bakers?")
    world.edit(no_lead, body="I baked a cake.")
    world.delete(deleted)
    world.state(HackerNews).updates_shown = 0
    assert watcher.collect().intake == Intake()
    assert compare(world, watcher.sessions).zombies == [(Platform.HACKERNEWS, deleted.id)]

    watcher.now += timedelta(days=1)
    summary = sweep(watcher.sessions, watcher.settings, clock=lambda: watcher.now, sleep=watcher.waits.append)
    assert (summary.rechecked, summary.intake, summary.errors) == (4, Intake(edited=2, erased=1, unchanged=1), {})
    assert compare(world, watcher.sessions).is_clean
    with watcher.sessions() as session:
        assert {lead.author for lead in session.scalars(sa.select(Lead))} == {edited.author, same.author}
    again = sweep(watcher.sessions, watcher.settings, clock=lambda: watcher.now, sleep=watcher.waits.append)
    assert again.rechecked == 0


def test_a_lead_that_cannot_be_asked_for_again_stays_and_is_told(watcher: Watcher, world: World, now: datetime) -> None:
    write(world, body="Which CRM?")
    watcher.collect()
    with watcher.sessions.begin() as session:
        make_campaign(session, now=now)
        post = session.scalars(sa.select(Post)).one()
        match_posts(session, [(post.platform, post.external_id)])
        predict(session, post, now=now)
        qualify(session, model_version=MODEL, threshold=0.5, now=now)
    world.fail("/item/", faults.HTML_PAGE, times=4)
    watcher.now += timedelta(days=1)
    summary = sweep(watcher.sessions, watcher.settings, clock=lambda: watcher.now, sleep=watcher.waits.append)
    assert list(summary.errors) == ["Hacker News"]
    assert compare(world, watcher.sessions).is_clean


def test_updates_of_items_that_we_do_not_have_are_not_asked_for(watcher: Watcher, world: World) -> None:
    write(world)
    world.state(HackerNews).extra_updates = [7001, 7002]
    watcher.collect()
    assert not world.asked("/700")


def test_a_post_that_came_with_a_file_is_the_same_post(watcher: Watcher, world: World) -> None:
    written = write(world, body="The text as it is now")
    imported = NewPost(
        platform=Platform.HACKERNEWS,
        external_id=written.id,
        community="Hacker News",
        title="",
        body="The text as it was",
        posted_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    with watcher.sessions.begin() as session:
        take_in(session, [imported], origin="file", now=watcher.now)
    assert watcher.collect().intake == Intake(edited=1)
    assert (watcher.texts(), watcher.count(Source)) == (["The text as it is now"], 1)


def test_a_malformed_item_is_set_aside_and_the_others_are_stored(watcher: Watcher, world: World) -> None:
    write(world)
    write(world, text={"no": "text"})
    write(world)
    assert watcher.collect().intake == Intake(new=2, rejected=1)


@on_sqlite
@pytest.mark.parametrize("fault", faults.PASSING)
@pytest.mark.parametrize("path", ["maxitem", "updates", r"item/3\."])
def test_a_fault_that_passes_costs_nothing(watcher: Watcher, world: World, fault: Fault, path: str) -> None:
    for _ in range(5):
        write(world)
    world.fail(path, fault, times=3)
    summary = watcher.collect()
    assert (summary.error, summary.intake) == (None, Intake(new=5))
    assert len(watcher.waits) == 3
    if fault == faults.rate_limited("7"):
        assert set(watcher.waits) == {7.0}


@on_sqlite
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Answer(status=429, body=b""), "Hacker News answered 429 at"),
        (Answer(status=500, body=b""), "Hacker News answered 500 at"),
        (Answer(status=403, body=b""), "Hacker News answered 403 at"),
        (Answer(status=302, headers={"Location": "/login"}, body=b""), "Hacker News answered 302 at"),
        (faults.RESET, "Hacker News cannot be reached: ReadError at"),
        (faults.HTML_PAGE, "Hacker News answered something other than JSON at"),
        (Answer(body=b'{"error": "Permission denied"}'), "Hacker News answered"),
        (Answer(body=b'"203"'), "Hacker News answered"),
    ],
)
@pytest.mark.parametrize("path", ["maxitem", "updates", r"item/203\."])
def test_a_fault_that_stays_is_told_and_the_cursor_waits_for_the_rows(
    watcher: Watcher, world: World, fault: Fault, message: str, path: str
) -> None:
    for _ in range(300):
        write(world)
    world.fail(path, fault, times=4)
    summary = watcher.collect()
    assert isinstance(summary.error, CollectorError)
    assert str(summary.error).startswith(message)
    assert watcher.count(Post) == (200 if path.startswith("item") else 0)
    world.heal()
    assert watcher.collect().error is None
    assert watcher.count(Post) == 300


@on_sqlite
@pytest.mark.parametrize(
    ("header", "retry_after", "waits"),
    [
        ("7", 7.0, 3),
        ("Fri, 20 Nov 2026 09:30:30 GMT", 30.0, 3),
        ("3600", 3600.0, 0),
        ("1000000000", 86_400.0, 0),
        ("Fri, 20 Nov 2020 09:30:30 GMT", None, 3),
        ("-5", None, 3),
        ("later", None, 3),
        ("nan", None, 3),
    ],
)
def test_the_platform_says_when_to_come_back(
    watcher: Watcher, world: World, header: str, retry_after: float | None, waits: int
) -> None:
    world.fail("maxitem", Answer(status=429, headers={"Retry-After": header}), times=4)
    error = watcher.collect().error
    assert error is not None
    assert (error.retry_after, error.permanent, len(watcher.waits)) == (retry_after, False, waits)


def test_what_no_retry_can_mend_is_not_retried(watcher: Watcher, world: World) -> None:
    world.fail("updates", Answer(status=401), times=1)
    error = watcher.collect().error
    assert error is not None
    # The API needs no key, so no refusal is for a person to mend: the next pass tries again.
    assert (error.permanent, watcher.waits) == (False, [])


def test_a_second_process_at_the_same_source_is_told(watcher: Watcher, world: World, now: datetime) -> None:
    for _ in range(300):
        write(world)
    passes: list[CollectSummary] = []

    def interfere(_: CollectSummary) -> None:
        if not passes:
            passes.append(watcher.collect())

    (summary,) = collect(
        watcher.sessions, watcher.settings, clock=lambda: now, sleep=watcher.waits.append, on_progress=interfere
    )
    assert "Another process is reading this source" in str(summary.error)
    assert watcher.count(Post) == 300


def test_a_mode_that_does_not_exist_is_told() -> None:
    with pytest.raises(NotFound, match=r"'quora' cannot be read live; what can: .*hackernews"):
        collector_class("quora")
