from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from overheard.leads import claims, funnel
from overheard.leads.assignment import assign_by_rule
from overheard.vocabulary import AssignmentRule, DisqualifyReason, LeadAction
from tests.factories import Cast, make_lead


@pytest.mark.usefixtures("cast")
def test_by_hand_nobody_gets_a_lead_by_itself(session: Session, now: datetime) -> None:
    lead = make_lead(session, now=now)
    assert assign_by_rule(session, lead.id, rule=AssignmentRule.BY_HAND, now=now) is None
    assert lead.assignee_id is None


def test_in_turn_each_sdr_gets_the_next_lead(session: Session, cast: Cast, now: datetime) -> None:
    leads = [make_lead(session, now=now) for _ in range(4)]
    for lead in leads:
        event = assign_by_rule(session, lead.id, rule=AssignmentRule.ROUND_ROBIN, now=now)
        assert event is not None
        assert (event.action, event.actor_id) == (LeadAction.ASSIGN, None)
    assert [lead.assignee_id for lead in leads] == [cast.sam.id, cast.sue.id, cast.sam.id, cast.sue.id]


def test_the_least_busy_sdr_gets_the_lead_and_closed_leads_keep_nobody_busy(
    session: Session, cast: Cast, now: datetime
) -> None:
    first, second, third, fourth = (make_lead(session, now=now) for _ in range(4))
    for lead in (first, second):
        claims.assign(session, lead.id, cast.alice, cast.sam.id, now)
    assign_by_rule(session, third.id, rule=AssignmentRule.LEAST_BUSY, now=now)
    assert third.assignee_id == cast.sue.id
    for lead in (first, second):
        funnel.disqualify(session, lead.id, reason=DisqualifyReason.STALE, actor=cast.sam, now=now)
    assign_by_rule(session, fourth.id, rule=AssignmentRule.LEAST_BUSY, now=now)
    assert fourth.assignee_id == cast.sam.id


def test_a_lead_that_is_somebodys_stays_theirs(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    claims.assign(session, lead.id, cast.alice, cast.alice.id, now)
    assert assign_by_rule(session, lead.id, rule=AssignmentRule.ROUND_ROBIN, now=now) is None
    assert lead.assignee_id == cast.alice.id


def test_whoever_has_left_gets_nothing(session: Session, cast: Cast, now: datetime) -> None:
    cast.sam.disabled_at = now
    session.flush()
    lead = make_lead(session, now=now)
    assign_by_rule(session, lead.id, rule=AssignmentRule.ROUND_ROBIN, now=now)
    assert lead.assignee_id == cast.sue.id
    cast.sue.disabled_at = now
    session.flush()
    assert assign_by_rule(session, make_lead(session, now=now).id, rule=AssignmentRule.LEAST_BUSY, now=now) is None
