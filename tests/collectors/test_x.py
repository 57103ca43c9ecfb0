import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from collectors.base import Watched
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.listening.intake import Intake
from overheard.models import DeadLetter, Gap, Usage
from overheard.vocabulary import Platform, PostKind, SourceState
from tests.collectors.live import Live
from tests.factories import make_campaign
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires import x

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SEARCH = "crm (recommend OR alternative)"
PRICE = 0.005  # a post, in dollars


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Live]:
    with serve(world):
        yield Live(sessions, world, tmp_path, "x", Platform.X, {"token": "bearer-token"})


@pytest.fixture
def watcher(live: Live) -> Live:
    live.watch(SEARCH, SEARCH, {"budget": "100"})
    return live


def write(world: World, body: str | None = None, **extra: object) -> Written:
    world.advance(1)
    return world.write(Platform.X, SEARCH, body=body, **extra)  # type: ignore[arg-type]


def cost(live: Live) -> float:
    with live.sessions() as session:
        return round(session.scalar(sa.select(sa.func.sum(Usage.cost))) or 0.0, 6)


def assert_clean(live: Live) -> None:
    report = compare(live.world, live.sessions)
    assert report.is_clean, report


def test_a_post_is_stored_as_it_was_written(watcher: Live, world: World) -> None:
    links = {"urls": [{"url": "https://t.co/1", "expanded_url": "https://example.org/crm"}]}
    first = write(world, "Which CRM < €10? https://t.co/1", author="rita", entities=links)
    write(world, "Ours", kind=PostKind.COMMENT, parent=first)
    write(world, "RT: Which CRM", referenced_tweets=[{"type": "retweeted", "id": "1"}])
    write(world, "Cut…", note_tweet={"text": "The whole of a long post"})
    assert watcher.collect().intake == Intake(new=3)
    by_id = {post.external_id: post for post in watcher.posts()}
    post = by_id[first.id]
    assert post.body == "Which CRM < €10? https://example.org/crm"
    assert post.permalink == f"https://x.com/i/web/status/{first.id}"
    assert post.posted_at == first.written_at
    assert {post.parent_external_id for post in by_id.values()} == {None, first.id}
    assert "The whole of a long post" in watcher.texts()


def test_each_post_is_read_and_paid_for_once(watcher: Live, world: World) -> None:
    for _ in range(350):
        write(world)
    assert watcher.collect().intake == Intake(new=350)
    assert watcher.collect().intake == Intake()
    for _ in range(5):
        write(world)
    assert watcher.collect().intake == Intake(new=5)
    assert cost(watcher) == round(355 * PRICE, 6) == round(world.state(x.X).posts_read * PRICE, 6)
    assert_clean(watcher)


def test_an_edit_is_an_edit_though_it_has_a_new_id(watcher: Live, world: World) -> None:
    first = write(world, "Which CRM?")
    watcher.collect()
    world.edit(first, body="Which CRM for a bakery?")
    assert watcher.collect().intake == Intake(edited=1)
    assert_clean(watcher)


def test_a_post_whose_id_cannot_be_read_is_set_aside_and_blocks_nothing(watcher: Live, world: World) -> None:
    write(world, "Before")
    write(world, "Drifted").extra["id"] = None
    write(world, "After")
    assert watcher.collect().intake == Intake(new=2, rejected=1)
    assert [reason for _, reason in watcher.dead_letters()] == ["id is missing"]
    watcher.collect()
    assert watcher.count(DeadLetter) == 1


def test_a_walk_that_breaks_off_in_the_middle_is_begun_again(watcher: Live, world: World) -> None:
    watcher.collect()
    for _ in range(250):
        write(world)
    world.fail("next_token", faults.HTML_PAGE, times=4)
    summary = watcher.collect()
    assert summary.error
    assert summary.intake.new == 100  # stored, but the cursor stands where it stood
    assert watcher.collect().intake.new == 150
    assert_clean(watcher)


def test_what_is_written_during_a_walk_shifts_no_page(watcher: Live, world: World) -> None:
    for _ in range(150):
        write(world)

    class WhileTheyRead(faults.Delayed):
        async def answer(self, request, handler):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            for _ in range(30):
                write(world)
            return await handler(request)

    world.fail("next_token", WhileTheyRead(0))
    watcher.collect()
    watcher.collect()
    assert_clean(watcher)


def test_a_search_that_finds_nothing_at_first_goes_on_from_there(watcher: Live, world: World) -> None:
    assert watcher.collect().intake == Intake()
    assert watcher.source().cursor
    write(world)
    assert watcher.collect().intake == Intake(new=1)


def test_more_than_a_week_without_reading_is_a_gap(watcher: Live, world: World) -> None:
    write(world)
    watcher.collect()
    lost = write(world)
    world.advance(timedelta(days=9).total_seconds())
    write(world)
    summary = watcher.collect()
    assert (summary.intake, summary.missed) == (Intake(new=1), 1)
    with watcher.sessions() as session:
        gap = session.scalars(sa.select(Gap)).one()
    assert int(gap.first) <= int(lost.id) <= int(gap.last)


@pytest.mark.parametrize("fault", faults.PASSING)
def test_what_goes_wrong_and_passes_costs_nothing(watcher: Live, world: World, fault: faults.Fault) -> None:
    for _ in range(150):
        write(world)
    world.fail("search", fault, times=2)
    for _ in range(3):
        watcher.collect()
    assert_clean(watcher)


@pytest.mark.parametrize("answer", [b"{}", b'{"data": {}}', b'{"meta": {}}', b'{"data": [{"id": null}]}', b"[]"])
def test_an_answer_in_an_unknown_form_never_moves_the_cursor(watcher: Live, world: World, answer: bytes) -> None:
    write(world)
    watcher.collect()
    before = watcher.source().cursor
    world.fail("search", faults.Answer(200, answer), times=4)
    assert watcher.collect().error
    assert watcher.source().cursor == before


def test_a_429_waits_until_the_limit_is_renewed_and_a_restart_does_not_shorten_it(watcher: Live, world: World) -> None:
    reset = str(int(world.now.timestamp()) + 600)
    world.fail("search", faults.Answer(429, b"{}", {"x-rate-limit-reset": reset}))
    error = watcher.collect().error
    assert error
    assert error.retry_after == 600
    asked = len(world.requests)
    assert watcher.collect().error
    assert len(world.requests) == asked
    world.advance(600)
    assert watcher.collect().error is None


@pytest.mark.parametrize(
    ("status", "says"), [(400, "brackets"), (401, "bearer token"), (402, "credits"), (403, "does not allow")]
)
def test_what_only_a_person_can_mend_waits_for_one(watcher: Live, world: World, status: int, says: str) -> None:
    told = json.dumps({"errors": [{"message": "brackets do not match"}]}).encode()
    world.fail("search", faults.Answer(status, told))
    assert says in str(watcher.collect().error)
    assert watcher.state() is SourceState.NEEDS_OPERATOR


# --- money -----------------------------------------------------------------------------------------------------------


def test_four_fifths_of_the_budget_are_read_and_not_a_post_more(live: Live, world: World) -> None:
    live.watch(SEARCH, SEARCH, {"budget": "1"})
    for _ in range(300):
        write(world)
    summary = live.collect()
    assert summary.error
    assert "budget for reading X is spent ($0.80 of $1.00" in str(summary.error)
    assert "2026-12-01" in str(summary.error)
    assert cost(live) == 0.8
    asked = len(world.requests)
    world.advance(7_200)
    assert live.collect().error
    assert len(world.requests) == asked  # the hour may come round, nothing is asked for
    assert live.state() is SourceState.WATCHING


def test_with_the_new_month_reading_goes_on(live: Live, world: World) -> None:
    live.watch(SEARCH, SEARCH, {"budget": "1"})
    for _ in range(160):
        write(world)
    live.collect()
    write(world)
    assert live.collect().error
    world.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    write(world)
    summary = live.collect()
    assert summary.error is None
    assert summary.intake.new == 1
    assert summary.missed == 1  # November's last days are more than a week ago


def test_a_budget_that_is_raised_holds_at_the_next_pass(live: Live, world: World) -> None:
    live.watch(SEARCH, SEARCH, {"budget": "0.05"})
    for _ in range(20):
        write(world)
    assert live.collect().error
    live.watch(SEARCH, SEARCH, {"budget": "5"})
    assert live.collect().intake.new == 20


def test_names_are_asked_for_and_paid_for_where_they_are_wanted(live: Live, world: World) -> None:
    live.watch(SEARCH, SEARCH, {"budget": "5", "names": "yes"})
    write(world, author="rita")
    write(world, author="rita")
    live.collect()
    assert [post.author_name for post in live.posts()] == ["rita", "rita"]
    assert cost(live) == 2 * PRICE + 0.01


@pytest.mark.parametrize("budget", ["", "much", "-1", "nan"])
def test_a_budget_that_is_no_number_is_refused_before_a_cent_is_spent(live: Live, world: World, budget: str) -> None:
    live.watch(SEARCH, SEARCH, {"budget": budget})
    error = live.collect().error
    assert error
    assert error.permanent
    assert world.requests == []


def test_what_a_search_would_cost_is_told_before_it_is_added(live: Live, world: World) -> None:
    for _ in range(70):
        write(world)
    with live.open() as collector:
        assert collector.account_name() == "project 77"
        (found,) = collector.communities(f" {SEARCH} ")
        with pytest.raises(CollectorError, match="give one"):
            collector.communities()
    assert (found.address, found.note) == (SEARCH, "about 10 posts a day: $0.05 a day, $1.50 a month")
    assert world.state(x.X).posts_read == 0


# --- looking again ---------------------------------------------------------------------------------------------------


def test_posts_are_looked_at_again_in_their_newest_version(watcher: Live, world: World) -> None:
    same, edited, deleted, hidden = (write(world) for _ in range(4))
    watcher.collect()
    world.edit(edited, body="Edited")
    world.delete(deleted)
    world.state(x.X).hidden = {hidden.id}
    watched = Watched(SEARCH, SEARCH, {"budget": "100"})
    with watcher.open() as collector:
        ids = [same.id, edited.id, deleted.id, hidden.id]
        items = [item for batch in collector.recheck(watched, ids) for item in batch]
        assert {(type(item).__name__, item.external_id) for item in items} == {  # type: ignore[union-attr]
            ("NewPost", same.id), ("NewPost", edited.id), ("Erased", deleted.id), ("Erased", hidden.id),
        }  # fmt: skip
        assert collector.meter.take()[1] == pytest.approx(3 * PRICE)
        spent = Watched(SEARCH, SEARCH, {"budget": "1"}, spent=1.0)
        with pytest.raises(CollectorError, match="cannot be looked at again until 2026-12-01") as caught:
            list(collector.recheck(spent, ids))
        assert caught.value.retry_after


def test_no_post_outlives_its_deletion_at_x_by_a_day(watcher: Live, world: World) -> None:
    with watcher.sessions.begin() as session:
        make_campaign(session, now=world.now)
    gone, stays = write(world), write(world)
    watcher.collect()
    world.delete(gone)
    world.advance(timedelta(hours=23, minutes=30).total_seconds())
    assert watcher.sweep() == {}
    assert watcher.texts() == []  # neither is a lead, so both have gone
    assert stays.id
