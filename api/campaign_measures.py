"""What a campaign's page shows of what was measured: the choice of a threshold, and what is missed."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from overheard.marketing import budget
from overheard.measuring import forecast, recall
from overheard.models import Campaign


def measures(db: Session, campaign: Campaign, now: datetime) -> dict[str, Any]:
    """For `campaign_threshold.html` and `campaign_misses.html`."""
    return {
        "choices": forecast.choices(db, campaign, now),
        "held_days": budget.held_back(db, campaign.id, now),
        "recalled": recall.estimate(db, campaign, now),
        "taught": recall.taught(db, campaign, now),
    }
