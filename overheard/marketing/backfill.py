"""The first screen of a campaign: what is stored and judged already comes in at once."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.judged import shown_from
from overheard.leads.qualify import qualify
from overheard.marketing import campaigns
from overheard.models import Prediction


def fill(session: Session, campaign_id: int, *, now: datetime, key: str | None = None) -> int:
    """Make leads of the stored posts that the campaign's queries met; how many. Nothing that a model has not judged
    comes in, and the next classifying goes on from here.
    """
    campaign = campaigns.get(session, campaign_id)
    latest = session.scalar(sa.select(Prediction.model_version).order_by(Prediction.id.desc()).limit(1))
    if latest is None:
        return 0
    threshold = shown_from(session, campaign)
    return qualify(session, model_version=latest, threshold=threshold, now=now, key=key, only=campaign_id)
