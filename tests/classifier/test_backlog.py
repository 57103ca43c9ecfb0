"""What is judged first, and by whom."""

from collections import Counter
from datetime import datetime, timedelta

from classifier.backlog import BATCH, LEASE, Backlog
from overheard.db import Sessions
from overheard.listening.intake import take_in
from overheard.models import Post
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
