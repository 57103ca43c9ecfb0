from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from collectors.base import Found, Reading, Watched
from overheard.db import Sessions, make_engine, make_sessions
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Intake
from overheard.listening.posts import NewPost
from overheard.models import Gap, Post
from overheard.vocabulary import Platform, PostKind, SourceState
from tests.collectors.crashes import killed_at
from tests.collectors.live import Live
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires.discourse import Discourse

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NO_KEY = {"forum": "", "api_username": "", "api_key": ""}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Live]:
    with serve(world):
        live = Live(sessions, world, tmp_path, "discourse", Platform.DISCOURSE, NO_KEY)
        live.watch("the forum", world.url(Platform.DISCOURSE))
        yield live


@pytest.fixture
def forum(world: World) -> Discourse:
    return world.state(Discourse)


def write(world: World, body: str | None = None, **extra: object) -> Written:
    world.advance(1)
    return world.write(Platform.DISCOURSE, "the forum", body=body, title="Which oven?", **extra)  # type: ignore[arg-type]


def assert_clean(live: Live) -> None:
    report = compare(live.world, live.sessions)
    assert report.is_clean, report
    assert not report.in_gaps, report


def test_a_topic_and_an_answer_become_posts(live: Live, world: World) -> None:
    topic = write(world, "Rye & <wheat>", author="rita")
    write(world, "This one", parent=topic, author="otto")
    assert live.collect().intake == Intake(new=2)
    answer, question = live.posts()
    base_url = world.url(Platform.DISCOURSE)
    assert (question.title, question.body, question.kind) == ("Which oven?", "Rye & <wheat>", PostKind.SUBMISSION)
    assert (question.author_name, question.permalink) == ("rita", f"{base_url}/t/a-topic/1/1")
    assert question.external_id == f"{base_url.partition('://')[2]}:1"
    assert (answer.title, answer.kind, answer.permalink) == ("", PostKind.COMMENT, f"{base_url}/t/a-topic/1/2")
    assert_clean(live)


@pytest.mark.parametrize("is_old", [False, True])
def test_a_burst_with_holes_is_stored_whole_and_once(
    live: Live, world: World, forum: Discourse, *, is_old: bool
) -> None:
    forum.is_old = is_old
    write(world)
    live.collect()
    written = [write(world) for _ in range(400)]
    for gone in written[100:260]:  # more than three pages of numbers with nothing behind them
        world.delete(gone)
    assert live.collect().intake.new == 240
    assert live.count(Post) == 241
    assert_clean(live)


@pytest.mark.parametrize("is_old", [False, True])
def test_more_than_one_pass_can_walk_is_a_gap_that_the_next_passes_fill(
    live: Live, world: World, forum: Discourse, *, is_old: bool
) -> None:
    forum.is_old = is_old
    write(world)
    live.collect()
    for _ in range(2_500):
        write(world)
    assert live.collect().missed == 1
    with live.sessions() as session:
        gap = session.scalars(sa.select(Gap)).one()
    assert (gap.first, gap.reason) == ("2", "more than 2000 posts were new")
    live.collect()
    with live.sessions() as session:
        assert session.scalars(sa.select(Gap).where(Gap.repaired_at.is_(None))).all() == []
    assert_clean(live)


def test_posts_that_come_while_we_walk_are_found_by_the_next_pass(live: Live, world: World) -> None:
    for _ in range(120):
        write(world)
    with live.open() as collector:
        reading = Reading(None, {}, lambda _: frozenset(), lambda _: frozenset())
        pages = collector.pages(Watched(world.url(Platform.DISCOURSE), "the forum"), reading)
        next(pages)
        for _ in range(30):
            write(world)
        *_, last = pages
    assert last.cursor == "120"
    live.collect()
    assert_clean(live)


def test_the_first_pass_goes_back_a_little_and_leaves_no_gap(live: Live, world: World) -> None:
    for _ in range(500):
        write(world)
    assert live.collect().missed == 0
    assert live.count(Post) == 200


def test_edits_and_deletions_are_learned_by_asking_again(live: Live, world: World) -> None:
    edited, deleted, hidden, whispered = (write(world) for _ in range(4))
    live.collect()
    world.edit(edited, body="Edited")
    world.delete(deleted)
    world.edit(hidden, hidden=True)
    world.edit(whispered, post_type=4)
    ids = [post.external_id for post in live.posts()][::-1]
    with live.open() as collector:
        watched = Watched(world.url(Platform.DISCOURSE), "the forum")
        again = [item for items in collector.recheck(watched, ids) for item in items]
    assert isinstance(again[0], NewPost)
    assert (again[0].body, again[0].as_of) == ("Edited", edited.edited_at)
    assert again[1:] == [Erased(Platform.DISCOURSE, ids[1]), Erased(Platform.DISCOURSE, ids[2])]


@pytest.mark.parametrize(
    "fault",
    [
        faults.Answer(404, b"<html>parked</html>"),
        faults.Answer(403, b"blocked"),
        faults.Answer(403, b'{"error_type": "not_logged_in"}', {"Content-Type": "application/json"}),
        faults.HTML_PAGE,
    ],
    ids=str,
)
def test_a_forum_that_cannot_be_read_erases_nothing(live: Live, world: World, fault: faults.Fault) -> None:
    write(world)
    live.collect()
    (post,) = live.posts()
    world.fail("/posts/1.json", fault, times=9)
    watched = Watched(world.url(Platform.DISCOURSE), "the forum")
    with live.open() as collector, pytest.raises(CollectorError):
        list(collector.recheck(watched, [post.external_id]))


def test_a_key_that_is_void_erases_nothing(live: Live, world: World, forum: Discourse) -> None:
    write(world)
    forum.keys = {"good": "rita"}
    live.secrets = {"forum": world.url(Platform.DISCOURSE), "api_username": "rita", "api_key": "void"}
    watched = Watched(world.url(Platform.DISCOURSE), "the forum")
    with live.open() as collector, pytest.raises(CollectorError, match="no such page, or not for us"):
        list(collector.recheck(watched, ["x:1"]))


def test_a_closed_forum_is_read_with_a_key_and_no_other_forum_sees_it(
    live: Live, world: World, forum: Discourse
) -> None:
    write(world)
    forum.is_closed, forum.keys = True, {"good": "rita"}
    error = live.collect().error
    assert "members only" in str(error)
    assert live.state() is SourceState.NEEDS_OPERATOR
    address = world.url(Platform.DISCOURSE)
    live.secrets = {"forum": address, "api_username": "rita", "api_key": "good"}
    with live.open() as collector:
        assert collector.account_name() == f"rita at {address.partition('://')[2]}"
        assert collector.communities(address)
    live.secrets = {**live.secrets, "forum": "https://other.example"}
    with live.open() as collector, pytest.raises(CollectorError, match="members only"):
        collector.communities(address)
    assert world.requests[-1].headers.get("Api-Key") is None


def test_any_page_of_a_forum_leads_to_it(live: Live, world: World) -> None:
    base_url = world.url(Platform.DISCOURSE)
    name = base_url.partition("://")[2]
    with live.open() as collector:
        assert collector.account_name() == "nobody"
        for typed in ("", "/", "/latest", "/t/a-topic/7/2?u=rita", "/u/rita"):
            assert collector.communities(base_url + typed) == [Found(base_url, name, "Rye forum")]
        (category,) = collector.communities(f"{base_url}/c/ovens/steam/12")
    assert category == Found(f"{base_url}/c/12", f"{name}/c/12", "Rye forum")


def test_a_category_is_read_alone(live: Live, world: World) -> None:
    write(world, "inside", category_id=12)
    write(world, "outside", category_id=13)
    with live.sessions.begin() as session:
        session.delete(live.source())
    live.watch("steam", f"{world.url(Platform.DISCOURSE)}/c/12")
    live.collect()
    assert live.texts() == ["inside"]


def test_what_is_no_post_is_set_aside_and_the_others_are_stored(live: Live, world: World, forum: Discourse) -> None:
    write(world)
    write(world, cooked=["x"])
    write(world, created_at="yesterday")
    write(world, user_id=-1)
    write(world)
    forum.raw = [{"no": "id"}]
    assert live.collect().intake == Intake(new=2, rejected=3)


@pytest.mark.parametrize("fault", faults.PASSING, ids=str)
def test_a_fault_that_passes_costs_nothing(live: Live, world: World, fault: faults.Fault) -> None:
    for _ in range(120):
        write(world)
    world.fail("before=", fault, times=2)
    assert live.collect().error is None
    assert_clean(live)


@pytest.mark.parametrize("fault", [faults.NOT_OK, faults.HTML_PAGE, faults.SERVER_ERROR], ids=str)
def test_a_fault_that_stays_leaves_the_cursor_where_it_was(live: Live, world: World, fault: faults.Fault) -> None:
    write(world)
    live.collect()
    for _ in range(120):
        write(world)
    world.fail("before=", fault, times=9)
    assert live.collect().error is not None
    assert live.source().cursor == "1"
    world.heal()
    world.advance(3600)
    live.collect()
    assert_clean(live)


def test_the_forum_says_how_long_to_wait(live: Live, world: World) -> None:
    body = b'{"errors": ["slow"], "error_type": "rate_limit", "extras": {"wait_seconds": 120}}'
    world.fail("/posts.json", faults.Answer(429, body, {"Content-Type": "application/json"}), times=1)
    error = live.collect().error
    assert error is not None
    assert (error.retry_after, error.permanent) == (120.0, False)


def test_a_walk_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    live: Live, world: World, sqlite_template: Path, tmp_path: Path
) -> None:
    for _ in range(120):
        write(world)
    path = tmp_path / "killed.db"
    url = f"sqlite:///{path}"

    def work(engine: Engine) -> object:
        return replace(live, sessions=make_sessions(engine)).collect()

    for step in count(1, 4):
        path.write_bytes(sqlite_template.read_bytes())
        engine = make_engine(url)
        watcher = replace(live, sessions=make_sessions(engine))
        watcher.watch("the forum", world.url(Platform.DISCOURSE))
        engine.dispose()  # a connection must not be shared with the child
        was_killed = killed_at(step, url, work)
        watcher.collect()
        assert watcher.count(Post) == 120, f"killed before step {step}"
        assert (watcher.source().cursor, watcher.count(Gap)) == ("120", 0)
        engine.dispose()
        for file in tmp_path.glob("killed.db*"):
            file.unlink()
        if not was_killed:
            assert step > 20
            return
