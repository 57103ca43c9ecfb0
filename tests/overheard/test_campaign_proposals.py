"""What is proposed to whoever says what they sell."""

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from overheard.marketing import campaigns
from overheard.marketing.backfill import fill
from overheard.marketing.campaign_proposals import key_terms, propose, rivals_in
from overheard.models import Lead
from overheard.query_language import read
from tests.factories import make_lead, new_post, predict, store

OFFER = (
    "Paperboat is bookkeeping for freelancers. Snap your receipts and send invoices in minutes. "
    "Unlike QuickBooks or Xero, there is nothing to learn. Ask us in r/freelance."
)


def test_a_text_yields_queries_that_find_who_asks_and_the_competitors_it_names(session: Session, now: datetime) -> None:
    store(
        session,
        new_post(title="Looking for bookkeeping that a baker can learn", posted_at=now),
        new_post(title="Any alternatives to QuickBooks?", posted_at=now, community="r/cooks"),
        new_post(title="We are hiring a bookkeeping clerk", posted_at=now),
        *(new_post(title="Which flour do you use?", body="Wheat or rye.", posted_at=now) for _ in range(60)),
        now=now,
    )
    found = propose(session, OFFER, now=now)
    assert [(one.name, one.found.posts) for one in found.competitors] == [("QuickBooks", 1), ("Xero", 0)]
    assert {"bookkeeping", "freelancers"} <= set(found.terms)
    assert "paperboat" not in found.terms  # nobody asks for it by its name
    by_name = {query.name: query for query in found.queries}
    assert by_name["asks for it"].found.posts == 1
    assert by_name["leaves a competitor"].found.posts == 1
    assert [(platform.value, name) for platform, name in found.communities] == [("reddit", "r/freelance")]
    assert sorted((one.source.community, one.posts) for one in found.sources) == [("r/bakers", 1), ("r/cooks", 1)]
    assert propose(session, OFFER, now=now) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "!!! ???",
        "the of",
        "a" * 30_000,
        'OR AND near/5 "',
        "ÄÖÜ 日本語 инвойс",
        "Unlike Or OR And, A&B+ or C+.-D",
    ],
)
def test_every_text_yields_queries_that_can_be_read_or_none(session: Session, now: datetime, text: str) -> None:
    found = propose(session, text, now=now)
    for expression in [one.expression for one in found.queries] + [one.expression for one in found.competitors]:
        read(expression)
    assert len(key_terms(session, text)) <= 6


def test_competitors_are_told_by_what_a_text_says_around_them() -> None:
    assert rivals_in("A replacement for nothing. Switch from Big Board, Trello and Zoho today.") == [
        "Big Board",
        "Trello",
        "Zoho",
    ]
    assert rivals_in("An alternative to spreadsheets.") == []


def test_a_new_campaign_is_filled_with_what_is_stored_and_judged(session: Session, now: datetime) -> None:
    make_lead(session, now=now)
    row = store(session, new_post(title="Bookkeeping?", author="rye"), now=now)[0]
    predict(session, row, now=now)
    campaign = campaigns.create(session, name="Books", offer="x", queries={"q": "bookkeeping"}, now=now)
    assert fill(session, campaign.id, now=now) == 1
    assert session.query(Lead).where(Lead.campaign_id == campaign.id).one().author == "rye"
    assert session.query(Lead).where(Lead.author == "rye").count() == 1  # the other campaign waits for its own turn
