"""What is judged first, and by whom."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from classifier import backlog
from classifier.backlog import BATCH, LEASE, Backlog
from overheard.db import Sessions
from overheard.listening.intake import take_in
from overheard.models import Post, Source, UnjudgedPost
from tests.factories import new_post


def _stored(sessions: Sessions, community: str, number: int, *, now: datetime, posted_at: datetime) -> None:
    with sessions.begin() as session:
        posts = [new_post(community=community, author=f"a{n}", posted_at=posted_at) for n in range(number)]
        take_in(session, posts, origin="t", now=now)


def test_what_was_written_lately_comes_before_what_is_filled_in(sessions: Sessions, now: datetime) -> None:
    _stored(sessions, "r/bakers", 2, now=now, posted_at=now - timedelta(hours=1))
    _stored(sessions, "r/bakers", 3, now=now, posted_at=now - timedelta(days=400))
    with sessions.begin() as session:
        batch = Backlog("toy-1").next_batch(session, now)
        posted = [session.get_one(Post, row.id).posted_at for row in batch]
    assert posted == [now - timedelta(hours=1)] * 2 + [now - timedelta(days=400)] * 3


def test_a_flood_in_one_place_keeps_no_other_one_waiting(sessions: Sessions, now: datetime) -> None:
    _stored(sessions, "r/bakers", 3, now=now, posted_at=now)
    _stored(sessions, "r/everything", BATCH, now=now, posted_at=now)
    with sessions.begin() as session:
        batch = Backlog("toy-1").next_batch(session, now)
        first = [row.source_id for row in batch[:6]]
    assert sorted(Counter(first).values()) == [3, 3]


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_flood_that_never_ends_keeps_nobody_waiting_for_good(
    sessions: Sessions, now: datetime, monkeypatch: pytest.MonkeyPatch, is_shared: bool
) -> None:
    monkeypatch.setattr(backlog, "_AMONG", 8)
    monkeypatch.setattr(backlog, "BATCH", 4)
    _stored(sessions, "r/everything", 30, now=now, posted_at=now)
    _stored(sessions, "r/bakers", 1, now=now, posted_at=now)
    taken, run = Counter[int | None](), Backlog("toy-1", is_shared=is_shared)
    for _ in range(9):
        _stored(sessions, "r/everything", 20, now=now, posted_at=now)  # five times as many as are judged
        with sessions.begin() as session:
            batch = run.next_batch(session, now)
            taken.update(row.source_id for row in batch)
            session.execute(sa.delete(UnjudgedPost).where(UnjudgedPost.post_id.in_([row.id for row in batch])))
    assert sorted(taken.values()) == [1, 35]


def test_of_more_sources_than_are_judged_at_once_the_quiet_ones_are_first(
    sessions: Sessions, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "BATCH", 4)
    _stored(sessions, "r/bakers", 1, now=now, posted_at=now)
    for number in range(6):
        _stored(sessions, f"r/everything{number}", 5, now=now, posted_at=now)
    with sessions.begin() as session:
        batch = Backlog("toy-1").next_batch(session, now)
        bakers = session.scalars(sa.select(Source.id).where(Source.community == "r/bakers")).one()
    assert len({row.source_id for row in batch}) == 4
    assert batch[0].source_id == bakers


def test_what_one_worker_judges_no_other_one_takes_until_its_time_is_over(sessions: Sessions, now: datetime) -> None:
    _stored(sessions, "r/bakers", BATCH + 10, now=now, posted_at=now)

    def take(at: datetime) -> set[int]:
        with sessions.begin() as session:
            return {row.id for row in Backlog("toy-1", is_shared=True).next_batch(session, at)}

    first, second = take(now), take(now)
    assert (len(first), len(second)) == (BATCH, 10)
    assert not first & second
    assert take(now) == set()
    assert take(now + LEASE) == first


def test_what_a_worker_took_whose_clock_was_ahead_is_not_kept_for_hours(sessions: Sessions, now: datetime) -> None:
    _stored(sessions, "r/bakers", 3, now=now, posted_at=now)
    for at, taken in ((now + timedelta(hours=1), 3), (now, 3), (now, 0)):
        with sessions.begin() as session:
            assert len(Backlog("toy-1", is_shared=True).next_batch(session, at)) == taken


def test_what_is_erased_just_now_is_left_out(sessions: Sessions, now: datetime) -> None:
    if sessions.kw["bind"].dialect.name == "sqlite":
        pytest.skip("there one writes after the other, and nobody shares")
    _stored(sessions, "r/bakers", 3, now=now, posted_at=now)
    with sessions.begin() as erasing:
        gone = erasing.scalars(sa.select(Post.id).limit(1)).one()
        erasing.execute(sa.delete(Post).where(Post.id == gone))
        with sessions.begin() as session:
            batch = Backlog("toy-1", is_shared=True).next_batch(session, now)
    assert len(batch) == 2
    assert gone not in {row.id for row in batch}
