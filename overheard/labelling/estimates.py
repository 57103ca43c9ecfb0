"""How good what the queue holds is: precision, recall and calibration, from leads that were drawn by chance (`drawn`).

`docs/labels.md` has the formulas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.drawn import FEWEST, WINDOW, Decided, said, share
from overheard.labelling.slots import DRAWN
from overheard.measuring import recall
from overheard.measuring.intervals import Estimate
from overheard.models import Campaign, Lead

_BORDERS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


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
    told = said(session, campaign, since=now - WINDOW)
    recalled = recall.estimate(session, campaign, now)
    bins = calibration(told.decided)
    return QueueQuality(
        held=held,
        drawn=drawn,
        decided=len(told.decided),
        precision=share(told.decided),
        naive=told.while_drawing.value,
        recall=recalled.recall if recalled.can_tell and recalled.is_by_chance else None,
        thresholds=at_thresholds(told.decided),
        bins=bins,
        calibration_error=_calibration_error(told.decided, bins),
    )


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
