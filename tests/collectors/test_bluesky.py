"""What Bluesky's stream brings, and what is asked for again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from collectors.base import Tools, Watched
from collectors.bluesky.collector import Bluesky
from overheard.db import Sessions
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.intake import Intake, take_in
from overheard.listening.posts import as_tombstone
from overheard.models import DeadLetter, Tombstone
from overheard.vocabulary import Platform, PostKind
from tests.collectors.bluesky_watcher import Watcher, write
from tests.factories import make_campaign
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import bluesky as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watcher(sessions: Sessions, world: World) -> Iterator[Watcher]:
    with serve(world):
        yield Watcher(sessions, world)


def test_a_post_is_stored_with_its_writer_its_time_and_its_address(watcher: Watcher, world: World) -> None:
    watcher.watch()
    world.advance(1)
    asked = world.write(
        Platform.BLUESKY, wire.COMMUNITY, body="Which CRM?", author="ann", createdAt="2026-11-20T09:00:00Z"
    )
    key = write(world, "This one.", author="bob", parent=asked)
    assert watcher.collect().intake == Intake(new=2)
    first, second = watcher.posts()
    assert (first.external_id, first.author, first.body) == (asked.id, "did:plc:ann", "Which CRM?")
    assert first.permalink == f"https://bsky.app/profile/did:plc:ann/post/{asked.id.rpartition('/')[2]}"
    assert (first.posted_at, first.as_of) == (datetime(2026, 11, 20, 9, tzinfo=UTC), asked.written_at)
    assert (second.external_id, second.kind, second.parent_external_id) == (key, PostKind.COMMENT, asked.id)
    watcher.assert_nothing_is_wrong()


def test_what_comes_after_a_pass_is_read_by_the_next_and_once(watcher: Watcher, world: World) -> None:
    watcher.watch()
    keys = [write(world) for _ in range(3)]
    assert watcher.collect().intake == Intake(new=3)
    keys += [write(world) for _ in range(700)]
    assert watcher.collect().intake == Intake(new=700, unchanged=1)  # the cursor is inclusive
    assert watcher.collect().intake == Intake(unchanged=1)
    assert [post.external_id for post in watcher.posts()] == keys


def test_what_was_written_between_two_passes_without_any_event_before_is_read(watcher: Watcher, world: World) -> None:
    watcher.watch()
    assert watcher.collect().intake == Intake()
    world.advance(3600)
    write(world)
    world.advance(3600)
    assert watcher.collect().intake == Intake(new=1)


def test_the_time_that_the_writers_machine_says_is_believed_within_reason(watcher: Watcher, world: World) -> None:
    watcher.watch()
    for said in ("1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "yesterday", "0000-00-00", None):
        write(world, createdAt=said)
    watcher.collect()
    assert {post.posted_at for post in watcher.posts()} == {post.as_of for post in watcher.posts()}
    assert len(watcher.posts()) == 5


def test_edits_and_deletions_are_followed(watcher: Watcher, world: World) -> None:
    watcher.watch()
    edited = world.write(Platform.BLUESKY, wire.COMMUNITY, body="Befor")
    deleted = world.write(Platform.BLUESKY, wire.COMMUNITY)
    watcher.collect()
    world.advance(60)
    world.edit(edited, body="Before")
    world.delete(deleted)
    world.advance(60)
    # The cursor is inclusive: the last event of the first pass comes again, before its post is erased.
    assert watcher.collect().intake == Intake(edited=1, erased=1, unchanged=1)
    watcher.assert_nothing_is_wrong()


def test_an_account_that_is_deleted_takes_all_its_posts_along(watcher: Watcher, world: World) -> None:
    watcher.watch()
    for author in ("ann", "bob", "ann"):
        write(world, author=author)
    watcher.collect()
    write(world, author="ann")
    world.advance(1)
    world.delete_author(Platform.BLUESKY, "ann")
    watcher.collect()
    assert [post.author for post in watcher.posts()] == ["did:plc:bob"]
    watcher.assert_nothing_is_wrong()


@pytest.mark.parametrize(("status", "left"), [("deleted", 0), ("takendown", 0), ("deactivated", 1), ("suspended", 1)])
def test_only_who_is_gone_for_good_is_erased(watcher: Watcher, world: World, status: str, left: int) -> None:
    watcher.watch()
    write(world, author="ann")
    seq = len(world.changes) + 1
    wire_state = world.state(wire.Bluesky)
    wire_state.frames_before[seq] = [wire.left(seq, world.now, "ann", status)]
    write(world, author="bob")
    watcher.collect()
    assert len([post for post in watcher.posts() if post.author == "did:plc:ann"]) == left


@pytest.mark.parametrize("keep", ["all", "matches"])
def test_a_deletion_that_comes_before_the_post_wins(watcher: Watcher, world: World, keep: str) -> None:
    watcher.watch(keep=keep)
    with watcher.sessions.begin() as session:
        make_campaign(session, now=world.now)
    world.advance(1)
    post = world.write(Platform.BLUESKY, wire.COMMUNITY)
    world.delete(post)
    world.changes.reverse()
    watcher.collect()
    assert watcher.posts() == []


def test_with_keep_matches_only_what_a_query_meets_stays_and_others_deletions_leave_no_trace(
    watcher: Watcher, world: World
) -> None:
    watcher.watch(keep="matches")
    with watcher.sessions.begin() as session:
        make_campaign(session, now=world.now, queries={"crm": "crm"})
    met, unmet, _ = write(world, "Which CRM?"), write(world, "Which oven?"), write(world, "Which flour?")
    watcher.collect()
    assert [post.external_id for post in watcher.posts()] == [met]
    for key in (met, unmet):
        written = world.find(Platform.BLUESKY, key)
        assert written is not None
        world.advance(1)
        world.delete(written)
    watcher.collect()
    with watcher.sessions() as session:
        assert session.scalars(sa.select(Tombstone.external_id)).all() == [as_tombstone(met)]


def test_languages_that_are_not_wanted_are_left_out(watcher: Watcher, world: World) -> None:
    watcher.watch(languages="de, en-GB")
    for languages in (["en"], ["de-AT", "fr"], ["fr"], [], None, ["pt-BR"], "en"):
        write(world, str(languages), langs=languages)
    watcher.collect()
    assert {post.body for post in watcher.posts()} == {"['en']", "['de-AT', 'fr']", "[]", "None", "en"}


def test_a_picture_without_a_word_is_no_post(watcher: Watcher, world: World) -> None:
    watcher.watch()
    write(world, "")
    assert watcher.collect().intake == Intake()


def test_some_accounts_are_followed_by_their_handles(watcher: Watcher, world: World) -> None:
    for author in ("ann", "bob", "cat"):
        write(world, author=author)
    collector = Bluesky(Tools(watcher.settings, lambda: world.now, watcher.waits.append))
    with collector:
        (found,) = collector.communities("@Ann.bsky.test, https://bsky.app/profile/bob.bsky.test/post/3k1")
        assert found.address == "did:plc:ann,did:plc:bob"
        assert found.community == "@ann.bsky.test, @bob.bsky.test"
        assert collector.communities("")[0].community == "Bluesky"
        with pytest.raises(InvalidInput, match=r"knows no account 'dan\.bsky\.test'"):
            collector.communities("dan.bsky.test")
    watcher.watch(found.address)
    watcher.collect()
    assert {post.author_name for post in watcher.posts()} == {"ann.bsky.test", "bob.bsky.test"}
    assert world.asked("dids=did:plc:ann")
    watcher.assert_nothing_is_wrong(authors=frozenset({"ann", "bob"}))


def test_a_new_handle_is_learned_from_the_stream(watcher: Watcher, world: World) -> None:
    watcher.watch()
    seq = len(world.changes) + 1
    world.state(wire.Bluesky).frames_before[seq] = [wire.renamed(seq, world.now, "ann", "ann.example")]
    write(world, author="ann")
    watcher.collect()
    assert [post.author_name for post in watcher.posts()] == ["ann.example"]


def test_leads_are_asked_for_again_and_what_is_not_shown_any_more_is_erased(watcher: Watcher, world: World) -> None:
    watcher.watch()
    written = [world.write(Platform.BLUESKY, wire.COMMUNITY, at=world.now + timedelta(seconds=n)) for n in range(30)]
    watcher.collect()
    world.advance(3600)
    world.edit(written[3], body="Now it says something else")
    world.delete(written[4])
    with Bluesky(Tools(watcher.settings, lambda: world.now, watcher.waits.append)) as collector:
        batches = collector.recheck(Watched("", wire.COMMUNITY), [post.id for post in written])
        items = [item for batch in batches for item in batch]
    with watcher.sessions.begin() as session:
        assert take_in(session, items, origin="test", now=world.now) == Intake(edited=1, erased=1, unchanged=28)
    assert len(world.asked("getPosts")) == 2
    watcher.assert_nothing_is_wrong()


@pytest.mark.parametrize("answer", [faults.HTML_PAGE, faults.NOT_OK, faults.Answer(body=b"[]"), faults.UNAVAILABLE])
def test_an_answer_that_is_none_erases_nothing(watcher: Watcher, world: World, answer: faults.Answer) -> None:
    key = write(world)
    world.fail("getPosts", answer, times=4)
    with (
        Bluesky(Tools(watcher.settings, lambda: world.now, watcher.waits.append)) as collector,
        pytest.raises(CollectorError),
    ):
        list(collector.recheck(Watched("", wire.COMMUNITY), [key]))


def test_garbage_between_the_frames_is_set_aside_and_the_stream_goes_on(watcher: Watcher, world: World) -> None:
    watcher.watch()
    keys = [write(world) for _ in range(2)]
    garbage = [
        "not JSON", '{"half": ', "[]", "17", '{"$type": "weather"}', '{"$type": "message"}',
        '{"$type": "message", "payload": {"$type": "network.bsky.jetstream.subscribeEvents#commit", "seq": "1"}}',
        '{"$type": "message", "payload": {"seq": true, "time": "2026-11-20T09:30:00Z"}}',
        wire.message("commit", 1, world.now, "ann", operation="create", collection=wire.POSTS, rkey="a", record=[]),
        wire.message("commit", 1, world.now, "ann", operation="create", collection=wire.POSTS, rkey="b", record={}),
        wire.message("commit", 1, world.now, "ann", operation="create", collection=wire.POSTS),
        wire.message("account", 1, world.now, "ann"),
        wire.message("weather", 1, world.now, "ann"),
        "[" * 100_000,
    ]  # fmt: skip
    world.state(wire.Bluesky).frames_before[2] = garbage
    summary = watcher.collect()
    assert (summary.error, summary.intake) == (None, Intake(new=2, rejected=len(garbage)))
    assert [post.external_id for post in watcher.posts()] == keys
    assert len(watcher.all(DeadLetter)) == len(garbage)


def test_records_of_other_kinds_and_what_we_have_no_use_for_are_passed_over(watcher: Watcher, world: World) -> None:
    watcher.watch()
    world.state(wire.Bluesky).frames_before[1] = [
        wire.message("commit", 1, world.now, "ann", operation="create", collection="app.bsky.feed.like", rkey="a"),
        wire.message("sync", 1, world.now, "ann", sync={}),
        wire.info("SomethingNew"),
    ]
    write(world)
    assert watcher.collect().intake == Intake(new=1)
