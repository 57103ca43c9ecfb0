import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from collectors.base import Watched
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.models import Tombstone
from overheard.vocabulary import Platform, PostKind, SourceState
from tests.collectors.live import Live
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires import discord

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CHANNEL, FORUM = "200", "300"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Live]:
    with serve(world):
        secrets = {"token": "bot-token"}
        yield Live(sessions, world, tmp_path, "discord", Platform.DISCORD, secrets)


@pytest.fixture
def watcher(live: Live) -> Live:
    live.watch("Bakers/#tools", CHANNEL)
    return live


@pytest.fixture
def state(world: World) -> discord.Discord:
    return world.state(discord.Discord)


def write(world: World, body: str | None = None, **extra: object) -> Written:
    world.advance(1)
    return world.write(Platform.DISCORD, CHANNEL, body=body, **extra)  # type: ignore[arg-type]


def changes(live: Live) -> dict[str, int]:
    """What one pass changed. The newest messages are read again each time; that they are the same is left out."""
    told = asdict(live.collect().intake)
    return {name: count for name, count in told.items() if count and name != "unchanged"}


def assert_clean(live: Live) -> None:
    report = compare(live.world, live.sessions)
    assert report.is_clean, report


def test_a_message_becomes_a_post_that_can_be_opened(watcher: Live, world: World) -> None:
    mentions = [{"id": "7", "username": "otto", "global_name": "Otto"}]
    first = write(world, "<@7> which <:oven:1> CRM? <#5> <t:0:R> **now**", author="rita", mentions=mentions)
    write(world, "This one", type=19, message_reference={"message_id": first.id})
    assert changes(watcher) == {"new": 2}
    post, reply = watcher.posts()
    assert (post.external_id, post.kind, post.author, post.author_name) == (
        first.id,
        PostKind.MESSAGE,
        "u-rita",
        "Rita",
    )
    assert post.body == "@Otto which :oven: CRM? #channel 1970-01-01 00:00 **now**"
    assert post.permalink == f"https://discord.com/channels/100/200/{first.id}"
    assert (post.posted_at, reply.parent_external_id) == (first.written_at, first.id)


def test_bots_webhooks_the_channels_own_news_and_pictures_are_left_out(watcher: Live, world: World) -> None:
    bot = write(world, "I am a bot")
    bot.extra["author"] = {"id": "9", "username": "b", "bot": True}
    write(world, "From a webhook", webhook_id="77")
    write(world, "rita pinned a message", type=6)
    write(world, "")
    write(world, "Which CRM?")
    assert changes(watcher) == {"new": 1}


def test_a_burst_of_450_messages_is_stored_whole_and_once(watcher: Live, world: World) -> None:
    write(world)
    watcher.collect()
    for _ in range(450):
        write(world)
    assert watcher.collect().intake.new == 450
    assert watcher.collect().intake.new == 0
    assert_clean(watcher)


def test_the_first_pass_begins_as_far_back_as_the_option_says(live: Live, world: World) -> None:
    for _ in range(130):
        write(world)
    live.watch("Bakers/#tools", CHANNEL, {"lookback": "120"})
    assert live.collect().intake.new == 120


def test_a_channel_that_was_empty_is_read_from_its_first_message(watcher: Live, world: World) -> None:
    assert changes(watcher) == {}
    for _ in range(250):
        write(world)
    assert watcher.collect().intake.new == 250


def test_edits_and_deletions_among_the_newest_messages_are_seen(watcher: Live, world: World) -> None:
    first, second, third, last = (write(world) for _ in range(4))
    watcher.collect()
    world.edit(second, body="Which CRM for a small bakery?")
    world.delete(first)
    world.delete(third)
    world.delete(last)
    assert changes(watcher) == {"edited": 1, "erased": 3}
    assert watcher.count(Tombstone) == 3
    assert_clean(watcher)


def test_all_messages_deleted_is_told_from_a_history_that_the_bot_may_not_read(
    watcher: Live, world: World, state: discord.Discord
) -> None:
    for _ in range(3):
        write(world)
    watcher.collect()
    state.is_history_hidden = True  # Discord then gives an empty list, and no error
    summary = watcher.collect()
    assert summary.error
    assert "Read Message History" in str(summary.error)
    assert len(watcher.posts()) == 3
    state.is_history_hidden = False
    for written in world.posts(Platform.DISCORD):
        world.delete(written)
    watcher.enable()
    assert changes(watcher) == {"erased": 3}


def test_threads_of_the_channel_are_read_from_their_first_message(watcher: Live, world: World) -> None:
    starter = write(world, "Which CRM?")
    watcher.collect()
    thread = discord.open_thread(world, CHANNEL, "Which CRM?", id=starter.id)
    answers = [write(world, thread=thread) for _ in range(230)]
    assert watcher.collect().intake.new == 230
    answer = watcher.posts()[-1]
    assert answer.parent_external_id == starter.id
    assert answer.permalink == f"https://discord.com/channels/100/{thread}/{answers[-1].id}"
    world.delete(answers[-1])
    world.edit(answers[-2], body="Edited")
    assert changes(watcher) == {"edited": 1, "erased": 1}
    assert_clean(watcher)


def test_a_thread_that_was_opened_and_put_away_between_two_passes_is_read(
    watcher: Live, world: World, state: discord.Discord
) -> None:
    write(world)
    watcher.collect()
    thread = discord.open_thread(world, CHANNEL, "Quick one")
    write(world, "Solved at once", thread=thread)
    state.threads[thread]["is_put_away"] = True
    assert changes(watcher) == {"new": 1}


def test_a_thread_that_is_deleted_takes_its_messages_with_it(
    watcher: Live, world: World, state: discord.Discord
) -> None:
    write(world)
    watcher.collect()
    thread = discord.open_thread(world, CHANNEL, "Quick one")
    inside = write(world, thread=thread)
    watcher.collect()
    world.delete(inside)
    del state.threads[thread]
    assert changes(watcher) == {"erased": 1}


def test_the_name_of_a_forums_post_is_its_title(live: Live, world: World, state: discord.Discord) -> None:
    state.channels[FORUM] = {"name": "help", "type": 15}
    live.watch("Bakers/#help", FORUM)
    live.collect()
    thread = discord.open_thread(world, FORUM, "Which CRM for a bakery?")
    world.write(Platform.DISCORD, FORUM, id=thread, body="", thread=thread)
    world.advance(1)
    world.write(Platform.DISCORD, FORUM, body="Try ours", thread=thread)
    assert changes(live) == {"new": 2}
    asked, answer = live.posts()
    assert (asked.title, asked.kind, asked.external_id) == ("Which CRM for a bakery?", PostKind.SUBMISSION, thread)
    assert (answer.title, answer.parent_external_id) == ("", thread)


@pytest.mark.parametrize("fault", faults.PASSING)
def test_what_goes_wrong_and_passes_costs_nothing(watcher: Live, world: World, fault: faults.Fault) -> None:
    for _ in range(150):
        write(world)
    world.fail("/messages", fault, times=2)
    world.fail("/threads", fault)
    for _ in range(4):
        watcher.collect()
    assert_clean(watcher)


def test_a_429_says_in_its_json_how_long_to_wait(watcher: Live, world: World) -> None:
    told = {"message": "slow down", "retry_after": 0.65, "global": True}
    slow = faults.Answer(429, json.dumps(told).encode(), {"Content-Type": "application/json", "Retry-After": "1"})
    world.fail("/messages", slow)
    write(world)
    assert watcher.collect().intake.new == 1
    assert watcher.waits == [0.65]


def test_a_long_429_holds_after_a_restart_and_nothing_is_asked_for_before(watcher: Live, world: World) -> None:
    told = json.dumps({"retry_after": 1800.5, "global": False}).encode()
    world.fail("/messages", faults.Answer(429, told, {"Content-Type": "application/json"}))
    write(world)
    watcher.collect()
    asked = len(world.requests)
    assert watcher.collect().error
    assert len(world.requests) == asked
    world.advance(1800)
    assert watcher.collect().intake.new == 1


def test_when_no_requests_are_left_the_next_one_waits(watcher: Live, state: discord.Discord) -> None:
    state.left = "0"
    watcher.collect()
    assert set(watcher.waits) == {1.5}
    assert watcher.source().budget == {"limit": 5.0, "remaining": 0.0, "resets_in": 1.5}


@pytest.mark.parametrize(
    ("status", "code", "says"), [(401, 0, "Reset it"), (403, 50001, "View Channel"), (404, 10003, "no such channel")]
)
def test_what_only_a_person_can_mend_waits_for_one(
    watcher: Live, world: World, status: int, code: int, says: str
) -> None:
    told = faults.Answer(status, json.dumps({"code": code}).encode(), {"Content-Type": "application/json"})
    world.fail("/messages", told)
    error = watcher.collect().error
    assert error
    assert error.permanent
    assert says in str(error)
    assert watcher.state() is SourceState.NEEDS_OPERATOR


def test_a_bot_that_is_not_given_texts_is_told_what_to_switch_on(
    watcher: Live, world: World, state: discord.Discord
) -> None:
    state.flags = 0
    write(world)
    assert "Message Content Intent" in str(watcher.collect().error)
    with pytest.raises(CollectorError, match="Message Content Intent"), watcher.open() as collector:
        collector.account_name()


def test_a_message_that_cannot_be_read_keeps_no_other_out(watcher: Live, world: World) -> None:
    write(world)
    write(world, timestamp="yesterday")
    write(world, content=7)
    write(world)
    assert changes(watcher) == {"new": 2, "rejected": 2}


def test_the_channels_that_the_bot_sees_are_listed_and_a_link_is_verified(live: Live, state: discord.Discord) -> None:
    state.channels |= {FORUM: {"name": "help", "type": 15}, "400": {"name": "voice", "type": 2}}
    with live.open() as collector:
        assert collector.account_name() == "rye-listener"
        found = [(found.address, found.community) for found in collector.communities()]
        assert found == [(CHANNEL, "Bakers/#tools"), (FORUM, "Bakers/#help")]
        (one,) = collector.communities("https://discord.com/channels/100/300")
        assert one.community == "Bakers/#help"
        with pytest.raises(CollectorError, match="no channel"):
            collector.communities("#help")
        with pytest.raises(CollectorError, match="no such channel"):
            collector.communities("999")


def look_again(live: Live, *ids: str) -> list[str]:
    with live.open() as collector:
        items = [item for batch in collector.recheck(Watched(CHANNEL, "Bakers/#tools"), ids) for item in batch]
    return [type(item).__name__ for item in items]


def test_a_message_is_looked_at_again_wherever_it_stands(watcher: Live, world: World, state: discord.Discord) -> None:
    at_home, gone = write(world), write(world)
    thread = discord.open_thread(world, CHANNEL, "Which CRM?")
    inside = write(world, thread=thread)
    state.threads[thread]["is_put_away"] = True
    world.delete(gone)
    assert look_again(watcher, at_home.id, gone.id, inside.id) == ["NewPost", "Erased", "NewPost"]


def test_a_message_in_a_thread_that_was_closed_to_the_bot_is_not_taken_for_deleted(watcher: Live, world: World) -> None:
    thread = discord.open_thread(world, CHANNEL, "Which CRM?")
    inside = write(world, thread=thread)
    closed = faults.Answer(403, b'{"code": 50001}', {"Content-Type": "application/json"})
    world.fail(f"channels/{thread}/messages", closed)
    assert look_again(watcher, inside.id) == []
