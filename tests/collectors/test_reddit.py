"""Reddit through its API: the real collector, PRAW, a real database, and a Reddit on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from overheard.db import Sessions
from overheard.listening.intake import Intake
from overheard.models import DeadLetter, Gap, Post, Source, Tombstone
from overheard.vocabulary import Platform
from tests.collectors.reddit_watcher import BAKERS, Watcher, comment, settings_for, submit
from tests.factories import make_campaign
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.server import serve
from tests.fakeworld.wires import reddit as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watcher(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Watcher]:
    with serve(world):
        yield Watcher(sessions, world, settings_for(world.url(Platform.REDDIT), tmp_path))


# --- nothing is lost, nothing is doubled --------------------------------------------------------------------------


def test_posts_and_comments_are_stored_whole_and_once(watcher: Watcher, world: World) -> None:
    watcher.watch()
    (asked,) = submit(world, title="Which CRM & why?", body="For a <small> bakery &amp; two people.")
    answered = comment(world, asked, body="I write &amp; mean it.")
    assert watcher.collect().intake == Intake(new=2)
    assert watcher.collect().intake == Intake()
    assert watcher.report().is_clean
    with watcher.sessions() as session:
        post, reply = session.scalars(sa.select(Post).order_by(Post.id)).all()
    assert (post.external_id, post.author, post.kind, post.posted_at) == (asked.id, "writer", "submission", post.as_of)
    assert (post.title, post.body) == ("Which CRM & why?", "For a <small> bakery &amp; two people.")
    assert post.permalink == f"https://www.reddit.com/r/bakers/comments/{asked.id[3:]}/_/"
    assert (reply.external_id, reply.parent_external_id) == (answered.id, asked.id)


@pytest.mark.parametrize("burst", [1, 99, 100, 101, 350, 989, 998])
def test_a_burst_between_two_passes_is_stored_whole_and_once(watcher: Watcher, world: World, burst: int) -> None:
    watcher.watch()
    submit(world, 12)
    watcher.collect()
    submit(world, burst)
    summary = watcher.collect()
    assert (summary.error, summary.intake, summary.missed) == (None, Intake(new=burst), 0)
    assert watcher.report().is_clean
    assert watcher.count(Post) == burst + 12


def test_a_burst_longer_than_the_listing_is_a_gap_that_covers_what_is_missing_and_no_more(
    watcher: Watcher, world: World
) -> None:
    watcher.watch()
    submit(world, 20)
    watcher.collect()
    burst = submit(world, 1500)
    summary = watcher.collect()
    assert (summary.intake, summary.missed) == (Intake(new=1000), 1)
    report = watcher.report()
    assert report.is_clean
    assert len(report.in_gaps) == 500
    (gap,) = watcher.gaps()
    assert (gap.first, gap.last) == (burst[0].id, burst[499].id)
    submit(world, 5)
    assert watcher.collect().intake == Intake(new=5)
    assert watcher.count(Gap) == 1


def test_the_first_pass_goes_back_as_far_as_it_is_told_and_that_is_no_gap(watcher: Watcher, world: World) -> None:
    watcher.watch(backfill="150")
    submit(world, 1200)
    assert watcher.collect().intake == Intake(new=150)
    assert watcher.count(Gap) == 0
    assert watcher.collect().intake == Intake()


def test_a_source_may_begin_with_nothing(watcher: Watcher, world: World) -> None:
    watcher.watch(backfill="0")
    submit(world, 30)
    assert watcher.collect().intake == Intake()
    submit(world, 3)
    assert watcher.collect().intake == Intake(new=3)


def test_a_pass_goes_on_where_authors_have_deleted_what_it_knew(watcher: Watcher, world: World) -> None:
    watcher.watch()
    known = submit(world, 95)
    watcher.collect()
    for written in known:
        world.delete(written)
    world.write(Platform.REDDIT, "r/cooks")  # Reddit counts its posts over all subreddits: ids leave holes
    submit(world, 130)
    summary = watcher.collect()
    assert (summary.intake, summary.missed) == (Intake(new=130), 0)


def test_what_comes_while_it_turns_the_page_is_neither_lost_nor_doubled(watcher: Watcher, world: World) -> None:
    watcher.watch()
    submit(world, 20)
    watcher.collect()
    submit(world, 250)
    world.state(wire.Reddit).on_next_page = [lambda: submit(world, 30), lambda: submit(world, 10)]
    assert watcher.collect().intake == Intake(new=250)
    assert watcher.collect().intake == Intake(new=40)
    assert watcher.report().is_clean


def test_an_anchor_that_is_deleted_while_it_turns_the_page_does_not_end_the_pass(
    watcher: Watcher, world: World
) -> None:
    watcher.watch()
    submit(world, 20)
    watcher.collect()
    burst = submit(world, 250)

    def delete_all(some: list[Written]) -> None:
        for written in some:
            world.delete(written)

    world.state(wire.Reddit).on_next_page = [lambda: delete_all(burst[150:152])]
    watcher.collect()
    watcher.sweep(25)
    assert watcher.report().is_clean
    assert watcher.count(Post) == 268


def test_an_old_post_that_comes_up_again_is_no_new_one(watcher: Watcher, world: World) -> None:
    watcher.watch()
    old = submit(world, 40)
    watcher.collect()
    world.state(wire.Reddit).on_top = [written.id for written in old[:9]]
    submit(world, 150)
    assert watcher.collect().intake == Intake(new=150)
    assert watcher.report().is_clean


def test_a_listing_that_is_empty_for_once_changes_nothing(watcher: Watcher, world: World) -> None:
    watcher.watch()
    submit(world, 20)
    watcher.collect()
    before = watcher.source().cursor
    empty = b'{"kind": "Listing", "data": {"children": [], "after": null}}'
    world.fail(r"/new\?", faults.Answer(200, empty, {"Content-Type": "application/json"}))
    assert watcher.collect().intake == Intake()
    assert watcher.source().cursor == before


def test_a_source_that_keeps_matches_only_does_not_meet_the_others_again(watcher: Watcher, world: World) -> None:
    with watcher.sessions.begin() as session:
        make_campaign(session, now=world.now, queries={"crm": "crm"})
    watcher.watch(keep="matches")
    submit(world, 300, title="Which flour?")
    submit(world, 1)
    watcher.collect()
    submit(world, 2)
    watcher.collect()
    asked = len(world.asked("/new"))
    watcher.collect()
    assert watcher.count(Post) == 3
    assert len(world.asked("/new")) == asked + 1


def test_several_subreddits_may_be_one_source(watcher: Watcher, world: World) -> None:
    watcher.watch("r/bakers+r/cooks")
    submit(world, 3)
    world.write(Platform.REDDIT, "r/cooks", title="Which CRM?")
    assert watcher.collect().intake == Intake(new=4)
    assert watcher.report().is_clean
    assert watcher.count(Source) == 1


def test_what_a_bot_wrote_is_not_stored_and_does_not_hide_what_is_known(watcher: Watcher, world: World) -> None:
    watcher.watch()
    for _ in range(15):
        submit(world, 1)
        submit(world, 3, author="AutoModerator")
    assert watcher.collect().intake == Intake(new=15)
    asked = len(world.asked("/new"))
    assert watcher.collect().intake == Intake()
    assert len(world.asked("/new")) == asked + 1
    assert watcher.report().is_clean


def test_a_malformed_row_is_set_aside_once_and_the_others_are_stored(watcher: Watcher, world: World) -> None:
    watcher.watch()
    submit(world, 2)
    submit(world, 1, selftext={"not": "a text"})
    submit(world, 2)
    assert watcher.collect().intake == Intake(new=4, rejected=1)
    assert watcher.collect().intake == Intake()
    assert watcher.count(DeadLetter) == 1


# --- edits and deletions ------------------------------------------------------------------------------------------


def test_an_edit_and_a_deletion_are_learned_of_by_asking_again(watcher: Watcher, world: World) -> None:
    watcher.watch()
    edited, deleted, left, removed, stays = submit(world, 5)
    reply = comment(world, stays)
    world.write(Platform.REDDIT, BAKERS, title="By one who leaves", author="leaver")
    watcher.collect()
    world.advance(600)
    world.edit(edited, body="We have found one.")
    world.edit(stays, body="Changed within minutes, which Reddit does not say")
    stays.extra["edited"] = False
    world.delete(deleted)
    world.delete(reply)
    world.delete_author(Platform.REDDIT, "leaver")
    left.extra["author"], left.deleted_at = "[deleted]", world.now
    removed.extra["removed_by_category"] = "moderator"
    summary = watcher.sweep(25)
    assert (summary.rechecked, summary.intake.edited, summary.intake.erased) == (7, 2, 5)
    assert watcher.report().is_clean
    assert watcher.sweep(1).rechecked == 0
    assert len(world.asked("/api/info")) == 1


def test_an_edit_at_the_top_of_the_listing_is_seen_by_the_next_pass(watcher: Watcher, world: World) -> None:
    watcher.watch()
    first, second = submit(world, 2)
    watcher.collect()
    world.edit(first, body="Now with a budget")
    second.extra["removed_by_category"] = "moderator"
    assert watcher.collect().intake == Intake(edited=1, erased=1)
    assert watcher.report().is_clean
    assert watcher.count(Tombstone) == 1


def test_a_subreddit_that_closed_is_not_taken_for_one_whose_posts_are_gone(watcher: Watcher, world: World) -> None:
    watcher.watch()
    submit(world, 5)
    watcher.collect()
    world.state(wire.Reddit).closed[BAKERS] = "private"
    summary = watcher.sweep(25)
    assert "it is private" in summary.errors[BAKERS]
    assert watcher.count(Post) == 5


def test_where_everything_is_gone_everything_is_erased(watcher: Watcher, world: World) -> None:
    watcher.watch()
    submit(world, 3)
    watcher.collect()
    world.fail("/api/info", faults.Transformed(lambda _: {"kind": "Listing", "data": {"children": []}}))
    assert watcher.sweep(25).intake == Intake(erased=3)
    assert watcher.count(Post) == 0


def test_posts_that_are_no_leads_are_kept_for_48_hours(watcher: Watcher, world: World) -> None:
    watcher.watch()
    submit(world, 3)
    watcher.collect()
    assert watcher.sweep(49).expired == 3
    assert watcher.collect().intake == Intake()  # and do not come back
    assert watcher.count(Post) == 0
