"""A lead, found by its id; and a lead as a row, for lists of many."""

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.models import Lead
from overheard.vocabulary import Intent, Platform, Stage


class LeadRow(NamedTuple):
    """What of a lead is shown in lists."""

    id: int
    campaign_id: int
    platform: Platform
    author: str
    stage: Stage
    stage_changed_at: datetime
    top_post_id: int | None
    signalled_on: date
    score: float
    rank: float
    intent: Intent
    snoozed_until: datetime | None
    follow_up_on: date | None


AnyLead = Lead | LeadRow


def lead_by_id(session: Session, lead_id: int) -> Lead:
    """The lead as its row says it now; `NotFound` when there is none."""
    lead = session.get(Lead, lead_id, populate_existing=True)
    if lead is None:
        raise NotFound(f"There is no lead {lead_id}. Its post may have been deleted at the source.")
    return lead
