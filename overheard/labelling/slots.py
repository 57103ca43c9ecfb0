"""Slots of the queue: a few leads are put high in their day by chance and not for their score.

What people decide about those tells how good all that the queue holds is, without the bias of what is looked at first
(`estimates`). It is drawn once, when a lead comes in: from its key, so that a crash and a second run draw the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import sqrt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.marketing import campaigns
from overheard.measuring.intervals import NINE_IN_TEN
from overheard.models import Campaign, Lead
from overheard.vocabulary import Platform

TOP = "top"
"""Not drawn: it stands where its score puts it."""
RANDOM = "random"
UNCERTAIN = "uncertain"
DRAWN = (RANDOM, UNCERTAIN)

MAX_SHARE = 0.5
"""More than half of a queue by chance is no queue of the best any more."""
TO_BEGIN_WITH = (0.05, 0.05)
"""The random and the uncertain share that are proposed."""
_HIGH = 1.0  # the highest score there can be
_LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a lead stands, and why."""

    rank: float
    because: str = TOP
    propensity: float | None = None
    """How likely it was to be drawn; None where nothing was to be."""


def draw(campaign: Campaign, platform: Platform, author: str, score: float) -> Slot:
    """The slot of a lead that comes in."""
    propensity = propensity_of(score, campaign.random_share, campaign.uncertain_share)
    if not propensity:
        return Slot(score)
    chance = _chance(f"{campaign.id} {platform} {author}")
    if chance >= propensity:
        return Slot(score, TOP, propensity)
    return Slot(_HIGH, RANDOM if chance < campaign.random_share else UNCERTAIN, propensity)


def propensity_of(score: Any, random_share: float, uncertain_share: float) -> Any:  # noqa: ANN401 - or a column
    """How likely a lead of this score is to be drawn: for chance's sake, or else for the doubt about it, which is
    largest at 0.5 (the variance of a yes or no, brought to at most 1).
    """
    return random_share + (1 - random_share) * uncertain_share * 4 * score * (1 - score)


def set_shares(session: Session, campaign_id: int, *, random: float, uncertain: float) -> Campaign:
    """How likely leads that come in from now on are drawn; 0 turns it off."""
    campaign = campaigns.get(session, campaign_id)
    for share in (random, uncertain):
        if not 0 <= share <= MAX_SHARE:
            raise InvalidInput(f"A share of the queue is between 0 and {MAX_SHARE}, not {share}.")
    campaign.random_share, campaign.uncertain_share = random, uncertain
    return campaign


@dataclass(frozen=True, slots=True)
class Price:
    """What shares cost, and what they buy, told from the leads that came in lately."""

    leads_a_day: float
    drawn_a_day: float
    """So many stand first in their day whatever their score."""
    margin: float | None
    """After 30 such days the share of good leads is known to so much up or down, at worst, 9 times in 10."""


def price(session: Session, campaign: Campaign, now: datetime, *, random: float, uncertain: float) -> Price:
    """What these shares would cost a day, and what they would buy."""
    propensity = propensity_of(sa.func.coalesce(Lead.drawn_score, Lead.score), random, uncertain)
    propensity = sa.cast(propensity, sa.Double)
    weights = sa.func.sum(1 / sa.func.nullif(propensity, 0.0))
    found = sa.select(sa.func.count(), sa.func.sum(propensity), weights)
    count, drawn, weight = session.execute(
        found.where(Lead.campaign_id == campaign.id, Lead.qualified_at > now - _LATELY)
    ).one()
    days = _LATELY.days
    worth = count**2 / float(weight) if weight else 0.0  # answers of equal weight (Kish)
    return Price(count / days, float(drawn or 0) / days, NINE_IN_TEN * sqrt(0.25 / worth) if worth else None)


def _chance(key: str) -> float:
    """Evenly between 0 and 1, the same for the same key."""
    return int.from_bytes(sha256(f"slot {key}".encode("utf-8", "surrogatepass")).digest()[:7], "big") / 2**56
