"""How many labels are new since a challenger was last made."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Dataset, IntentLabel, Label, ModelVersion, Sample
from overheard.vocabulary import SampleAnswer


def last_trained(session: Session) -> datetime | None:
    """When the newest dataset was made; one that only a campaign's own head was made from is left aside."""
    made = sa.exists().where(ModelVersion.dataset_id == Dataset.id)
    is_for_all = made.where(ModelVersion.campaign_id.is_(None)) | ~made
    return session.scalar(sa.select(sa.func.max(Dataset.created_at)).where(is_for_all))


def labels_since(session: Session, since: datetime | None) -> int:
    """Decisions, answers to blind samples and labels by the guideline that say something and were made since then."""
    counts = (
        (Label.at, sa.and_(Label.withdrawn_at.is_(None), Label.is_lead.is_not(None))),
        (IntentLabel.at, IntentLabel.withdrawn_at.is_(None)),
        (Sample.answered_at, Sample.answer.in_((SampleAnswer.LEAD, SampleAnswer.NO))),
    )
    return sum(
        session.scalar(sa.select(sa.func.count()).where(counted, at > since if since else sa.true())) or 0
        for at, counted in counts
    )
