"""Timelines of Mastodon: what a status is, the walk by id, asking again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.base import Watched
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.listening.intake import Intake, take_in
from overheard.vocabulary import Platform, PostKind, SourceState
from tests.collectors.mastodon_watcher import COMMUNITY, TAG, Watcher
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import mastodon as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watcher(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Watcher]:
    with serve(world):
        yield Watcher(sessions, world, tmp_path)


# --- what a status is ----------------------------------------------------------------------------------------------


def test_a_status_is_stored_with_its_writer_its_time_and_its_address(watcher: Watcher) -> None:
    watcher.watch()
    asked = watcher.write("Which CRM & why?\n\nFor <bakers>", title="Software", author="ann@other.test")
    watcher.write("This one", author="bob", parent=asked)
    assert watcher.collect().intake == Intake(new=2)
    first, second = watcher.posts()
    assert (first.title, first.body) == ("Software", "Which CRM & why?\n\nFor <bakers>")
    assert (first.external_id, first.author) == (f"town.test:{asked.id}", "ann@other.test")
    assert first.permalink == f"https://other.test/@ann/{asked.id}"
    assert (first.posted_at, first.as_of) == (datetime(2026, 11, 20, 9, 30, 1, tzinfo=UTC),) * 2
    assert (second.author, second.kind, second.parent_external_id) == (
        "bob@town.test",
        PostKind.COMMENT,
        first.external_id,
    )


@pytest.mark.parametrize(
    "profile",
    [{"note": "<p>Baker. <a href='https://town.test/tags/nobot' class='mention hashtag'>#<span>NoBot</span></a></p>"},
     {"discoverable": False}, {"indexable": False}],
)  # fmt: skip
def test_who_does_not_want_to_be_read_is_not(watcher: Watcher, world: World, profile: dict[str, object]) -> None:
    watcher.watch()
    watcher.write(author="ann")
    watcher.collect()
    world.state(wire.Mastodon).profiles["ann"] = profile
    watcher.write(author="ann")
    watcher.write(author="bob")
    watcher.collect()
    assert {post.author for post in watcher.posts()} == {"bob@town.test"}, "what we had of them goes as well"


def test_what_is_not_public_a_boost_or_a_picture_is_no_post(watcher: Watcher) -> None:
    watcher.watch()
    watcher.write(visibility="unlisted")
    watcher.write(visibility="private")
    watcher.write(reblog={"id": "1"})
    watcher.write("")
    assert watcher.collect().intake == Intake()


def test_a_status_that_cannot_be_read_is_set_aside_and_the_others_are_stored(watcher: Watcher) -> None:
    watcher.watch()
    for broken in ({"account": None}, {"content": 5}, {"created_at": "yesterday"}, {"created_at": None},
                   {"account": {"acct": ""}}, {"edited_at": 7}, {"url": ["x"]}):  # fmt: skip
        watcher.write(**broken)
        watcher.write()
    assert watcher.collect().intake == Intake(new=7, rejected=7)


def test_an_id_is_the_same_as_a_number_and_as_a_text(watcher: Watcher) -> None:
    watcher.watch()
    written = watcher.write()
    written.extra["id"] = int(written.id)
    assert watcher.collect().intake == Intake(new=1)
    del written.extra["id"]
    assert watcher.collect().intake == Intake(unchanged=1)
    assert [post.external_id for post in watcher.posts()] == [f"town.test:{written.id}"]


# --- the walk ------------------------------------------------------------------------------------------------------


def test_600_statuses_of_a_disconnected_time_are_walked_and_stored_once(watcher: Watcher, world: World) -> None:
    watcher.watch()
    watcher.write()
    watcher.collect()
    world.advance(3600)
    for _ in range(600):
        watcher.write()
    assert watcher.collect().intake == Intake(new=600, unchanged=1)  # a look back
    watcher.assert_nothing_is_wrong()


def test_the_first_walk_goes_200_statuses_back(watcher: Watcher, world: World) -> None:
    watcher.watch()
    for _ in range(300):
        world.advance(60)
        watcher.write()
    assert watcher.collect().intake == Intake(new=200)
    watcher.write()
    watcher.write()
    assert watcher.collect().intake.new == 2


def test_a_status_that_comes_late_from_another_instance_is_found(watcher: Watcher, world: World) -> None:
    watcher.watch()
    watcher.write()
    watcher.collect()
    late = world.write(Platform.MASTODON, TAG, author="ann@slow.test", at=datetime(2026, 11, 20, 9, 20, tzinfo=UTC))
    assert watcher.collect().intake.new == 1
    assert f"town.test:{late.id}" in {post.external_id for post in watcher.posts()}


def test_a_timeline_with_nothing_in_it_is_read_when_there_is_something(watcher: Watcher) -> None:
    watcher.watch()
    assert watcher.collect().intake == Intake()
    watcher.write()
    assert watcher.collect().intake == Intake(new=1)


@pytest.mark.parametrize(
    ("address", "community", "expected"),
    [("public", "town.test", 3), ("public:local", "town.test (local)", 2), ("list:7", "town.test list 7", 1)],
)
def test_other_timelines_are_walked_as_well(watcher: Watcher, address: str, community: str, expected: int) -> None:
    watcher.watch(address, community)
    watcher.write()
    watcher.write(community="list:7")
    watcher.write(author="ann@other.test")
    assert watcher.collect().intake.new == expected


def test_a_server_that_ignores_where_we_want_to_begin_is_not_walked_for_ever(watcher: Watcher, world: World) -> None:
    watcher.watch()
    for _ in range(3):
        watcher.write()
    watcher.collect()
    oldest = faults.Answer(body=b'[{"id": "1"}]', headers={"Content-Type": "application/json"})
    world.fail("timelines", oldest)
    assert "that were not asked for" in str(watcher.collect().error)


@pytest.mark.parametrize("fault", faults.PASSING, ids=repr)
def test_what_goes_wrong_for_a_moment_costs_nothing(watcher: Watcher, world: World, fault: faults.Fault) -> None:
    watcher.watch()
    for _ in range(100):
        watcher.write()
    world.fail("timelines", fault, times=3)
    summary = watcher.collect()
    assert (summary.error, summary.intake) == (None, Intake(new=100))


@pytest.mark.parametrize(
    ("status", "message", "permanent"),
    [
        (401, "does not know the token any more", True),
        (403, "needs the scope `read`", True),
        (422, "does not show that timeline", True),
        (404, "has no such timeline", True),
        (500, "Mastodon answered 500", False),
    ],
)
def test_a_refusal_is_told_with_what_to_do(
    watcher: Watcher, world: World, status: int, message: str, permanent: bool
) -> None:
    watcher.watch()
    world.fail("timelines", faults.Answer(status, b'{"error": "no"}'), times=4)
    error = watcher.collect().error
    assert error is not None
    assert message in str(error)
    assert error.permanent is permanent
    assert (watcher.source().state is SourceState.NEEDS_OPERATOR) is permanent


def test_the_instance_says_when_to_come_back(watcher: Watcher, world: World) -> None:
    watcher.watch()
    limits = {
        "X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "0", "Date": "Fri, 20 Nov 2026 09:30:00 GMT",
        "X-RateLimit-Reset": "2026-11-20T09:33:20.000Z",
    }  # fmt: skip
    world.fail("timelines", faults.Answer(429, b"{}", limits))
    error = watcher.collect().error
    assert error is not None
    assert (error.retry_after, watcher.waits) == (200.0, [])
    assert watcher.source().budget == {"limit": 300.0, "remaining": 0.0, "resets_in": 200.0}


# --- setting up, asking again --------------------------------------------------------------------------------------


def test_an_account_and_its_timelines_are_found(watcher: Watcher, world: World) -> None:
    with watcher.collector() as collector:
        assert collector.account_name() == "@ours@town.test"
        found = {each.address: each.community for each in collector.communities()}
        assert found == {
            "#crm": "town.test#crm", "list:7": "town.test list 7", "public": "town.test",
            "public:local": "town.test (local)",
        }  # fmt: skip
        for typed in ("#CRM", "crm", "https://town.test/tags/crm"):
            assert collector.communities(typed)[0].address == "#crm"
        with pytest.raises(CollectorError, match="is no timeline"):
            collector.communities("what is this?")
        world.state(wire.Mastodon).closed = {"/timelines/public"}
        with pytest.raises(CollectorError, match="Its admins may have closed it"):
            collector.communities("public")


def test_a_wrong_token_is_told_at_once(watcher: Watcher) -> None:
    watcher.secrets["token"] = "wrong"
    with watcher.collector() as collector, pytest.raises(CollectorError, match="does not know the token") as caught:
        collector.account_name()
    assert caught.value.permanent


def test_leads_are_asked_for_again(watcher: Watcher, world: World) -> None:
    watcher.watch()
    edited, deleted, private = (watcher.write() for _ in range(3))
    watcher.write()
    watcher.collect()
    world.advance(60)
    world.edit(edited, body="Now it says something else")
    world.delete(deleted)
    world.state(wire.Mastodon).profiles["writer"] = {}
    private.extra["visibility"] = "private"
    with watcher.collector() as collector:
        ids = [post.external_id for post in watcher.posts()]
        batches = collector.recheck(Watched(TAG, COMMUNITY), [*ids, "other.test:1"])
        items = [item for batch in batches for item in batch]
    with watcher.sessions.begin() as session:
        assert take_in(session, items, origin="test", now=world.now) == Intake(edited=1, erased=2, unchanged=1)
