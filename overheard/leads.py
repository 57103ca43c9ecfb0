"""A lead, found by its id."""

from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.models import Lead


def lead_by_id(session: Session, lead_id: int) -> Lead:
    """The lead as its row says it now; `NotFound` when there is none."""
    lead = session.get(Lead, lead_id, populate_existing=True)
    if lead is None:
        raise NotFound(f"There is no lead {lead_id}. Its post may have been deleted at the source.")
    return lead
