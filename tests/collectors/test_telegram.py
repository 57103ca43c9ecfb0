import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from collectors.base import Deliver
from collectors.run import Reader
from overheard.db import Sessions, make_sessions
from overheard.errors import CollectorError
from overheard.listening import sources
from overheard.listening.intake import Intake
from overheard.models import Delivery, Gap, Source
from overheard.vocabulary import Platform, PostKind, SourceState
from tests.collectors.live import Live
from tests.collectors.test_crashes import Chapter, assert_the_end_is_the_same_wherever_it_is_killed
from tests.collectors.test_watch import until, watching
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires.telegram import Telegram

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CHAT = "-1001"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Live]:
    with serve(world):
        secrets = {"token": "123:invented-token"}
        yield Live(sessions, world, tmp_path, "telegram", Platform.TELEGRAM, secrets)


@pytest.fixture
def watcher(live: Live) -> Live:
    live.watch("Bakers", CHAT)
    return live


def write(world: World, body: str | None = None, **extra: object) -> Written:
    world.advance(1)
    return world.write(Platform.TELEGRAM, CHAT, body=body, **extra)  # type: ignore[arg-type]


class Patience(threading.Event):
    """Is set by itself when a listener has looked so many times whether it is to stop."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def deliverer(live: Live) -> Deliver:
    """As the watch keeps what is pushed."""

    def deliver(delivery_id: str, address: str, raw: bytes) -> None:
        with live.sessions.begin() as session:
            credential_id = session.scalars(sa.select(Source.credential_id)).first()
            assert credential_id
            sources.deliver(
                session, credential_id=credential_id, delivery_id=delivery_id, address=address, raw=raw,
                now=live.world.now,
            )  # fmt: skip

    return deliver


def listen(live: Live, *, rounds: int = 3) -> None:
    with live.open() as collector:
        collector.listen(deliverer(live), Patience(rounds))


def assert_clean(live: Live) -> None:
    report = compare(live.world, live.sessions)
    assert report.is_clean, report


def test_what_is_listened_to_becomes_posts(watcher: Live, world: World) -> None:
    first = write(world, "Which CRM for a bakery?", author="rita")
    write(world, "Ours", parent=first)
    listen(watcher)
    assert watcher.collect().intake == Intake(new=2)
    post, reply = watcher.posts()
    assert (post.external_id, post.kind, post.author_name) == ("-1001:1", PostKind.MESSAGE, "Rita")
    assert (post.permalink, post.posted_at) == ("https://t.me/bakers/1", first.written_at)
    assert reply.parent_external_id == "-1001:1"
    assert_clean(watcher)


def test_an_update_is_acknowledged_when_it_is_on_disk_and_not_before(watcher: Live, world: World) -> None:
    write(world)
    write(world)
    kept: list[str] = []

    def disk_is_full(delivery_id: str, _address: str, _raw: bytes) -> None:
        if kept:
            raise OSError("disk full")
        kept.append(delivery_id)

    with watcher.open() as collector, pytest.raises(OSError, match="disk full"):
        collector.listen(disk_is_full, Patience(3))
    assert world.state(Telegram).acknowledged == 0
    listen(watcher)
    assert world.state(Telegram).acknowledged > 0
    assert watcher.collect().intake == Intake(new=2)


def test_350_updates_come_in_whole_and_once_though_every_answer_comes_twice(watcher: Live, world: World) -> None:
    for _ in range(350):
        write(world)
    world.fail("getUpdates", faults.TWICE, times=2)
    world.fail("getUpdates", faults.BACKWARDS, times=1)
    world.fail("getUpdates", faults.RESET_AFTER, times=2)
    listen(watcher, rounds=8)
    listen(watcher, rounds=2)
    assert watcher.collect().intake.new == 350
    assert_clean(watcher)


def test_an_edit_that_is_delivered_before_its_message_wins(watcher: Live, world: World) -> None:
    first = write(world, "Which CRM?")
    world.advance(1)
    world.edit(first, body="Which CRM for a bakery?")
    world.fail("getUpdates", faults.BACKWARDS)
    listen(watcher)
    with watcher.sessions.begin() as session:
        rows = session.scalars(sa.select(Delivery).order_by(Delivery.id)).all()
        rows[0].raw, rows[1].raw = rows[1].raw, rows[0].raw
    watcher.collect()
    assert watcher.texts() == ["Which CRM for a bakery?"]


def test_an_edit_is_taken_in(watcher: Live, world: World) -> None:
    first = write(world, "Which CRM?")
    listen(watcher)
    watcher.collect()
    world.edit(first, body="Which CRM for a bakery?")
    listen(watcher)
    assert watcher.collect().intake == Intake(edited=1)
    assert_clean(watcher)


def test_bots_forwarded_words_and_pictures_are_left_out(watcher: Live, world: World) -> None:
    write(world, "From a bot", **{"from": {"id": 1, "is_bot": True, "first_name": "Bot"}})
    write(world, "Somebody else's words", forward_origin={"type": "user"})
    write(world, "")
    write(world, "Which CRM?")
    listen(watcher)
    assert watcher.collect().intake == Intake(new=1)


def test_chats_of_one_bot_are_kept_apart_and_what_nobody_watches_is_let_go(watcher: Live, world: World) -> None:
    world.state(Telegram).chats["-1002"] = {"type": "supergroup", "title": "Secret"}
    world.write(Platform.TELEGRAM, "-1002", body="Not for us")
    write(world, "For us")
    listen(watcher)
    assert watcher.collect().intake == Intake(new=1)
    with watcher.sessions() as session:
        assert len(session.scalars(sa.select(Delivery)).all()) == 1


def test_a_message_of_a_private_group_has_the_address_that_members_can_open(live: Live, world: World) -> None:
    world.state(Telegram).chats = {CHAT: {"type": "supergroup", "title": "Bakers"}}
    live.watch("Bakers", CHAT)
    write(world)
    listen(live)
    live.collect()
    assert live.posts()[0].permalink == "https://t.me/c/1/1"


@pytest.mark.parametrize("broken", [{"date": "noon"}, {"text": 7}, {"from": 7}, {"message_id": None}])
def test_an_update_that_cannot_be_read_keeps_no_other_out(
    watcher: Live, world: World, broken: dict[str, object]
) -> None:
    write(world)
    spoiled = write(world)
    write(world)
    spoiled.extra.update(broken)
    listen(watcher)
    assert watcher.collect().intake == Intake(new=2, rejected=1)


@pytest.mark.parametrize("fault", faults.PASSING)
def test_what_goes_wrong_and_passes_costs_nothing(watcher: Live, world: World, fault: faults.Fault) -> None:
    write(world)
    write(world)
    world.fail("getUpdates", fault, times=2)
    listen(watcher)
    watcher.collect()
    assert_clean(watcher)


def test_a_429_says_in_its_parameters_how_long_to_wait(watcher: Live, world: World) -> None:
    told = json.dumps({"ok": False, "error_code": 429, "parameters": {"retry_after": 9}}).encode()
    world.fail("getUpdates", faults.Answer(429, told, JSON))
    listen(watcher)
    assert watcher.waits == [9.0]


def refusal(status: int, description: str) -> faults.Answer:
    return faults.Answer(status, json.dumps({"ok": False, "description": description}).encode(), JSON)


@pytest.mark.parametrize(
    ("status", "description", "says"),
    [
        (401, "Unauthorized", "/token"),
        (404, "Not Found", "/token"),
        (409, "Conflict: can't use getUpdates method while webhook is active", "deleteWebhook"),
        (409, "Conflict: terminated by other getUpdates request", "Another program"),
    ],
)
def test_what_only_a_person_can_mend_says_what_to_do(
    watcher: Live, world: World, status: int, description: str, says: str
) -> None:
    world.fail("getUpdates", refusal(status, description), times=9)
    with pytest.raises(CollectorError, match=says) as caught:
        listen(watcher, rounds=9)
    assert caught.value.permanent
    assert "invented-token" not in str(caught.value)


def test_our_own_predecessors_last_question_is_no_other_program(watcher: Live, world: World) -> None:
    world.fail("getUpdates", refusal(409, "Conflict: terminated by other getUpdates request"), times=2)
    write(world)
    listen(watcher, rounds=5)
    assert watcher.collect().intake == Intake(new=1)


def test_more_than_a_day_without_listening_is_a_gap(watcher: Live, world: World) -> None:
    def pass_beside_a_listener() -> None:
        with watcher.open() as collector:
            Reader(watcher.sessions, collector, "telegram", watcher.clock, stays=lambda: True).read(watcher.source())

    pass_beside_a_listener()
    world.advance(23 * 3600)
    pass_beside_a_listener()
    assert watcher.count(Gap) == 0
    world.advance(25 * 3600)
    pass_beside_a_listener()
    assert watcher.count(Gap) == 1


def test_a_group_that_became_a_supergroup_says_its_new_id(watcher: Live, world: World) -> None:
    write(world, "Which CRM?")
    write(world, "", migrate_to_chat_id=-1007)
    listen(watcher)
    summary = watcher.collect()
    assert summary.intake == Intake(new=1)
    assert "-1007" in str(summary.error)
    assert watcher.state() is SourceState.NEEDS_OPERATOR


@pytest.mark.parametrize(
    "address", ["@bakers", "t.me/bakers", "https://t.me/bakers/12", CHAT, "https://web.telegram.org/k/#-1001"]
)
def test_a_group_is_found_by_what_people_copy(live: Live, address: str) -> None:
    with live.open() as collector:
        (found,) = collector.communities(address)
    assert (found.address, found.community, found.note) == (CHAT, "Bakers", "supergroup")


def test_what_is_no_group_and_a_group_without_the_bot_are_told(live: Live) -> None:
    with live.open() as collector:
        for address, says in (("", "is no Telegram group"), ("@florists", "is not in this group")):
            with pytest.raises(CollectorError, match=says):
                collector.communities(address)


def test_the_account_is_tried_at_once(live: Live, world: World) -> None:
    with live.open() as collector:
        assert collector.account_name() == "@rye_bot"
        world.state(Telegram).reads_groups = False
        with pytest.raises(CollectorError, match="/setprivacy"):
            collector.account_name()
    live.secrets = {"token": "nonsense"}
    with pytest.raises(CollectorError, match="looks like"):
        live.open()


def test_while_it_is_watched_what_is_written_comes_in_by_itself(watcher: Live, world: World) -> None:
    with watching(watcher.sessions, watcher.settings):
        write(world, "Before anybody listened")
        until(lambda: len(watcher.posts()) == 1)
        write(world, "While somebody listens")
        until(lambda: len(watcher.posts()) == 2)
    assert watcher.source().last_error is None
    assert_clean(watcher)


def test_a_listener_and_a_pass_that_are_killed_anywhere_end_as_if_they_had_not_been(
    engine: Engine, database_url: str, world: World, tmp_path: Path
) -> None:
    secrets = {"token": "123:invented-token"}
    first = write(world, "Which CRM?")
    world.edit(first, body="Which CRM for a bakery?")
    write(world, "Mine is fine")

    def anew() -> None:
        """The queue is as it was, and nothing of it is on our disk."""
        world.state(Telegram).acknowledged = 0
        with engine.begin() as connection:
            connection.execute(sa.delete(Delivery))
        engine.dispose()  # a connection must not be shared with the child

    def work(engine: Engine) -> None:
        live = Live(make_sessions(engine), world, tmp_path, "telegram", Platform.TELEGRAM, secrets)
        with live.sessions() as session:
            is_watched = sources.was_ever_watched(session)
        if not is_watched:
            live.watch("Bakers", CHAT)
        listen(live, rounds=2)
        live.collect()

    with serve(world):
        assert_the_end_is_the_same_wherever_it_is_killed(engine, database_url, Chapter(anew, work))
