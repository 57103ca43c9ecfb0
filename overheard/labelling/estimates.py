"""How good what the queue holds is: precision, recall and calibration, from leads that were drawn by chance.

People look at the top of the queue, so the share of good ones among their decisions says nothing about the rest. Each
drawn lead stands for as many as its propensity says (Hajek's ratio estimator). `docs/labels.md` has the formulas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.labels import BLIND
from overheard.labelling.slots import DRAWN
from overheard.measuring import recall
from overheard.measuring.intervals import wilson
from overheard.measuring.recall import Estimate, recall_of
from overheard.models import Campaign, Label, Lead

WINDOW = timedelta(days=30)
_Z = 1.644854  # 90 of 100 intervals hold the truth
FEWEST = 20
"""Decided leads that were drawn; with fewer nothing is said."""
_BORDERS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Decided:
    """A lead that was drawn, and what a person said about it."""

    score: float
    """By which it was drawn."""
    propensity: float
    is_lead: bool


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
    return Estimate(p, *((p, p) if worth == inf else wilson(p, worth, _Z)))


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What the queue would hold if it began at this score."""

    threshold: float
    precision: Estimate
    kept: Estimate
    """The share of the leads in the queue that it would still hold."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Leads of about one score: what the model says, and what people say."""

    low: float
    high: float
    decided: int
    mean_score: float
    share: Estimate


@dataclass(frozen=True, slots=True)
class QueueQuality:
    """What the queue of a campaign held in the last 30 days."""

    held: int
    """Leads that came in while some were drawn."""
    drawn: int
    decided: int
    precision: Estimate
    naive: float | None
    """The share among all decisions, drawn or not, to compare with: it is biased."""
    recall: Estimate | None
    """Of all leads that are out there; None as long as blind samples do not tell (`docs/recall.md`)."""
    thresholds: list[AtThreshold]
    bins: list[Bin]
    calibration_error: float
    """The mean distance of what the model says from what people say, by bins."""

    @property
    def can_tell(self) -> bool:
        """Whether the numbers say anything."""
        return self.decided >= FEWEST


def quality(session: Session, campaign: Campaign, now: datetime) -> QueueQuality:
    """From the drawn leads of the last 30 days, and from blind samples where there are any."""
    came_in = (Lead.campaign_id == campaign.id, Lead.propensity.is_not(None), Lead.qualified_at >= now - WINDOW)
    was_drawn = Lead.shown_because.in_(DRAWN)
    counts = sa.select(sa.func.count(), sa.func.count().filter(was_drawn)).where(*came_in)
    held, drawn = session.execute(counts).one()
    newest = sa.select(sa.func.max(Label.id)).where(
        Label.lead_id == Lead.id,
        Label.withdrawn_at.is_(None),
        Label.is_lead.is_not(None),
        Label.shown_because != BLIND,
    )
    told = (
        sa.select(Lead.drawn_score, Lead.propensity, Label.is_lead, was_drawn)
        .join(Label, Label.id == newest.correlate(Lead).scalar_subquery())
        .where(*came_in)
    )
    rows = session.execute(told).all()
    decided = [Decided(score or 0.0, chance or 1.0, bool(good)) for score, chance, good, by_chance in rows if by_chance]
    precision = share(decided)
    bins = calibration(decided)
    return QueueQuality(
        held=held,
        drawn=drawn,
        decided=len(decided),
        precision=precision,
        naive=sum(bool(good) for _, _, good, _ in rows) / len(rows) if rows else None,
        recall=_recall(session, campaign, precision, now) if len(decided) >= FEWEST else None,
        thresholds=at_thresholds(decided),
        bins=bins,
        calibration_error=_calibration_error(decided, bins),
    )


def _recall(session: Session, campaign: Campaign, precision: Estimate, now: datetime) -> Estimate | None:
    """What was shown counts as good as the drawn ones of it were; what was not shown is told by blind samples."""
    blind = recall.estimate(session, campaign, now)
    if not blind.days or blind.answers_lacking:
        return None
    found = Estimate(*(blind.shown * number for number in (precision.value, precision.low, precision.high)))
    return recall_of(found, blind.missed)


def at_thresholds(decided: Sequence[Decided]) -> list[AtThreshold]:
    """Precision, and what is kept, for each threshold that would change something: the first is the queue as it is."""
    found: dict[int, AtThreshold] = {}
    for border in _BORDERS[:-1]:
        above = [one for one in decided if one.score >= border]
        if above:
            kept = [Decided(one.score, one.propensity, one.score >= border) for one in decided if one.is_lead]
            found.setdefault(len(above), AtThreshold(border, share(above), share(kept)))
    return list(found.values())


def calibration(decided: Sequence[Decided]) -> list[Bin]:
    """What the model says beside what people say, by score."""
    bins = []
    for low, high in pairwise(_BORDERS):
        here = [one for one in decided if low <= one.score < high or (one.score == high == 1)]
        if here:
            weight = sum(1 / one.propensity for one in here)
            mean = sum(one.score / one.propensity for one in here) / weight
            bins.append(Bin(low, high, len(here), mean, share(here)))
    return bins


def _calibration_error(decided: Sequence[Decided], bins: Sequence[Bin]) -> float:
    whole = sum(1 / one.propensity for one in decided)
    if not whole:
        return 0.0
    error = 0.0
    for one in bins:
        here = sum(1 / d.propensity for d in decided if one.low <= d.score < one.high or (d.score == one.high == 1))
        error += here / whole * abs(one.mean_score - one.share.value)
    return error
