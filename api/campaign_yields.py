"""What the page of a campaign shows about what its queries bring."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from overheard.keywords.term_proposals import propose
from overheard.measuring.cohorts import Asked, last_weeks
from overheard.measuring.yields import campaign_yields


def brought(db: Session, campaign_id: int, now: datetime) -> dict[str, Any]:
    """Yields of the last weeks, and terms worth adding or leaving out."""
    asked = Asked(last_weeks(now), campaign_id=campaign_id)
    return {"yields": campaign_yields(db, asked), "proposals": propose(db, campaign_id), "edit_link": edit_link}


def edit_link(campaign_id: int, query: str, *, add: str = "", exclude: str = "") -> str:
    """Where the editor opens with a term put into a query, to be tested before it is saved."""
    term = {"add": add} if add else {"exclude": exclude}
    return f"/campaigns/{campaign_id}?{urlencode({'query': query, **term})}#queries"
