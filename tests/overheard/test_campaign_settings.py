"""What a marketer settles about a campaign, and what that does to posts and leads."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.leads import funnel, qualification
from overheard.leads.assignment import assign_by_rule
from overheard.leads.qualify import qualify
from overheard.marketing import campaign_settings, exclusions
from overheard.marketing.exclusions import Place
from overheard.models import Label, Lead
from overheard.vocabulary import AssignmentRule, ExclusionKind, LeadAction, Platform, Stage, Topic
from tests.factories import MODEL, Cast, make_campaign, make_lead, new_post, predict, store

AUTHOR = Place(Platform.REDDIT, ExclusionKind.AUTHOR, " u/Flour_Power ")
COMMUNITY = Place(Platform.REDDIT, ExclusionKind.COMMUNITY, "r/Bakers")


def _judged(session: Session, now: datetime, **wanted: str) -> int:
    """A stored post with a good score; how many new leads it made."""
    row = store(session, new_post(**wanted), now=now)[0]  # type: ignore[arg-type] # the factory checks them
    predict(session, row, now=now).language = "en"
    return qualify(session, model_version=MODEL, threshold=0.5, now=now)


@pytest.mark.parametrize("place", [AUTHOR, COMMUNITY])
def test_what_is_excluded_makes_no_lead_and_leads_from_there_leave_until_it_is_lifted(
    session: Session, cast: Cast, now: datetime, place: Place
) -> None:
    lead = make_lead(session, now=now, post=new_post(author="Flour_power"))
    other = make_lead(session, now=now, post=new_post(author="rye", community="r/cooks"))
    assert exclusions.affected(session, lead.campaign_id, place) == [lead.id]
    row, left = exclusions.exclude(session, lead.campaign_id, place, actor=cast.mara, now=now)
    assert left == [lead.id]
    session.refresh(lead)
    last = funnel.timeline(session, lead.id)[-1]
    assert (lead.stage, last.action) == (Stage.DISQUALIFIED, LeadAction.DISQUALIFY)
    assert last.note == f"The {place.kind.value} {place.key} is excluded from the campaign."
    assert session.scalar(sa.select(sa.func.count()).select_from(Label)) == 0  # it says nothing about the post
    assert _judged(session, now, author="flour_power", title="Another one") == 0
    with pytest.raises(InvalidInput, match="excluded already"):
        exclusions.exclude(session, lead.campaign_id, place, actor=cast.mara, now=now)
    later = now + timedelta(days=1)
    assert exclusions.lift(session, row.id, actor=cast.alice, now=later)[1] == [lead.id]
    session.refresh(lead)
    session.refresh(other)
    assert lead.stage is other.stage is Stage.MARKETING_QUALIFIED
    assert _judged(session, later, author="baguette") == 2  # with the one that was kept out meanwhile


def test_a_lead_that_was_also_heard_elsewhere_stays_when_a_community_is_excluded(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now, post=new_post(author="rye"))
    _judged(session, now, author="rye", community="r/cooks")
    assert exclusions.affected(session, lead.campaign_id, COMMUNITY) == []
    promoted = make_lead(session, now=now, post=new_post(author="spelt"))
    funnel.promote(session, promoted.id, actor=cast.sam, now=now)
    assert exclusions.affected(session, lead.campaign_id, COMMUNITY) == []  # nor one that somebody took on


def test_only_posts_in_the_campaigns_languages_and_of_running_campaigns_qualify(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = make_campaign(session, now=now)
    assert campaign_settings.set_languages(session, campaign.id, ["DE", "fr", "", "de"]).languages == "de fr"
    assert _judged(session, now, author="english") == 0
    assert campaign_settings.set_languages(session, campaign.id, []).languages is None
    assert qualify(session, model_version=MODEL, threshold=0.5, now=now) == 1
    with pytest.raises(InvalidInput, match="no code of a language"):
        campaign_settings.set_languages(session, campaign.id, ["german"])
    assert campaign_settings.archive(session, campaign.id, actor=cast.mara, now=now) == 1
    assert _judged(session, now, author="later") == 0
    assert session.scalars(sa.select(Lead.stage)).all() == [Stage.DISQUALIFIED]
    assert campaign_settings.restore(session, campaign.id, actor=cast.mara, now=now) == 1
    assert qualify(session, model_version=MODEL, threshold=0.5, now=now) == 1


def test_promoted_leads_go_to_the_campaigns_members_in_turn(session: Session, cast: Cast, now: datetime) -> None:
    leads = [make_lead(session, now=now) for _ in range(3)]
    team = campaign_settings.set_members(session, leads[0].campaign_id, [cast.sue.id, cast.alice.id])
    assert [user.name for user in team] == ["Alice", "Sue"]
    for lead in leads:
        assert assign_by_rule(session, lead.id, rule=AssignmentRule.BY_HAND, now=now) is not None
    assert [lead.assignee_id for lead in leads] == [cast.alice.id, cast.sue.id, cast.alice.id]
    campaign_settings.set_members(session, leads[0].campaign_id, [])
    assert assign_by_rule(session, make_lead(session, now=now).id, rule=AssignmentRule.BY_HAND, now=now) is None
    with pytest.raises(InvalidInput, match="an SDR or an admin"):
        campaign_settings.set_members(session, leads[0].campaign_id, [cast.eli.id])


def test_answers_count_in_the_fit_by_the_weight_of_their_questions(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    first, second = (
        qualification.add_question(session, lead.campaign_id, topic=Topic.NEED, question=text) for text in ("A?", "B?")
    )
    qualification.weigh_question(session, first.id, 3)
    for question, fits in ((first, True), (second, False)):
        qualification.answer(session, lead.id, question.id, text="x", fits=fits, actor=cast.sam, now=now)
    assert qualification.fit_of(session, [lead])[lead.id].share == 0.75
    with pytest.raises(InvalidInput, match="1 to 5"):
        qualification.weigh_question(session, first.id, 6)


def test_a_new_offer_is_measured_anew_and_a_name_stands_once(session: Session, now: datetime) -> None:
    campaign, other = make_campaign(session, now=now), make_campaign(session, now=now, name="Barley")
    campaign_settings.describe(session, campaign.id, name=" Rye CRM ", offer="Another offer.")
    assert (campaign.name, campaign.offer) == ("Rye CRM", "Another offer.")
    with pytest.raises(InvalidInput, match="There is a campaign named"):
        campaign_settings.describe(session, campaign.id, name=other.name, offer="x")
