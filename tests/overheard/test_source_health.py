"""How the sources are doing: what is measured, what is left out of it, and who comes first."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from overheard.errors import CollectorError, NotFound
from overheard.listening import source_health, sources
from overheard.listening.intake import Rejected, take_in
from overheard.listening.source_health import Concern, Lag, Spent
from overheard.listening.sources import Pause
from overheard.models import Credential, Gap, Post, Source
from overheard.vocabulary import Platform, PostKind
from tests.factories import new_post, watch_source

WEEK = timedelta(days=7)


def _hear(session: Session, source: Source, written: datetime, *, lag: float) -> None:
    """A post that was written then and taken in so many seconds later."""
    post = new_post(platform=source.platform, community=source.community, posted_at=written)
    take_in(session, [post], origin="test", now=written + timedelta(seconds=lag))


def _source(session: Session, now: datetime, **wanted: str) -> Source:
    return watch_source(session, now=now, **wanted)  # type: ignore[arg-type] # the factory checks them


def test_a_source_that_was_just_added_has_nothing_to_tell(session: Session, now: datetime) -> None:
    source = _source(session, now)
    (found,) = source_health.health(session, now)
    assert found.source is source
    assert (found.last_post_at, found.lag, found.posts, found.dead_letters) == (None, None, 0, 0)
    assert (found.today, found.month, found.gaps_open, found.concern) == (Spent(), Spent(), 0, Concern.NONE)
    assert (found.credential, found.credential_state) == (None, "no account needed")


def test_lag_leaves_out_what_was_written_before_it_was_watched_and_what_comes_from_the_future(
    session: Session, now: datetime
) -> None:
    source = _source(session, now - timedelta(hours=2))
    for seconds in range(1, 21):
        _hear(session, source, now - timedelta(minutes=60 - seconds), lag=seconds)
    _hear(session, source, now - timedelta(days=300), lag=299 * 86_400)
    _hear(session, source, now - timedelta(minutes=1), lag=-30)
    found = source_health.health_of(session, source.id, now)
    assert found.lag == Lag(p50=10, p95=19)
    assert found.last_post_at == now - timedelta(minutes=1)
    assert found.posts == 22
    assert found.posts_a_day == 22  # it is not watched for a whole day yet


def test_posts_are_those_of_the_last_seven_days(session: Session, now: datetime) -> None:
    source = _source(session, now - timedelta(days=30))
    for days in (20, 9, 6.9, 3, 3, 0.1, 0.05, 0.02, 0.01):
        _hear(session, source, now - timedelta(days=days), lag=60)
    found = source_health.health_of(session, source.id, now)
    assert (found.posts, found.posts_a_day) == (7, 1.0)
    assert found.lag == Lag(60, 60)


def test_of_a_busy_source_the_posts_of_a_week_are_reckoned_from_its_newest(session: Session, now: datetime) -> None:
    busy, imported, quiet, *_ = [
        _source(session, now - 2 * WEEK, address=str(n), community=f"c{n}") for n in range(500)
    ]
    every_six_minutes = [now - timedelta(minutes=6 * number) for number in range(1680, 0, -1)]
    came = [(busy, at) for at in every_six_minutes] + [(imported, now)] * 400 + [(quiet, now - timedelta(days=6))] * 3
    same = {"platform": Platform.HACKERNEWS, "kind": PostKind.SUBMISSION, "title": "", "body": "", "text_hash": ""}
    rows = [
        same | {"source_id": source.id, "collected_at": at, "external_id": str(number), "is_truncated": False}
        for number, (source, at) in enumerate(sorted(came, key=lambda one: one[1]))
    ]
    session.execute(sa.insert(Post), rows)
    posts = {one.source.id: one.posts for one in source_health.health(session, now)}
    assert posts[busy.id] == 1680
    assert posts[quiet.id] == 3
    assert posts[imported.id] <= len(rows), "not as if so many came at every moment"


def test_lag_is_of_the_newest_posts_only(session: Session, now: datetime) -> None:
    source = _source(session, now - timedelta(days=1))
    slow = [now - timedelta(hours=10, seconds=number) for number in range(600)]
    posts = [new_post(platform=source.platform, community=source.community, posted_at=at) for at in slow]
    take_in(session, posts, origin="test", now=now - timedelta(hours=1))
    for minute in range(10):
        written = now - timedelta(minutes=30 - minute)
        posts = [new_post(platform=source.platform, community=source.community, posted_at=written) for _ in range(50)]
        take_in(session, posts, origin="test", now=written + timedelta(seconds=5))
    assert source_health.health_of(session, source.id, now).lag == Lag(5, 5)


def test_what_it_took_is_told_for_today_and_for_the_month(session: Session, now: datetime) -> None:
    source = _source(session, now)
    for days, requests in ((0, 3), (1, 40), (now.day, 1000)):  # the last one is of the month before
        at = now - timedelta(days=days)
        sources.record_usage(session, source.id, requests=requests, cost=requests / 4, now=at)
    found = source_health.health_of(session, source.id, now)
    assert found.today == Spent(3, 0.75)
    assert found.month == Spent(43, 10.75)


def test_open_gaps_are_counted_and_the_newest_told(session: Session, now: datetime) -> None:
    source = _source(session, now)
    for number in range(5):
        at = now - timedelta(hours=number)
        repaired_at = now if number == 4 else None
        first, last = str(number), str(number + 1)
        gap = Gap(source_id=source.id, first=first, last=last, reason="gone", found_at=at, repaired_at=repaired_at)
        session.add(gap)
    session.flush()
    found = source_health.health_of(session, source.id, now)
    assert (found.gaps_open, found.gaps_repaired) == (4, 1)
    assert [gap.first for gap in found.newest_gaps] == ["0", "1", "2"]
    assert found.concern is Concern.GAPS


def test_dead_letters_alarm_from_one_in_a_hundred(session: Session, now: datetime) -> None:
    source = _source(session, now - WEEK)
    origin = f"{source.platform.display}: {source.community}"
    take_in(session, [Rejected("item 1", "no text", b"1")], origin=origin, now=now)
    take_in(session, [Rejected("item 2", "no text", b"2")], origin=origin, now=now - timedelta(days=8))
    sources.record_success(session, source.id, new=0, pause=Pause(), now=now)
    for _ in range(98):
        _hear(session, source, now, lag=0)
    assert source_health.health_of(session, source.id, now).has_too_many_dead_letters
    _hear(session, source, now, lag=0)
    found = source_health.health_of(session, source.id, now)
    assert (found.dead_letters, found.has_too_many_dead_letters, found.concern) == (1, False, Concern.NONE)


def test_the_worst_comes_first(session: Session, now: datetime) -> None:
    names = ["well", "gaps", "late", "failing", "refused", "paused", "removed"]
    made = {name: _source(session, now, community=name, address=name) for name in names}
    take_in(session, [new_post(community="imported")], origin="test", now=now)
    for name in ("well", "gaps", "late"):
        sources.record_success(session, made[name].id, new=0, pause=Pause(), now=now)
    made["late"].next_run_at = now - timedelta(minutes=16)
    session.add(Gap(source_id=made["gaps"].id, first="1", last="2", reason="gone", found_at=now))
    sources.record_failure(session, made["failing"].id, CollectorError("it is down"), now=now)
    sources.record_failure(session, made["refused"].id, CollectorError("no such key", permanent=True), now=now)
    sources.pause(made["paused"])
    sources.remove(made["removed"])
    session.flush()
    order = [found.source.community for found in source_health.health(session, now)]
    assert order == ["refused", "failing", "late", "gaps", "well", "paused", "removed", "imported"]


def test_the_account_and_its_state_are_told_in_words(session: Session, now: datetime) -> None:
    credential = Credential(mode="hackernews", name="acme", sealed=b"", changed_at=now)
    session.add(credential)
    session.flush()
    source = watch_source(session, now=now, credential_id=credential.id)
    states = []
    steps: tuple[Callable[[], None], ...] = (
        lambda: None,
        lambda: sources.record_success(session, source.id, new=0, pause=Pause(), now=now),
        lambda: sources.record_failure(session, source.id, CollectorError("down"), now=now),
        lambda: sources.record_failure(session, source.id, CollectorError("no", permanent=True), now=now),
    )
    for step in steps:
        step()
        found = source_health.health_of(session, source.id, now)
        states.append((found.credential, found.credential_state))
    assert states == [
        ("acme", "not used yet"),
        ("acme", "accepted"),
        ("acme", "unclear since the last pass failed"),
        ("acme", "to be looked at: the platform said no"),
    ]


def test_no_source_and_no_posts_are_no_error(session: Session, now: datetime) -> None:
    assert source_health.health(session, now) == []
    with pytest.raises(NotFound, match="There is no source 7"):
        source_health.health_of(session, 7, now)


def test_fifty_sources_take_as_many_statements_as_two(session: Session, engine: Engine, now: datetime) -> None:
    statements: list[str] = []

    def count(*happened: object) -> None:
        statements.append(str(happened[2]))

    event.listen(engine, "before_cursor_execute", count)

    def asked(number: int) -> int:
        for made in range(number):
            community = f"r/{number}-{made}"
            take_in(session, [new_post(platform=Platform.REDDIT, community=community)], origin="test", now=now)
        session.flush()
        statements.clear()
        source_health.health(session, now)
        # Finding where the week begins takes one look for each doubling of the number of posts.
        return len([statement for statement in statements if "posts.collected_at" not in statement.split("FROM")[0]])

    assert asked(2) == asked(50)
