from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from overheard import campaigns, queries
from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.models import Match, Query
from overheard.queries import Span, parse
from overheard.vocabulary import Platform
from tests.factories import make_campaign, new_post, store


@pytest.mark.parametrize(
    ("expression", "title", "body", "spans"),
    [
        ("crm", "A CRM?", "", [("title", 2, 5)]),
        ("crm", "scrms", "", None),
        ("crm bakery", "CRM", "for a bakery", [("title", 0, 3), ("body", 6, 12)]),
        ("crm bakery", "CRM", "for a shop", None),
        ('"looking for"', "", "I'm looking  for help", [("body", 4, 16)]),
        ('"looking for"', "", "for looking", None),
        ("crm -hiring", "CRM", "We are hiring", None),
        ('crm -"job offer"', "CRM", "a job, an offer", [("title", 0, 3)]),
        ("c++", "I use C++.", "", [("title", 6, 9)]),
        (".net", "on .NET", "", [("title", 3, 7)]),
        ("*", "anything", "", []),
        ("* -spam", "spam", "", None),
        ("cafe", "CAFÉ", "", [("title", 0, 4)]),
        ("crm", "c\u200bRM", "", [("title", 0, 4)]),
    ],
)
def test_a_query_meets_a_post_where_it_should(expression: str, title: str, body: str, spans: list[Span] | None) -> None:
    assert parse(expression).find(title, body) == spans


@pytest.mark.parametrize(
    ("expression", "position", "words"),
    [
        ("", 0, "Say what to look for"),
        ("-spam", 0, "Say what to look for"),
        ('crm "looking', 4, "not closed"),
        ("crm !!!", 4, "no letter or digit"),
        ('""', 0, "no letter or digit"),
        ("x" * 2001, 2000, "at most 2000 characters"),
    ],
)
def test_an_unreadable_query_says_what_is_wrong_and_where(expression: str, position: int, words: str) -> None:
    with pytest.raises(InvalidQuery, match=words) as caught:
        parse(expression)
    assert caught.value.position == position
    assert f"at character {position + 1}" in str(caught.value)


@given(st.text(max_size=60), st.text(max_size=200))
def test_no_query_and_no_post_can_break_matching(expression: str, body: str) -> None:
    try:
        spans = parse(expression).find("", body)
    except InvalidQuery:
        return
    for _, start, end in spans or []:
        assert 0 <= start < end <= len(body)


def test_a_new_query_is_matched_against_what_is_stored(session: Session, now: datetime) -> None:
    store(session, new_post(title="CRM?"), new_post(title="Flour?", body="Rye."), now=now)
    campaign = make_campaign(session, now=now, queries={"crm": "crm"})
    assert [match.spans for match in session.scalars(sa.select(Match))] == [[["title", 0, 3], ["body", 42, 45]]]
    queries.save_query(session, campaign.id, name="flour", expression="flour", now=now)
    assert len(session.scalars(sa.select(Match)).all()) == 2


def test_a_post_that_comes_later_meets_the_queries_in_force(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"crm": "crm", "flour": "flour"})
    flour = session.scalars(sa.select(Query).where(Query.name == "flour")).one()
    queries.retire_query(session, flour.id, now=now)
    store(session, new_post(title="CRM and flour"), now=now)
    crm = session.scalars(sa.select(Query).where(Query.campaign_id == campaign.id, Query.name == "crm")).one()
    assert session.scalars(sa.select(Match.query_id)).all() == [crm.id]


def test_changing_a_query_makes_a_version_and_retires_the_former(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "crm"})
    later = now + timedelta(hours=1)
    changed = queries.save_query(session, campaign.id, name="q", expression="crm -hiring", now=later)
    assert changed.version == 2
    first = session.scalars(sa.select(Query).where(Query.version == 1)).one()
    assert first.retired_at == later
    assert queries.save_query(session, campaign.id, name="q", expression="crm -hiring", now=later) is changed


def test_an_unreadable_query_is_not_saved(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now)
    with pytest.raises(InvalidQuery):
        queries.save_query(session, campaign.id, name="bad", expression='"open', now=now)
    assert session.scalars(sa.select(Query.name)).all() == ["everything"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 121])
def test_a_query_has_a_name_of_a_bounded_length(session: Session, now: datetime, name: str) -> None:
    campaign = make_campaign(session, now=now)
    with pytest.raises(InvalidInput, match="name has 1 to 120 characters"):
        queries.save_query(session, campaign.id, name=name, expression="crm", now=now)


def test_a_query_that_does_not_exist_cannot_be_retired(session: Session, now: datetime) -> None:
    with pytest.raises(NotFound, match="no query 4711"):
        queries.retire_query(session, 4711, now=now)


def test_a_campaign_hears_only_the_sources_it_chose(session: Session, now: datetime) -> None:
    store(session, new_post(community="r/bakers"), new_post(community="r/farmers"), now=now)
    campaigns.create(
        session,
        name="Bakers only",
        offer="Flour.",
        queries={"all": "*"},
        sources=[(Platform.REDDIT, "r/bakers")],
        now=now,
    )
    store(session, new_post(community="r/bakers"), new_post(community="r/farmers"), now=now)
    assert len(session.scalars(sa.select(Match)).all()) == 2
