"""The daily budget: a flood of one broad word, and what becomes of what is held back."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.leads import do_not_contact
from overheard.leads.qualify import qualify, release
from overheard.marketing import budget, campaigns
from overheard.models import Campaign, HeldPost, Notice, Post, Signal
from overheard.vocabulary import Platform
from tests.factories import MODEL, Cast, make_campaign, new_post, predict, store

KEY = "key"
DAY = timedelta(days=1)


def flood(session: Session, posts: int, *, now: datetime) -> list[int]:
    """Posts with a broad word, the later ones scored higher; their ids."""
    written = [new_post(title="An invoice", author=f"writer {number}") for number in range(posts)]
    rows = store(session, *written, now=now)
    for number, row in enumerate(rows):
        predict(session, row, now=now, score=0.6 + 0.3 * number / posts)
    return [row.id for row in rows]


def bring_in(session: Session, now: datetime, among: list[int] | None = None, *, more_to_come: bool = False) -> int:
    return qualify(
        session, model_version=MODEL, threshold=0.5, now=now, key=KEY, among=among, more_to_come=more_to_come
    )


def listening(session: Session, now: datetime, daily_budget: int | None) -> Campaign:
    campaign = make_campaign(session, now=now, queries={"invoice": "invoice", "bill": "an invoice"})
    return campaigns.set_daily_budget(session, campaign.id, daily_budget)


def signalled(session: Session) -> set[int]:
    return set(session.scalars(sa.select(Signal.post_id)))


def held(session: Session) -> set[int]:
    return set(session.scalars(sa.select(HeldPost.post_id).where(HeldPost.released_at.is_(None))))


def test_of_a_flood_of_one_broad_word_the_best_come_in_and_nothing_is_lost(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = listening(session, now, 10)
    posts = flood(session, 60, now=now)
    assert bring_in(session, now, posts[:20], more_to_come=True) == 5  # half is kept for what is judged next
    assert signalled(session) == set(posts[15:20])
    assert bring_in(session, now) == 5
    assert signalled(session) == {*posts[15:20], *posts[55:]}
    assert held(session) == set(posts) - signalled(session)
    assert bring_in(session, now) == bring_in(session, now, posts) == 0
    assert len(signalled(session)) == 10

    tomorrow = now + DAY
    fresh = flood(session, 3, now=tomorrow)
    assert bring_in(session, tomorrow) == 3
    assert signalled(session) >= set(fresh)
    told = budget.held_back(session, campaign.id, tomorrow)
    assert [(one.day, one.posts, one.queries) for one in told] == [(now.date(), 50, {"bill": 50, "invoice": 50})]
    for _ in range(2):
        budget.tell(session, tomorrow)
    notices = session.scalars(sa.select(Notice).order_by(Notice.user_id)).all()
    assert [notice.user_id for notice in notices] == [cast.alice.id, cast.mara.id]
    assert "50 posts of queries 'bill', 'invoice' were held back yesterday" in notices[0].text

    do_not_contact.add(session, KEY, Platform.REDDIT, "writer 54", reason="Asked.", actor=None, now=tomorrow)
    let_in = release(session, campaign.id, day=now.date(), at_most=8, actor=cast.mara, now=tomorrow, key=KEY)
    assert let_in == 7
    assert signalled(session) >= set(posts[47:54])
    assert posts[54] not in signalled(session)
    assert len(held(session)) == 42
    more = flood(session, 9, now=tomorrow)
    bring_in(session, tomorrow)
    assert signalled(session) & set(more) == set(more[2:])  # what a person released takes nobody's place


def test_what_today_held_back_comes_in_when_the_budget_grows_and_stays_when_the_day_is_over(
    session: Session, now: datetime
) -> None:
    campaign = listening(session, now, 2)
    posts = flood(session, 6, now=now)
    bring_in(session, now)
    campaigns.set_daily_budget(session, campaign.id, 4)
    assert bring_in(session, now) == 2
    assert signalled(session) == set(posts[2:])
    campaigns.set_daily_budget(session, campaign.id, None)
    assert bring_in(session, now + DAY) == 0
    assert held(session) == set(posts[:2])


def test_an_edited_post_is_no_longer_held_back_and_is_judged_anew(session: Session, now: datetime) -> None:
    campaign = listening(session, now, 1)
    posts = flood(session, 2, now=now)
    bring_in(session, now)
    weak = session.get_one(Post, posts[0])
    edited = new_post(external_id=weak.external_id, title="An invoice!", author=weak.author, as_of=now)
    store(session, edited, now=now)
    assert held(session) == set()
    assert budget.held_back(session, campaign.id, now) == []


@pytest.mark.parametrize("number", [0, -1, 100_001])
def test_a_budget_is_a_number_of_posts(number: int) -> None:
    with pytest.raises(InvalidInput, match="daily budget"):
        budget.checked(number)
