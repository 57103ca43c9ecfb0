"""What people said about leads that were drawn by chance (`slots`), and what that tells of all that came in.

People look at the top of the queue, so the share of good ones among their decisions says nothing about the rest. Each
drawn lead stands for as many as its propensity says (Hajek's ratio estimator). `docs/labels.md` has the formulas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.labels import BLIND
from overheard.labelling.slots import DRAWN
from overheard.measuring.intervals import NINE_IN_TEN, Estimate, Share, wilson
from overheard.models import Campaign, Label, Lead

WINDOW = timedelta(days=30)
FEWEST = 20
"""Decided leads that were drawn; with fewer nothing is said."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A lead that was drawn, and what a person said about it."""

    score: float
    """By which it was drawn."""
    propensity: float
    is_lead: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What people said about the leads that came in since some time."""

    decided: list[Decided]
    """Those that were drawn."""
    while_drawing: Share
    """The good ones among all that were decided of those that came in while some were drawn: biased."""
    of_all: Share
    """The good ones among all that were decided: biased."""

    @property
    def can_tell(self) -> bool:
        """Whether those that were drawn say anything."""
        return len(self.decided) >= FEWEST


def said(session: Session, campaign: Campaign, *, since: datetime) -> Said:
    """The last word that the queue got on each lead that came in."""
    newest = (
        sa.select(sa.func.max(Label.id))
        .join(Lead, Lead.id == Label.lead_id)
        .where(
            Lead.campaign_id == campaign.id,
            Lead.qualified_at >= since,
            Label.at >= since,
            Label.withdrawn_at.is_(None),
            Label.is_lead.is_not(None),
            Label.shown_because != BLIND,
        )
        .group_by(Label.lead_id)
    )
    told = (
        sa.select(Lead.drawn_score, Lead.propensity, Label.is_lead, Lead.shown_because.in_(DRAWN))
        .join(Label, Label.lead_id == Lead.id)
        .where(Label.id.in_(newest))
        .order_by(Lead.id)
    )
    rows = session.execute(told).all()
    return Said(
        [Decided(score or 0.0, chance or 1.0, bool(good)) for score, chance, good, by_chance in rows if by_chance],
        while_drawing=_share_of([bool(good) for _, chance, good, _ in rows if chance is not None]),
        of_all=_share_of([bool(good) for _, _, good, _ in rows]),
    )


def _share_of(good: Sequence[bool]) -> Share:
    return Share(sum(good), len(good))


def share(decided: Sequence[Decided]) -> Estimate:
    """The share of leads in all that the decided ones were drawn from, with its 90 % interval.

    Hajek's estimator; its variance by linearisation for draws that do not depend on one another; the interval by
    Wilson's formula for as many answers as would be worth the same, which holds near 0 and 1 too.
    """
    whole = sum(1 / one.propensity for one in decided)
    if not whole:
        return Estimate(0.0, 0.0, 1.0)
    p = sum(one.is_lead / one.propensity for one in decided) / whole
    spread = sum((1 - one.propensity) * ((one.is_lead - p) / one.propensity) ** 2 for one in decided) / whole**2
    if 0 < p < 1:
        worth = p * (1 - p) / spread if spread else inf
    else:  # all alike: by Kish's count, as their spread tells nothing
        worth = whole**2 / sum(1 / one.propensity**2 for one in decided)
    return Estimate(p, *((p, p) if worth == inf else wilson(p, worth, NINE_IN_TEN)))
