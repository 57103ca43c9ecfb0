"""Slack's history: pages, threads, and what is gone; what is a post and what is none."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from collectors.run import CollectSummary, collect
from overheard.db import Sessions
from overheard.listening.intake import Intake
from overheard.models import DeadLetter, Post, Source, Tombstone
from overheard.vocabulary import Platform
from tests.collectors.slack_live import (
    DAY,
    HOUR,
    JSON,
    POLLING,
    TOLD,
    SlackLive,
    assert_all_is_well,
    events,
    make_live,
    say,
)
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import slack as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[SlackLive]:
    """Without events: history is all there is."""
    with serve(world, [wire.WIRE]):
        yield make_live(sessions, world, tmp_path, POLLING)


@pytest.fixture
def told(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[SlackLive]:
    """With events; they are pushed by hand."""
    with serve(world, [wire.WIRE]):
        yield make_live(sessions, world, tmp_path, TOLD)


def test_the_first_reading_goes_back_as_far_as_was_asked_for(live: SlackLive, world: World) -> None:
    say(world, "Long ago", at=world.now - timedelta(days=8))
    say(world, "This week", at=world.now - timedelta(days=6))
    say(world, "Today")
    assert live.collect_after(60) == Intake(new=2)
    assert live.bodies() == {"This week", "Today"}


def test_a_message_becomes_a_post_with_the_name_and_the_address_of_its_writer(live: SlackLive, world: World) -> None:
    written = say(world, "Which oven for <rye> & wheat?")
    live.collect_after(60)
    (post,) = live.posts()
    assert (post.external_id, post.body) == (f"T1:C1:{written.id}", "Which oven for <rye> & wheat?")
    assert (post.author, post.author_name) == ("URITA", "Rita")
    assert post.permalink == f"https://bakery.slack.com/archives/C1/p{written.id.replace('.', '')}"


def test_a_message_whose_time_cannot_be_read_is_set_aside_and_nothing_is_taken_for_gone(
    live: SlackLive, world: World
) -> None:
    parent = say(world, "Which oven?")
    reply = say(world, "Ours", parent=parent)
    live.collect_after(60)
    for drifted in (parent, reply):
        drifted.extra["ts"] = None
        say(world, "And a mixer?", parent=parent)
        live.collect_after(HOUR)
        assert {"Which oven?", "Ours"} <= live.bodies()
        del drifted.extra["ts"]
    live.collect_after(HOUR)
    assert live.count(DeadLetter) > 0
    assert_all_is_well(live)


def test_markup_is_decoded_once_and_ids_are_called_by_their_names(live: SlackLive, world: World) -> None:
    text = "<@UOTTO> in <#C1|>: see <https://example.org/?a=1&amp;b=2|the &amp;lt; page> <@UXGONE> <#C9>"
    say(world, text=text)
    live.collect_after(60)
    assert live.texts() == ["@Otto in #ovens: see the &lt; page @UXGONE #C9"]


def test_pages_of_history_lose_nothing_though_messages_come_in_between(live: SlackLive, world: World) -> None:
    world.state(wire.Slack).most = 4
    for _ in range(23):
        say(world)
        world.advance(1)
    later = iter(range(3))

    def somebody_writes(_: CollectSummary) -> None:
        if next(later, None) is not None:
            say(world)

    collect(live.sessions, live.settings, clock=live.clock, sleep=live.waits.append, on_progress=somebody_writes)
    live.collect_after(60)
    assert_all_is_well(live)
    assert live.count(Post) == len(world.posts(Platform.SLACK)) > 23


def test_a_reading_that_breaks_off_goes_on_where_it_was(live: SlackLive, world: World) -> None:
    world.state(wire.Slack).most = 5
    for _ in range(20):
        say(world)
        world.advance(1)
    requests: list[object] = []

    def third_breaks(_: CollectSummary) -> None:
        requests.append(1)
        if len(requests) == 2:
            world.fail("conversations.history", faults.RESET, times=4)

    (summary,) = collect(
        live.sessions, live.settings, clock=live.clock, sleep=live.waits.append, on_progress=third_breaks
    )
    assert summary.error is not None
    assert live.count(Post) == 10
    world.heal()
    say(world, "Later")
    before = live.asked("conversations.history")
    live.collect_after(60)
    first = world.asked("conversations.history")[before]
    assert b"latest=9999999999" not in first.body, "it begins below what it had"
    assert_all_is_well(live)


def test_what_was_read_is_not_asked_for_again(live: SlackLive, world: World) -> None:
    for _ in range(3):
        say(world)
    live.collect_after(60)
    assert live.collect_after(60) == Intake(unchanged=3), "the overlap"
    say(world, "New")
    assert live.collect_after(3600).new == 1


def test_a_thread_comes_whole_with_its_first_message(live: SlackLive, world: World) -> None:
    world.state(wire.Slack).most = 3
    parent = say(world, "Which oven?")
    for number in range(7):
        say(world, f"Answer {number}", parent=parent)
    live.collect_after(60)
    assert live.count(Post) == 8
    replies = [post for post in live.posts() if post.external_id != f"T1:C1:{parent.id}"]
    assert {post.parent_external_id for post in replies} == {f"T1:C1:{parent.id}"}


def test_a_reply_sent_to_the_channel_too_is_stored_once(live: SlackLive, world: World) -> None:
    parent = say(world, "Which oven?")
    say(world, "The big one", parent=parent, subtype="thread_broadcast")
    assert live.collect_after(60).new == 2
    live.collect_after(HOUR)
    assert_all_is_well(live)


def test_a_thread_that_wakes_weeks_later_is_found_by_looking_back(live: SlackLive, world: World) -> None:
    live.lookback_days = 30
    parent = say(world, "Which oven?")
    say(world, "Old answer", parent=parent)
    live.collect_after(60)
    for _ in range(3):
        live.collect_after(7 * DAY)
    say(world, "Late answer", parent=parent)
    live.collect_after(HOUR)
    assert "Late answer" in live.bodies()
    before = live.asked("conversations.replies")
    live.collect_after(HOUR)
    assert live.asked("conversations.replies") == before, "a thread that is as it was is not read again"


def test_edits_and_deletions_of_which_nobody_told_are_found_by_looking_back(live: SlackLive, world: World) -> None:
    live.lookback_days = 3
    kept, edited, deleted = say(world, "Kept"), say(world, "Before"), say(world, "Gone")
    parent = say(world, "Thread")
    reply, _ = say(world, "Reply gone", parent=parent), say(world, "Reply kept", parent=parent)
    live.collect_after(60)
    world.edit(edited, body="After")
    world.delete(deleted)
    world.delete(reply)
    live.collect_after(HOUR)
    assert live.bodies() == {"Kept", "After", "Thread", "Reply kept"}
    assert live.count(Tombstone) == 2
    assert_all_is_well(live)
    world.advance(4 * DAY)
    world.delete(kept)
    live.collect_after(HOUR)
    assert "Kept" in live.bodies(), "older than we look back: the re-check of leads is for these"


def test_a_reply_that_was_deleted_minutes_after_it_was_written_goes(live: SlackLive, world: World) -> None:
    live.lookback_days = 3
    parent, _ = say(world, "Thread"), say(world, "Aside")
    say(world, "Reply kept", parent=parent)
    regretted = say(world, "Reply regretted", parent=parent)
    live.collect_after(60)
    world.delete(regretted)
    live.collect_after(60)  # too fresh to be taken for gone
    live.collect_after(HOUR)
    assert "Reply regretted" not in live.bodies()


def test_a_deleted_message_with_replies_goes_and_its_replies_stay(live: SlackLive, world: World) -> None:
    parent = say(world, "Which oven?")
    reply = say(world, "The big one", parent=parent)
    live.collect_after(60)
    world.delete(parent)
    live.collect_after(HOUR)
    assert live.bodies() == {"The big one"}
    world.delete(reply)
    live.collect_after(HOUR)
    assert live.bodies() == set()
    assert_all_is_well(live)


def test_a_message_that_history_does_not_show_yet_is_not_taken_for_deleted(told: SlackLive, world: World) -> None:
    told.collect_after(60)
    world.advance(6 * HOUR)
    fresh = say(world, "Fresh")
    told.push(*events(world))
    hidden = told.world.posts
    world.fail("conversations.history", faults.Answer(200, b'{"ok": true, "messages": [], "has_more": false}', JSON))
    assert hidden(Platform.SLACK) == [fresh]
    assert told.collect_after(0).erased == 0
    assert told.bodies() == {"Fresh"}


def test_a_workspace_that_hides_its_past_does_not_look_as_if_it_were_deleted(live: SlackLive, world: World) -> None:
    say(world, "Old")
    world.advance(DAY)
    newer = say(world, "Newer")
    live.collect_after(60)
    shown = json.dumps({"ok": True, "messages": [wire.message(newer)], "has_more": False, "is_limited": True}).encode()
    world.fail("conversations.history", faults.Answer(200, shown, JSON), times=5)
    live.collect_after(HOUR)
    assert live.bodies() == {"Old", "Newer"}


def test_a_text_that_was_taken_away_is_erased(live: SlackLive, world: World) -> None:
    written = say(world, "Call me")
    live.collect_after(60)
    world.edit(written, body="")
    live.collect_after(HOUR)
    assert live.count(Post) == 0


def test_a_channel_that_is_renamed_keeps_its_source_and_its_name_here(live: SlackLive, world: World) -> None:
    say(world, "Before")
    live.collect_after(60)
    world.state(wire.Slack).channels["C1"].name = "hot-ovens"
    say(world, "After")
    live.collect_after(60)
    with live.sessions() as session:
        assert session.scalars(sa.select(Source.community)).all() == ["bakery/#ovens"]
    assert live.bodies() == {"Before", "After"}


@pytest.mark.parametrize(
    "extra",
    [
        {"subtype": "channel_join"},
        {"subtype": "bot_message", "bot_id": "B1"},
        {"bot_id": "B1"},
        {"user": wire.ME},
        {"user": "USLACKBOT"},
        {"user": "UROBOT"},
        {"text": "", "files": [{"id": "F1"}]},
    ],
)
def test_what_no_person_wrote_is_passed_by(live: SlackLive, world: World, extra: dict[str, Any]) -> None:
    world.state(wire.Slack).bots.add("UROBOT")
    say(world, **extra)
    assert live.collect_after(60) == Intake()


def test_a_message_of_blocks_only_has_their_text(live: SlackLive, world: World) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "Which *oven* &amp; why?"}}
    say(world, text="", blocks=[section])
    live.collect_after(60)
    assert live.texts() == ["Which *oven* & why?"]


def test_one_broken_message_is_set_aside_and_the_others_come_in(live: SlackLive, world: World) -> None:
    say(world, "One")
    say(world, text={"not": "a text"})
    say(world, "Three")
    assert live.collect_after(60) == Intake(new=2, rejected=1)
    assert live.count(DeadLetter) == 1
