from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.marketing import campaigns
from overheard.marketing.relevance import DEFAULT_THRESHOLD, count_by_meaning
from overheard.models import PostRelevance
from overheard.vocabulary import Platform
from tests.factories import make_campaign, measure, new_post, predict, store


def test_a_campaign_comes_with_its_queries(session: Session, now: datetime) -> None:
    make_campaign(session, now=now, queries={"b": "bakery", "a": "crm"})
    view = campaigns.views(session)[0]
    assert (view.campaign.name, view.campaign.sources) == ("Rye CRM", [])
    assert [query.expression for query in view.queries] == ["crm", "bakery"]


@pytest.mark.parametrize(
    ("name", "offer", "threshold", "words"),
    [
        (" ", "offer", None, "name has 1 to 120"),
        ("x" * 121, "offer", None, "name has 1 to 120"),
        ("n", "", None, "Say what you offer"),
        ("n", "offer", 1.5, "between 0 and 1"),
        ("n", "offer", -0.1, "between 0 and 1"),
        ("n", "offer", float("nan"), "between 0 and 1"),
        ("Rye CRM", "offer", None, "already"),
    ],
)
def test_a_campaign_that_cannot_be_is_refused_with_the_reason(
    session: Session, now: datetime, name: str, offer: str, threshold: float | None, words: str
) -> None:
    make_campaign(session, now=now)
    with pytest.raises(InvalidInput, match=words):
        campaigns.create(session, name=name, offer=offer, queries={"q": "*"}, threshold=threshold, now=now)


def test_a_campaign_with_an_unreadable_query_is_refused(session: Session, now: datetime) -> None:
    with pytest.raises(InvalidQuery):
        make_campaign(session, now=now, queries={"q": '"open'})


def test_a_source_must_exist(session: Session, now: datetime) -> None:
    with pytest.raises(NotFound, match="no source 'r/nowhere' on Reddit"):
        campaigns.create(
            session, name="n", offer="o", queries={"q": "*"}, sources=[(Platform.REDDIT, "r/nowhere")], now=now
        )


def test_a_campaign_is_found_by_id_or_said_not_to_be(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now)
    assert campaigns.get(session, campaign.id) is campaign
    with pytest.raises(NotFound, match="no campaign 4711"):
        campaigns.get(session, 4711)


def test_a_new_campaign_finds_posts_by_meaning_too(session: Session, now: datetime) -> None:
    assert make_campaign(session, now=now).meaning_threshold == DEFAULT_THRESHOLD


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01, float("nan"), float("inf")])
def test_a_relevance_that_cannot_be_is_refused(session: Session, now: datetime, threshold: float) -> None:
    campaign = make_campaign(session, now=now)
    with pytest.raises(InvalidInput, match="above 0, at most 1"):
        campaigns.set_meaning_threshold(session, campaign.id, threshold)


def test_what_meaning_brings_is_counted_without_what_queries_met_and_what_is_out_of_date(
    session: Session, now: datetime
) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"}, threshold=0.5)
    met, close, far, weak, stale = store(session, new_post(body="A plumber?"), *(new_post() for _ in range(4)), now=now)
    for post, relevance in ((met, 0.9), (close, 0.9), (far, 0.2), (weak, 0.9), (stale, 0.9)):
        predict(session, post, now=now, score=0.4 if post is weak else 0.9)
        measure(session, post, campaign, relevance, now=now)
    session.execute(sa.update(PostRelevance).where(PostRelevance.post_id == stale.id).values(offer_hash="former"))
    for threshold, brought in ((0.3, 1), (0.1, 2), (0.95, 0), (None, 1)):
        campaigns.set_meaning_threshold(session, campaign.id, threshold)
        assert count_by_meaning(session, campaign) == brought


def test_what_was_measured_for_a_campaign_goes_with_it(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now)
    measure(session, store(session, new_post(), now=now)[0], campaign, 0.9, now=now)
    session.delete(campaign)
    session.flush()
    assert session.scalars(sa.select(PostRelevance)).all() == []
