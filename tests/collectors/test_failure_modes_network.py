"""What can go wrong between a platform and us: one test for each way, at as many platforms as it concerns.

The numbers are those of docs/failure-modes.md.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
import sqlalchemy as sa

from collectors.run import CollectSummary, Reader, collect, lanes, open_collector
from collectors.watch import Watch
from overheard.db import make_engine, make_sessions
from overheard.listening.source_health import health
from overheard.models import Gap, Post, Source
from overheard.vocabulary import Platform, SourceState
from tests.collectors.places import (
    BOMB,
    BY_ASKING,
    EVERYWHERE,
    JSON,
    Endless,
    Meanwhile,
    assert_all_is_here,
    assert_the_truth,
    at,
    bodies,
    count,
    read,
    source,
    write,
    write_now,
)
from tests.factories import watch_source
from tests.fakeworld import faults
from tests.fakeworld.faults import Answer, Fault
from tests.fakeworld.oracle import compare
from tests.fakeworld.wires import bluesky, discord, github, mastodon, reddit, slack, x
from tests.histories import Life

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@at(*BY_ASKING)
def test_01_rate_limits_in_every_form_are_waited_for_and_survive_a_restart(life: Life) -> None:
    read(life)
    world = life.world
    as_a_date = format_datetime(world.now + timedelta(seconds=40))
    for said, at_least in (("7", 7.0), (as_a_date, 30.0), (None, 0.1)):
        write(life)
        world.fail(life.place.route, faults.rate_limited(said))
        passed = read(life)
        assert passed.error == "", said
        assert max(passed.waits) >= at_least, said
    write(life)
    world.fail(life.place.route, faults.rate_limited("1000000000"))
    assert read(life).error
    not_before = source(life).not_before
    assert not_before is not None
    assert timedelta(minutes=1) < not_before - world.now <= timedelta(days=1), "and not thirty years"
    asked = len(world.requests)
    life.engine.dispose()
    assert "asked us to wait" in read(life).error
    assert len(world.requests) == asked, "a restart does not ask before"
    world.advance(86_401)
    assert_the_truth(life)


@at("hackernews", "reddit", "slack", "mastodon")  # one for each library that asks
def test_02_broken_answers_are_asked_for_again_within_bounds(life: Life) -> None:
    read(life)
    for fault in faults.PASSING:
        write(life)
        life.world.fail(life.place.route, fault)
        assert read(life).error == "", fault
    cursor = source(life).cursor
    for fault in (faults.SERVER_ERROR, faults.ORIGIN_DOWN, faults.HALF_JSON, faults.HALF_GZIP, faults.CUT, BOMB):
        write(life)
        life.world.fail(life.place.route, fault, times=1_000)
        asked = len(life.world.requests)
        assert read(life).error, fault
        assert len(life.world.requests) - asked <= 25, "it is not asked without end"
        assert source(life).cursor == cursor
        life.world.heal()
        life.enable()
    assert_the_truth(life)


@at("hackernews", "reddit", "slack", "mastodon")
def test_02_a_byte_now_and_then_holds_nobody_for_ever(life: Life) -> None:
    write(life)
    life.settings = life.settings.model_copy(update={"http_timeout": 0.1})
    life.world.fail(life.place.route, Endless(b" ", apart=0.05), times=1_000)
    assert read(life).error


@at("hackernews", "reddit", "slack", "mastodon")
@pytest.mark.parametrize("fault", [BOMB, Endless(b" " * 2**20, apart=0.0)])
def test_02_an_answer_of_gigabytes_is_refused_before_it_is_read(life: Life, fault: Fault) -> None:
    write(life)
    life.world.fail(life.place.route, fault, times=1_000)
    assert "sent more than" in read(life).error


LOGIN = Answer(302, b"", {"Location": "/login"})
NOTHING = tuple(Answer(200, body, JSON) for body in (b"[]", b"null", b"{}"))


@at("hackernews", "reddit", "slack", "mastodon", "x", "github")
def test_03_an_answer_that_is_no_answer_moves_no_cursor_and_erases_nothing(life: Life) -> None:
    read(life)
    stored, cursor = count(life, Post), source(life).cursor
    for fault in (faults.NOT_OK, faults.HTML_PAGE, LOGIN, *NOTHING):
        write(life)
        life.world.advance(600)
        life.world.fail(life.place.route, fault, times=1_000)
        passed = read(life)
        assert fault in NOTHING or (passed.error and source(life).cursor == cursor), fault
        assert count(life, Post) == stored, fault
        life.world.heal()
        life.enable()
    life.world.advance(600)
    read(life)
    assert_all_is_here(life)


REVOKE: dict[str, Callable[[Life], None]] = {
    "reddit": lambda life: setattr(life.world.state(reddit.Reddit), "is_withdrawn", True),
    "slack": lambda life: life.world.fail("/api/", _slack_says("token_revoked"), times=1_000),
    "discord": lambda life: setattr(life.world.state(discord.Discord), "token", "another"),
    "mastodon": lambda life: life.world.state(mastodon.Mastodon).tokens.clear(),
    "x": lambda life: setattr(life.world.state(x.X), "token", "another"),
    "github": lambda life: setattr(life.world.state(github.GitHub), "token", "another"),
}


def _slack_says(error: str) -> Answer:
    return Answer(200, f'{{"ok": false, "error": "{error}"}}'.encode(), JSON)


@at(*REVOKE)
def test_04_a_token_that_is_revoked_waits_for_a_person_and_is_not_tried_again(life: Life) -> None:
    read(life)
    write(life)
    REVOKE[life.place.mode](life)
    asked = len(life.world.requests)
    assert read(life).error
    assert len(life.world.requests) - asked <= 6
    assert source(life).state is SourceState.NEEDS_OPERATOR
    asked = len(life.world.requests)
    assert collect(life.sessions, life.settings, clock=lambda: life.world.now) == []
    assert len(life.world.requests) == asked


@at("reddit")
def test_04_a_token_that_runs_out_is_renewed_once_for_all_sources_of_its_account(life: Life) -> None:
    read(life)
    write(life)
    tokens = life.world.state(reddit.Reddit)
    with life.sessions.begin() as session:
        account = session.scalars(sa.select(Source.credential_id)).one()
        watch_source(
            session, now=life.world.now, mode="reddit", platform=Platform.REDDIT, community="r/cooks", address="cooks",
            credential_id=account,
        )  # fmt: skip
    life.world.fail(r"/r/bakers/new", Meanwhile(tokens.tokens.clear))
    given = tokens.tokens_given
    assert [summary.error for summary in collect(life.sessions, life.settings, clock=lambda: life.world.now)] == [
        None,
        None,
    ]
    assert tokens.tokens_given == given + 2, "the first, and one more when it ran out"


CLOSE: dict[str, Callable[[Life], object]] = {
    "reddit private": lambda life: life.world.state(reddit.Reddit).closed.update({"r/bakers": "private"}),
    "reddit banned": lambda life: life.world.state(reddit.Reddit).closed.update({"r/bakers": "banned"}),
    "reddit quarantined": lambda life: life.world.state(reddit.Reddit).closed.update({"r/bakers": "quarantined"}),
    "slack": lambda life: setattr(life.world.state(slack.Slack).channels["C1"], "is_member", False),
    "discord": lambda life: life.world.state(discord.Discord).channels.clear(),
}


@pytest.mark.parametrize(("life", "how"), [(how.partition(" ")[0], how) for how in CLOSE], indirect=["life"])
def test_05_a_place_that_is_closed_is_told_keeps_its_posts_and_is_left_alone(life: Life, how: str) -> None:
    read(life)
    stored = bodies(life)
    CLOSE[how](life)
    write(life)
    life.world.advance(600)
    passed = read(life)
    assert passed.error
    assert bodies(life) == stored
    found = source(life)
    waits = found.next_run_at is not None and found.next_run_at > life.world.now
    assert found.state is SourceState.NEEDS_OPERATOR or waits
    watch = Watch(life.sessions, life.settings, lambda: life.world.now)
    with life.sessions() as session:
        assert [each for lane in lanes(session) for each in watch.due(lane)] == []


@at("slack", "discord")
def test_07_a_reader_that_was_overtaken_stores_nothing_more(life: Life) -> None:
    life.world.state(slack.Slack).most = 50
    first = write(life)
    for _ in range(110):
        write(life, parent=first)

    def overtake(summary: CollectSummary) -> None:
        if "late" not in {written.body for written in life.world.posts(life.place.platform)}:
            assert (summary.error, read(life).error) == (None, "")
            write(life, "late", parent=first)  # the overtaken one would meet it on its next page

    with life.sessions() as session:
        (lane,) = lanes(session)
    with open_collector(life.settings, lane, clock=lambda: life.world.now, sleep=lambda _: None) as collector:
        overtaken = Reader(life.sessions, collector, lane.mode, lambda: life.world.now, overtake)
        assert "Another process is reading this source" in str(overtaken.read(lane.sources[0]).error)
    assert "late" not in bodies(life)
    assert_the_truth(life)


@at(*EVERYWHERE)
def test_07_what_comes_twice_is_stored_once(life: Life) -> None:
    for _ in range(5):
        write(life)
    life.world.fail(life.place.route, faults.TWICE, times=3)
    read(life)
    read(life)
    assert_all_is_here(life)


@at("hackernews", "reddit", "slack", "github")
def test_07_two_who_read_one_source_at_once_store_each_post_once(life: Life) -> None:
    read(life)
    for _ in range(40):
        write(life)
    errors: list[str] = []

    def one() -> None:
        engine = make_engine(life.url)
        (summary,) = collect(make_sessions(engine), life.settings, clock=lambda: life.world.now, sleep=lambda _: None)
        errors.append(str(summary.error or ""))
        engine.dispose()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(errors) == 2
    assert all(not error or "Another process is reading this source" in error for error in errors)
    assert_the_truth(life)


@at("bluesky")
@pytest.mark.parametrize(
    "fault",
    [faults.DROPPED, faults.SILENT, faults.HALF_OPEN, faults.SocketFault(after=3), faults.SocketFault(3, True)],
)
def test_09_a_socket_that_is_lost_or_falls_silent_loses_nothing(life: Life, fault: faults.SocketFault) -> None:
    read(life)
    for _ in range(6):
        write(life)
    life.world.fail(bluesky.STREAM, fault)
    read(life)
    write(life)
    read(life)
    assert_the_truth(life)


def _outrun_reddit(life: Life) -> None:
    life.world.state(reddit.Reddit).window = 1_000


def _outrun_bluesky(life: Life) -> None:
    life.world.state(bluesky.Bluesky).floor = len(life.world.changes) - 300


OUTRUN = {"reddit": _outrun_reddit, "bluesky": _outrun_bluesky}


@at(*OUTRUN)
def test_10_what_the_platform_shows_no_more_is_a_gap_that_is_seen(life: Life) -> None:
    read(life)
    for _ in range(1_100):
        write_now(life)
    OUTRUN[life.place.mode](life)
    read(life)
    assert 51 <= count(life, Post) < 1_101
    assert count(life, Gap) >= 1
    read(life)
    report = compare(life.world, life.sessions, platforms=[life.place.platform])
    assert report.is_clean, report
    assert report.in_gaps, "what is not here is accounted for"
    with life.sessions() as session:
        (seen,) = health(session, life.world.now)
    assert seen.gaps_open >= 1


@at("hackernews", "slack", "discord", "bluesky", "github")
@pytest.mark.parametrize("minutes", [-10, 24 * 60])
def test_11_a_clock_of_ours_that_is_wrong_loses_nothing(life: Life, minutes: int) -> None:
    read(life)
    for _ in range(3):
        for _ in range(5):  # in one second, and then the next
            write_now(life)
        read(life, clock=lambda: life.world.now + timedelta(minutes=minutes))
        life.world.advance(1)
    write(life)
    watch = Watch(life.sessions, life.settings, lambda: life.world.advance(3_600))
    with life.sessions() as session:
        assert len([each for lane in lanes(session) for each in watch.due(lane)]) == 1, (
            "nobody waits for the wrong time"
        )
    read(life)
    assert_all_is_here(life)


@at("hackernews", "reddit")
@pytest.mark.parametrize("said", ["1000000000", None])
def test_11_what_a_clock_that_was_ahead_noted_of_a_failure_keeps_nobody_waiting(life: Life, said: str | None) -> None:
    read(life)
    write(life)
    fault = faults.rate_limited(said) if said else faults.UNAVAILABLE
    life.world.fail(life.place.route, fault, times=1_000)
    assert read(life, clock=lambda: life.world.now + timedelta(hours=1)).error
    life.world.heal()
    found, watch = source(life), Watch(life.sessions, life.settings, lambda: life.world.now)
    assert found.next_run_at is not None
    assert found.next_run_at > life.world.now + timedelta(hours=1), "by that clock it waits"
    with life.sessions() as session:
        assert [each.id for lane in lanes(session) for each in watch.due(lane)] == [found.id]
    read(life)
    assert_all_is_here(life)


@at("hackernews", "reddit", "stackexchange")
def test_11_a_date_that_cannot_be_carries_no_cursor_away(life: Life) -> None:
    read(life)
    for when in (
        datetime(1970, 1, 1, tzinfo=life.world.now.tzinfo),
        datetime(2099, 1, 1, tzinfo=life.world.now.tzinfo),
    ):
        write(life, at=when)
        read(life)
        write(life)
        read(life)
    with life.sessions() as session:
        newest = session.scalars(sa.select(Post).order_by(Post.posted_at.desc())).first()
    assert newest is not None
    written = [each for each in life.world.posts(life.place.platform) if each.written_at < life.world.now]
    assert {each.body for each in written if each.written_at.year == 2026} <= set(bodies(life))


@at("reddit", "slack", "discord", "mastodon", "stackexchange", "github")
def test_12_what_is_written_while_we_page_pushes_nothing_over_the_border(life: Life) -> None:
    read(life)
    for _ in range(120):
        write(life)
    life.world.fail(life.place.route, Meanwhile(lambda: [write(life) for _ in range(7)]), times=4)
    read(life)
    life.world.heal()
    life.world.advance(600)
    read(life)
    assert_all_is_here(life)
