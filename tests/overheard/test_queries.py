from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.keywords import queries
from overheard.marketing import campaigns
from overheard.models import Match, Post, Prediction, Query
from overheard.vocabulary import Intent, Platform
from tests.factories import make_campaign, new_post, store


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


def test_a_query_may_ask_who_wrote_where_and_what(session: Session, now: datetime) -> None:
    store(session, new_post(title="CRM", author="ann", community="r/bakers"), new_post(title="CRM"), now=now)
    make_campaign(session, now=now, queries={"q": "title:crm author:ann community:bakers platform:reddit type:post"})
    assert session.scalars(sa.select(Match.spans)).all() == [[["title", 0, 3]]]


def test_a_language_is_asked_for_again_once_it_is_known(session: Session, now: datetime) -> None:
    make_campaign(session, now=now, queries={"q": "lang:de", "not": "crm -lang:de", "crm": "crm"})
    store(session, new_post(title="CRM", body=""), new_post(title="CRM!", body=""), now=now)
    matched = sa.select(Query.name, Post.title).select_from(Match).join(Query, Query.id == Match.query_id)
    matched = matched.join(Post, Post.id == Match.post_id).order_by(Query.name, Post.title)
    assert len(session.execute(matched).all()) == 6
    posts = session.scalars(sa.select(Post).order_by(Post.title)).all()
    judge_language(session, posts[0], "de", now=now)
    judge_language(session, posts[1], "en", now=now)
    queries.match_languages(session, [post.id for post in posts])
    expected = [("crm", "CRM"), ("crm", "CRM!"), ("not", "CRM!"), ("q", "CRM")]
    assert [tuple(row) for row in session.execute(matched)] == expected


def judge_language(session: Session, post: Post, language: str, *, now: datetime) -> None:
    session.add(
        Prediction(
            post_id=post.id,
            model_version="test",
            score=0.0,
            intent=Intent.RECOMMENDATION,
            probabilities={},
            evidence=[],
            language=language,
            at=now,
        )
    )
    session.flush()


def test_a_query_that_cannot_be_read_any_more_stops_no_other(session: Session, now: datetime) -> None:
    make_campaign(session, now=now, queries={"broken": "crm", "crm": "crm"})
    session.execute(sa.update(Query).where(Query.name == "broken").values(expression="crm ("))
    store(session, new_post(title="CRM"), now=now)
    assert session.scalars(sa.select(Query.name).join(Match, Match.query_id == Query.id)).all() == ["crm"]
