from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from overheard import campaigns
from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.vocabulary import Platform
from tests.factories import make_campaign


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
