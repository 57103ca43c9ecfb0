"""How stored posts were judged so far, as far as one campaign is concerned: by people, else by the model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.marketing.score import score_for
from overheard.models import Campaign, Lead, LeadEvent, Prediction, Signal
from overheard.vocabulary import DisqualifyReason, Stage

T = TypeVar("T")

_BATCH = 1000  # ids in one statement
_NOBODYS_THRESHOLD = 0.5  # as long as the campaign has no lead to tell it by


class Standing(StrEnum):
    """What is known of a post, the most telling first."""

    PROMOTED = "promoted"
    DISQUALIFIED = "disqualified"
    WAITING = "waiting"
    """Its lead waits in the queue for a person."""
    LIKELY = "likely"
    """Nobody was shown it; its score reaches the threshold."""
    UNLIKELY = "unlikely"
    UNJUDGED = "unjudged"
    """The model has not read it yet, or cannot read its language."""

    @property
    def is_shown(self) -> bool:
        """Whether it was put before a person, or would be."""
        return self not in {Standing.UNLIKELY, Standing.UNJUDGED}

    @property
    def looks_like_a_lead(self) -> bool:
        """Whether it is one for all that is known."""
        return self.is_shown and self is not Standing.DISQUALIFIED


# Of a lead's other stages a person made it one.
_STANDING = {Stage.MARKETING_QUALIFIED: Standing.WAITING, Stage.DISQUALIFIED: Standing.DISQUALIFIED}


@dataclass(frozen=True, slots=True)
class Judgement:
    """How one post stands: why it was disqualified, and the model's score where there is one."""

    standing: Standing = Standing.UNJUDGED
    reason: DisqualifyReason | None = None
    score: float | None = None


def shown_from(session: Session, campaign: Campaign) -> float:
    """The score from which a campaign is shown posts. The model's own threshold, where it sets none, is told by the
    lowest score that made a lead.
    """
    if campaign.threshold is not None:
        return campaign.threshold
    lowest = session.scalar(
        sa.select(sa.func.min(Signal.score))
        .join(Lead, Lead.id == Signal.lead_id)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .where(Campaign.threshold.is_(None))
    )
    return _NOBODYS_THRESHOLD if lowest is None else lowest


def judge(session: Session, campaign: Campaign, post_ids: Sequence[int]) -> dict[int, Judgement]:
    """How each of the posts stands with the campaign."""
    threshold = shown_from(session, campaign)
    found = dict.fromkeys(post_ids, Judgement())
    for ids in batches(post_ids):
        found |= _by_the_model(session, campaign, ids, threshold)
        rows = session.execute(
            sa.select(Signal.post_id, Lead.id, Lead.stage)
            .join(Lead, Lead.id == Signal.lead_id)
            .where(Signal.post_id.in_(ids), Lead.campaign_id == campaign.id)
        ).all()
        reasons = _reasons(session, [lead_id for _, lead_id, stage in rows if stage is Stage.DISQUALIFIED])
        for post_id, lead_id, stage in rows:
            standing = _STANDING.get(stage, Standing.PROMOTED)
            found[post_id] = Judgement(standing, reasons.get(lead_id), found[post_id].score)
    return found


def _by_the_model(
    session: Session, campaign: Campaign, post_ids: Sequence[int], threshold: float
) -> dict[int, Judgement]:
    # The newest word of any version: while a new one catches up, the former's is better than none.
    statement = (
        sa.select(Prediction.post_id, score_for(session), Prediction.is_judged)
        .join(Campaign, Campaign.id == campaign.id)
        .where(Prediction.post_id.in_(post_ids))
        .order_by(Prediction.id)
    )
    return {
        post_id: Judgement(Standing.LIKELY if score >= threshold else Standing.UNLIKELY, score=score)
        for post_id, score, is_judged in session.execute(statement)
        if is_judged
    }


def _reasons(session: Session, lead_ids: Sequence[int]) -> dict[int, DisqualifyReason]:
    """Why leads are out, by lead: of several reasons the last."""
    statement = (
        sa.select(LeadEvent.lead_id, LeadEvent.reason)
        .where(LeadEvent.lead_id.in_(lead_ids), LeadEvent.reason.is_not(None))
        .order_by(LeadEvent.id)
    )
    return {lead_id: reason for lead_id, reason in session.execute(statement) if reason is not None}


def batches(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at once as a statement takes."""
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
