"""Whose lead it becomes when it is promoted, where a rule says so. By hand: `overheard.leads.claims`."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads.claims import assignable
from overheard.leads.funnel import add_word, get
from overheard.marketing.campaign_settings import members
from overheard.models import Lead, LeadEvent, User
from overheard.vocabulary import CLOSED_STAGES, AssignmentRule, LeadAction, Role


def assign_by_rule(session: Session, lead_id: int, *, rule: AssignmentRule, now: datetime) -> LeadEvent | None:
    """Give a lead that is nobody's to an SDR, as the rule says. None: it has somebody, or nobody is there for it.

    Leads of a campaign that has members go to these, in turn where no rule is set.
    """
    lead = get(session, lead_id)
    team = members(session, lead.campaign_id)
    if lead.assignee_id is not None or (rule is AssignmentRule.BY_HAND and not team):
        return None
    sdrs = team or [user for user in assignable(session) if user.role is Role.SDR]
    if not sdrs:
        return None
    assignee = (_least_busy if rule is AssignmentRule.LEAST_BUSY else _next_in_turn)(session, sdrs)
    lead.assignee_id = assignee.id
    return add_word(session, lead, LeadAction.ASSIGN, actor=None, now=now, note=f"to {assignee.name}")


def _next_in_turn(session: Session, sdrs: list[User]) -> User:
    """One after the other: as many turns were taken as leads were given out by a rule, whoever has them now."""
    turns = sa.select(sa.func.count()).where(LeadEvent.action == LeadAction.ASSIGN, LeadEvent.actor_id.is_(None))
    by_id = sorted(sdrs, key=lambda user: user.id)
    return by_id[(session.scalar(turns) or 0) % len(by_id)]


def _least_busy(session: Session, sdrs: list[User]) -> User:
    """Whoever has the fewest open leads."""
    open_leads = (
        sa.select(Lead.assignee_id, sa.func.count())
        .where(Lead.assignee_id.in_([user.id for user in sdrs]))
        .where(Lead.stage.not_in(CLOSED_STAGES), Lead.merged_into_id.is_(None))
        .group_by(Lead.assignee_id)
    )
    busy = {user_id: number for user_id, number in session.execute(open_leads)}  # noqa: C416 - dict() of rows confuses mypy
    return min(sdrs, key=lambda user: (busy.get(user.id, 0), user.id))
