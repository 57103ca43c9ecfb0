"""All that people have brought together about one lead, for its page and for `/v1`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads.claims import assignable
from overheard.leads.contacts import contacts_of
from overheard.leads.funnel import last_decision
from overheard.leads.lead_history import Moment, history, overdue
from overheard.leads.lead_notes import known_tags, tags_of
from overheard.leads.people_links import Likeness, likenesses, taken_over
from overheard.leads.qualification import Asked, Fit, asked, fit_of
from overheard.models import Contact, Lead, User
from overheard.settings import DeskSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadDesk:
    """What is known of a lead besides its posts."""

    asked: list[Asked]
    fit: Fit | None
    """None: its campaign asks nothing."""
    tags: list[str]
    known_tags: Sequence[str]
    assignee: User | None
    assignable: Sequence[User]
    contacts: Sequence[Contact]
    overdue: str | None
    taken_over: Sequence[Lead]
    """Leads of the same person that were merged into this one."""
    likenesses: list[Likeness]
    """Leads that may be the same person."""
    moments: list[Moment]
    """Its history, oldest first."""
    undoable_by: int | None
    """Who could take the last step back."""


def lead_desk(session: Session, lead: Lead, *, limits: DeskSettings, now: datetime, zone: tzinfo = UTC) -> LeadDesk:
    """The desk of a lead, whatever its stage."""
    family = taken_over(session, lead.id)
    ids = [lead.id, *(other.id for other in family)]
    tags = tags_of(session, ids)
    moments = history(session, lead.id)
    own = [moment.event for moment in moments if moment.event and moment.event.lead_id == lead.id]
    last = last_decision(sorted(own, key=lambda event: event.id))  # clocks may jump
    return LeadDesk(
        asked=asked(session, lead),
        fit=fit_of(session, [lead]).get(lead.id),
        tags=sorted({tag for lead_id in ids for tag in tags.get(lead_id, [])}),
        known_tags=known_tags(session),
        assignee=_user(session, lead.assignee_id),
        assignable=assignable(session),
        contacts=contacts_of(session, ids),
        overdue=overdue(session, [lead], limits=limits, now=now, zone=zone).get(lead.id),
        taken_over=family,
        likenesses=likenesses(session, lead) if lead.merged_into_id is None else [],
        moments=moments,
        undoable_by=last.actor_id if last else None,
    )


def _user(session: Session, user_id: int | None) -> User | None:
    return session.scalar(sa.select(User).where(User.id == user_id)) if user_id is not None else None
