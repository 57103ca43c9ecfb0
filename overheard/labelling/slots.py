"""Slots of the queue: a few leads are put high in their day by chance and not for their score.

What people decide about those tells how good all that the queue holds is, without the bias of what is looked at first
(`estimates`). It is drawn once, when a lead comes in: from its key, so that a crash and a second run draw the same.
"""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.marketing import campaigns
from overheard.models import Campaign
from overheard.vocabulary import Platform

TOP = "top"
"""Not drawn: it stands where its score puts it."""
RANDOM = "random"
UNCERTAIN = "uncertain"
DRAWN = (RANDOM, UNCERTAIN)

MAX_SHARE = 0.5
"""More than half of a queue by chance is no queue of the best any more."""
_HIGH = 1.0  # the highest score there can be


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


def propensity_of(score: float, random_share: float, uncertain_share: float) -> float:
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


def _chance(key: str) -> float:
    """Evenly between 0 and 1, the same for the same key."""
    return int.from_bytes(sha256(f"slot {key}".encode("utf-8", "surrogatepass")).digest()[:7], "big") / 2**56
