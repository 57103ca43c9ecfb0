"""What a campaign's page shows of what was measured: the choice of a threshold, and what is missed."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from overheard.labelling import slots
from overheard.marketing import budget
from overheard.measuring import forecast, recall
from overheard.models import Campaign


def measures(db: Session, campaign: Campaign, now: datetime) -> dict[str, Any]:
    """For `campaign_threshold.html` and `campaign_misses.html`."""
    return {
        "choices": forecast.choices(db, campaign, now),
        "held_days": budget.held_back(db, campaign.id, now),
        "recalled": recall.estimate(db, campaign, now),
        "slots": _slots(db, campaign, now),
        "taught": recall.taught(db, campaign, now),
    }


def _slots(db: Session, campaign: Campaign, now: datetime) -> dict[str, Any]:
    """The shares as they are, or those that one would begin with, and what they cost and buy."""
    is_on = bool(campaign.random_share or campaign.uncertain_share)
    shares = (campaign.random_share, campaign.uncertain_share) if is_on else slots.TO_BEGIN_WITH
    price = slots.price(db, campaign, now, random=shares[0], uncertain=shares[1])
    return {"is_on": is_on, "random": shares[0], "uncertain": shares[1], "price": price}
