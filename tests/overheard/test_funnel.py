import threading
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from overheard import campaigns, funnel, queries
from overheard.db import Sessions
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.labels import Seen, standing
from overheard.models import Label, Lead, LeadEvent, Post, Signal, User
from overheard.vocabulary import DisqualifyReason, Intent, LeadAction, Stage
from tests.factories import MODEL, Cast, make_campaign, make_cast, make_lead, measure, new_post, predict, store

LATER = timedelta(minutes=5)


def qualify(session: Session, now: datetime) -> int:
    return funnel.qualify(session, model_version=MODEL, threshold=0.5, now=now)


# --- qualify -----------------------------------------------------------------------------------------------------


def test_a_relevant_post_over_the_threshold_becomes_a_lead(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    post = store(session, new_post(author="flour_power"), now=now)[0]
    predict(session, post, now=now, score=0.8, intent=Intent.ALTERNATIVE)
    assert qualify(session, now) == 1
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
    assert qualify(session, now) == 0
    assert len(session.scalars(sa.select(LeadEvent)).all()) == 1


@pytest.mark.parametrize(("score", "leads"), [(0.49, 0), (0.5, 1)])
def test_the_threshold_of_the_campaign_decides(session: Session, now: datetime, score: float, leads: int) -> None:
    make_campaign(session, now=now, threshold=0.5)
    predict(session, store(session, new_post(), now=now)[0], now=now, score=score)
    assert funnel.qualify(session, model_version=MODEL, threshold=0.99, now=now) == leads


def test_a_campaign_without_a_threshold_takes_the_models(session: Session, now: datetime) -> None:
    make_campaign(session, now=now, threshold=None)
    predict(session, store(session, new_post(), now=now)[0], now=now, score=0.6)
    assert funnel.qualify(session, model_version=MODEL, threshold=0.7, now=now) == 0
    assert funnel.qualify(session, model_version=MODEL, threshold=0.6, now=now) == 1


def test_a_post_that_no_query_met_is_no_lead_until_one_does(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    predict(session, store(session, new_post(), now=now)[0], now=now)
    assert qualify(session, now) == 0
    queries.save_query(session, campaign.id, name="q2", expression="crm", now=now)
    assert qualify(session, now) == 1


def test_a_retired_query_brings_no_new_leads(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "crm"})
    predict(session, store(session, new_post(), now=now)[0], now=now)
    queries.retire_query(session, campaigns.views(session)[0].queries[0].id, now=now)
    assert qualify(session, now) == 0
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
    assert qualify(session, now) == leads


def test_meaning_makes_no_lead_of_a_post_below_the_threshold(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"}, threshold=0.5)
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now, score=0.4)
    measure(session, post, campaign, 0.99, now=now)
    assert qualify(session, now) == 0


def test_of_a_campaign_that_is_not_to_use_meaning_queries_alone_decide(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now)
    measure(session, post, campaign, 0.99, now=now)
    campaigns.set_meaning_threshold(session, campaign.id, None)
    assert qualify(session, now) == 0
    campaigns.set_meaning_threshold(session, campaign.id, 0.5)
    assert qualify(session, now) == 1


def test_a_relevance_is_of_one_campaign_and_of_its_offer_as_it_stands(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    make_campaign(session, now=now, name="Barley CRM", queries={"q": "plumber"})
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now)
    measure(session, post, campaign, 0.99, now=now)
    campaign.offer, offer = "Drain cleaning.", campaign.offer
    assert qualify(session, now) == 0
    campaign.offer = offer
    assert qualify(session, now) == 1
    assert session.scalars(sa.select(Lead.campaign_id)).all() == [campaign.id]


def test_an_edit_away_from_the_offer_takes_the_lead_out_of_the_queue(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"q": "plumber"})
    post = store(session, new_post(), now=now)[0]
    predict(session, post, now=now)
    measure(session, post, campaign, 0.99, now=now)
    qualify(session, now)
    judge_again(session, session.scalars(sa.select(Lead)).one(), score=0.9, now=now)
    assert session.scalars(sa.select(Lead)).all() == []


def test_one_author_in_one_campaign_is_one_lead(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    weak, strong = store(session, new_post(author="ann"), new_post(author="ann"), now=now)
    predict(session, weak, now=now, score=0.6)
    predict(session, strong, now=now, score=0.9)
    assert qualify(session, now) == 1
    lead = session.scalars(sa.select(Lead)).one()
    assert (lead.top_post_id, lead.score) == (strong.id, 0.9)
    assert len(session.scalars(sa.select(Signal)).all()) == 2


def test_posts_without_an_author_do_not_become_one_person(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    for post in store(session, new_post(author=None), new_post(author=None), now=now):
        predict(session, post, now=now)
    assert qualify(session, now) == 2


def test_a_new_post_of_a_disqualified_author_does_not_bring_them_back(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now, post=new_post(author="ann"))
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.NOT_OUR_ICP, actor=cast.sam, now=now)
    predict(session, store(session, new_post(author="ann"), now=now)[0], now=now)
    assert qualify(session, now) == 0
    session.refresh(lead)
    assert lead.stage is Stage.DISQUALIFIED


def judge_again(session: Session, lead: Lead, *, score: float, now: datetime) -> None:
    """The post is edited and judged anew."""
    post = session.get_one(Post, lead.top_post_id)
    edit = new_post(external_id=post.external_id, body="Solved, thanks.", author=post.author, as_of=now)
    store(session, edit, now=now)
    predict(session, post, now=now, score=score, intent=Intent.PAIN)
    funnel.qualify(session, model_version=MODEL, threshold=0.5, now=now, among=[post.id])


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


# --- decide ------------------------------------------------------------------------------------------------------


def test_promoting_moves_the_lead_and_says_that_the_post_is_a_lead(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now, score=0.83)
    event = funnel.promote(session, lead.id, actor=cast.sam, now=now + LATER, seen=Seen(position=3))
    assert (lead.stage, lead.stage_changed_at) == (Stage.SALES_QUALIFIED, now + LATER)
    assert (event.from_stage, event.to_stage, event.actor_id) == (
        Stage.MARKETING_QUALIFIED,
        Stage.SALES_QUALIFIED,
        cast.sam.id,
    )
    label = session.scalars(sa.select(Label)).one()
    assert (label.is_lead, label.score, label.model_version, label.position) == (True, 0.83, MODEL, 3)
    assert (label.post_id, label.actor_id, label.shown_because) == (lead.top_post_id, cast.sam.id, "top")


@pytest.mark.parametrize("reason", DisqualifyReason)
def test_only_not_a_buyer_and_no_need_are_negative_labels(
    session: Session, cast: Cast, now: datetime, reason: DisqualifyReason
) -> None:
    lead = make_lead(session, now=now)
    funnel.disqualify(session, lead.id, reason=reason, note="see thread", actor=cast.sam, now=now)
    expected = {DisqualifyReason.NOT_A_BUYER: False, DisqualifyReason.NO_NEED: False, DisqualifyReason.OTHER: None}
    label = session.scalars(sa.select(Label)).one()
    assert (label.is_lead, label.reason) == (expected.get(reason, True), reason)


def test_other_needs_a_note(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    for note in (None, "", "   "):
        with pytest.raises(InvalidInput, match="needs a note"):
            funnel.disqualify(session, lead.id, reason=DisqualifyReason.OTHER, note=note, actor=cast.sam, now=now)
    assert lead.stage is Stage.MARKETING_QUALIFIED


def test_a_note_has_a_bounded_length(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    with pytest.raises(InvalidInput, match="at most 2000 characters"):
        funnel.disqualify(session, lead.id, reason=DisqualifyReason.STALE, note="x" * 2001, actor=cast.sam, now=now)


def test_a_step_from_the_wrong_stage_says_who_was_there_before(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sue, now=now)
    with pytest.raises(WrongStage, match="cannot be promoted now: Sue promoted it on 2026-11-20 at 09:30 UTC"):
        funnel.promote(session, lead.id, actor=cast.sam, now=now)


def test_reopening_withdraws_what_was_said(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=now)
    funnel.reopen(session, lead.id, actor=cast.sue, now=now)
    assert lead.stage is Stage.MARKETING_QUALIFIED
    assert standing(session) == []


def test_a_lead_that_does_not_exist_is_said_so(session: Session, cast: Cast, now: datetime) -> None:
    with pytest.raises(NotFound, match="no lead 4711"):
        funnel.promote(session, 4711, actor=cast.sam, now=now)


# --- undo --------------------------------------------------------------------------------------------------------


def test_undo_takes_decisions_back_step_by_step(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.STALE, actor=cast.sam, now=now)
    assert funnel.undo(session, lead.id, actor=cast.sam, now=now).to_stage is Stage.SALES_QUALIFIED
    assert [label.is_lead for label in standing(session)] == [True]
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert lead.stage is Stage.MARKETING_QUALIFIED
    assert standing(session) == []
    with pytest.raises(WrongStage, match="no decision that could be taken back"):
        funnel.undo(session, lead.id, actor=cast.sam, now=now)


def test_taking_a_reopening_back_lets_the_label_stand_again(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=now)
    funnel.reopen(session, lead.id, actor=cast.sam, now=now)
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert lead.stage is Stage.DISQUALIFIED
    assert [label.is_lead for label in standing(session)] == [False]


def test_nobody_takes_back_what_somebody_else_decided(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sue, now=now)
    with pytest.raises(WrongStage, match="not yours: Sue promoted it"):
        funnel.undo(session, lead.id, actor=cast.sam, now=now)


def test_history_cannot_be_rewritten(session: Session, now: datetime) -> None:
    make_lead(session, now=now)
    with pytest.raises(DBAPIError, match="lead_events is append-only"):
        session.execute(sa.update(LeadEvent).values(note="it was never so"))


# --- two at once -------------------------------------------------------------------------------------------------


def test_of_two_people_who_promote_at_once_one_wins_and_the_other_is_told_who(
    sessions: Sessions, now: datetime
) -> None:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        lead_ids = [make_lead(session, now=now).id for _ in range(10)]
    outcomes: list[str] = []

    def promote_all(actor: User, barrier: threading.Barrier) -> None:
        for lead_id in lead_ids:
            barrier.wait(timeout=20)
            try:
                with sessions.begin() as session:
                    funnel.promote(session, lead_id, actor=actor, now=now)
                outcomes.append("won")
            except WrongStage as error:
                outcomes.append(str(error))

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=promote_all, args=(actor, barrier)) for actor in (cast.sam, cast.sue)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert outcomes.count("won") == len(lead_ids)
    told = [outcome for outcome in outcomes if outcome != "won"]
    assert len(told) == len(lead_ids)
    assert all("Sam promoted it" in outcome or "Sue promoted it" in outcome for outcome in told)
    with sessions() as session:
        promotions = sa.select(sa.func.count()).where(LeadEvent.action == LeadAction.PROMOTE)
        assert session.scalar(promotions) == len(lead_ids)
        assert session.scalar(sa.select(sa.func.count()).select_from(Label)) == len(lead_ids)
