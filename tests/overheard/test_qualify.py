from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.keywords import queries
from overheard.leads import funnel
from overheard.leads.qualify import qualify
from overheard.marketing import campaigns
from overheard.models import Lead, LeadEvent, Post, Signal
from overheard.vocabulary import DisqualifyReason, Intent, LeadAction, Stage
from tests.factories import MODEL, Cast, make_campaign, make_lead, measure, new_post, predict, store


def qualify_all(session: Session, now: datetime) -> int:
    return qualify(session, model_version=MODEL, threshold=0.5, now=now)


def test_a_relevant_post_over_the_threshold_becomes_a_lead(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    post = store(session, new_post(author="flour_power"), now=now)[0]
    predict(session, post, now=now, score=0.8, intent=Intent.ALTERNATIVE)
    assert qualify_all(session, now) == 1
    lead = session.scalars(sa.select(Lead)).one()
    assert (lead.author, lead.stage, lead.score, lead.intent, lead.top_post_id) == (
        "flour_power",
        Stage.MARKETING_QUALIFIED,
        0.8,
        Intent.ALTERNATIVE,
        post.id,
    )
    event = funnel.timeline(session, lead.id)[0]
    assert (event.action, event.actor, event.model_version) == (LeadAction.QUALIFY, None, MODEL)


def test_qualifying_again_adds_nothing(session: Session, now: datetime) -> None:
    make_lead(session, now=now)
    assert qualify_all(session, now) == 0
    assert len(session.scalars(sa.select(LeadEvent)).all()) == 1


@pytest.mark.parametrize(("score", "leads"), [(0.49, 0), (0.5, 1)])
def test_the_threshold_of_the_campaign_decides(session: Session, now: datetime, score: float, leads: int) -> None:
    make_campaign(session, now=now, threshold=0.5)
    predict(session, store(session, new_post(), now=now)[0], now=now, score=score)
    assert qualify(session, model_version=MODEL, threshold=0.99, now=now) == leads


def test_a_campaign_without_a_threshold_takes_the_models(session: Session, now: datetime) -> None:
    make_campaign(session, now=now, threshold=None)
    predict(session, store(session, new_post(), now=now)[0], now=now, score=0.6)
    assert qualify(session, model_version=MODEL, threshold=0.7, now=now) == 0
    assert qualify(session, model_version=MODEL, threshold=0.6, now=now) == 1


def test_a_post_that_no_query_met_is_no_lead_until_one_does(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    predict(session, store(session, new_post(), now=now)[0], now=now)
    assert qualify_all(session, now) == 0
    queries.save_query(session, campaign.id, name="q2", expression="crm", now=now)
    assert qualify_all(session, now) == 1


def test_a_retired_query_brings_no_new_leads(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "crm"})
    predict(session, store(session, new_post(), now=now)[0], now=now)
    queries.retire_query(session, campaigns.views(session)[0].queries[0].id, now=now)
    assert qualify_all(session, now) == 0
    assert campaign.name == "Rye CRM"


@pytest.mark.parametrize(("relevance", "leads"), [(0.29, 0), (0.3, 1)])
def test_a_post_that_no_query_met_is_a_lead_when_it_is_close_enough_in_meaning(
    session: Session, now: datetime, relevance: float, leads: int
) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    campaigns.set_meaning_threshold(session, campaign.id, 0.3)
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now)
    measure(session, post, campaign, relevance, now=now)
    assert qualify_all(session, now) == leads


def test_meaning_makes_no_lead_of_a_post_below_the_threshold(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"}, threshold=0.5)
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now, score=0.4)
    measure(session, post, campaign, 0.99, now=now)
    assert qualify_all(session, now) == 0


def test_of_a_campaign_that_is_not_to_use_meaning_queries_alone_decide(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now)
    measure(session, post, campaign, 0.99, now=now)
    campaigns.set_meaning_threshold(session, campaign.id, None)
    assert qualify_all(session, now) == 0
    campaigns.set_meaning_threshold(session, campaign.id, 0.5)
    assert qualify_all(session, now) == 1


def test_a_relevance_is_of_one_campaign_and_of_its_offer_as_it_stands(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    make_campaign(session, now=now, name="Barley CRM", queries={"q": "plumber"})
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now)
    measure(session, post, campaign, 0.99, now=now)
    campaign.offer, offer = "Drain cleaning.", campaign.offer
    assert qualify_all(session, now) == 0
    campaign.offer = offer
    assert qualify_all(session, now) == 1
    assert session.scalars(sa.select(Lead.campaign_id)).all() == [campaign.id]


def test_an_edit_away_from_the_offer_takes_the_lead_out_of_the_queue(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now)
    measure(session, post, campaign, 0.99, now=now)
    qualify_all(session, now)
    judge_again(session, session.scalars(sa.select(Lead)).one(), score=0.9, now=now)
    assert session.scalars(sa.select(Lead)).all() == []


def test_one_author_in_one_campaign_is_one_lead(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    weak, strong = store(session, new_post(author="ann"), new_post(author="ann"), now=now)
    predict(session, weak, now=now, score=0.6)
    predict(session, strong, now=now, score=0.9)
    assert qualify_all(session, now) == 1
    lead = session.scalars(sa.select(Lead)).one()
    assert (lead.top_post_id, lead.score) == (strong.id, 0.9)
    assert len(session.scalars(sa.select(Signal)).all()) == 2


def test_posts_without_an_author_do_not_become_one_person(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    for post in store(session, new_post(author=None), new_post(author=None), now=now):
        predict(session, post, now=now)
    assert qualify_all(session, now) == 2


def test_a_new_post_of_a_disqualified_author_does_not_bring_them_back(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now, post=new_post(author="ann"))
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.NOT_OUR_ICP, actor=cast.sam, now=now)
    predict(session, store(session, new_post(author="ann"), now=now)[0], now=now)
    assert qualify_all(session, now) == 0
    session.refresh(lead)
    assert lead.stage is Stage.DISQUALIFIED


def judge_again(session: Session, lead: Lead, *, score: float, now: datetime) -> None:
    """The post is edited and judged anew."""
    post = session.get_one(Post, lead.top_post_id)
    edit = new_post(external_id=post.external_id, body="Solved, thanks.", author=post.author, as_of=now)
    store(session, edit, now=now)
    predict(session, post, now=now, score=score, intent=Intent.PAIN)
    qualify(session, model_version=MODEL, threshold=0.5, now=now, among=[post.id])


def test_an_edit_that_ends_the_need_takes_the_lead_out_of_the_queue(session: Session, now: datetime) -> None:
    lead = make_lead(session, now=now)
    judge_again(session, lead, score=0.1, now=now)
    assert session.scalars(sa.select(Lead)).all() == []


def test_an_edit_that_weakens_the_need_is_seen_in_the_score(session: Session, now: datetime) -> None:
    lead = make_lead(session, now=now, score=0.9)
    judge_again(session, lead, score=0.6, now=now)
    session.refresh(lead)
    assert (lead.score, lead.intent, lead.stage) == (0.6, Intent.PAIN, Stage.MARKETING_QUALIFIED)


def test_what_a_person_decided_on_stays_whatever_the_model_says_later(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    judge_again(session, lead, score=0.1, now=now)
    session.refresh(lead)
    assert (lead.score, lead.stage) == (0.1, Stage.SALES_QUALIFIED)
