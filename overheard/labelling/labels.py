"""The person's word about a post: what was decided, and what they saw when they decided."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.slots import DRAWN, TOP
from overheard.models import Label, Lead, LeadEvent, Post, Signal
from overheard.vocabulary import DisqualifyReason, LeadAction

BLIND = "blind"
"""Why a post was shown that was drawn by chance."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How the lead was shown to the person who decided."""

    position: int | None = None
    """Place on the queue page, from 1."""
    because: str = TOP
    view: str | None = None
    """The filters of the queue that were on, as its address says them."""


def record(session: Session, lead: Lead, event: LeadEvent, *, seen: Seen | None = None) -> None:
    """Write the label that a decision about a lead says about its strongest post."""
    if event.actor_id is None or lead.top_post_id is None:
        return
    seen = seen or Seen()
    post_hash, score, model_version = session.execute(
        sa.select(Post.text_hash, Signal.score, Signal.model_version)
        .join(Signal, Signal.post_id == Post.id)
        .where(Post.id == lead.top_post_id, Signal.lead_id == lead.id)
    ).one()
    session.add(
        Label(
            post_id=lead.top_post_id,
            lead_id=lead.id,
            event_id=event.id,
            is_lead=_says_lead(event),
            reason=event.reason,
            actor_id=event.actor_id,
            at=event.at,
            text_hash=post_hash,
            model_version=model_version,
            score=score,
            position=seen.position,
            view=seen.view,
            shown_because=lead.shown_because if seen.because == TOP else seen.because,
            propensity=lead.propensity if lead.shown_because in DRAWN else None,
        )
    )


def record_blind(session: Session, event: LeadEvent, post: Post, *, propensity: float) -> None:
    """Write the label that a person's word about a post says that was drawn by chance and shown blind."""
    signal = session.scalars(sa.select(Signal).where(Signal.lead_id == event.lead_id, Signal.post_id == post.id)).one()
    session.add(
        Label(
            post_id=post.id,
            lead_id=event.lead_id,
            event_id=event.id,
            is_lead=True,
            actor_id=event.actor_id,
            at=event.at,
            text_hash=post.text_hash,
            model_version=signal.model_version,
            score=signal.score,
            shown_because=BLIND,
            propensity=propensity,
        )
    )


def _says_lead(event: LeadEvent) -> bool | None:
    if event.action is LeadAction.PROMOTE:
        return True
    if event.reason is None or event.reason is DisqualifyReason.OTHER:
        return None  # free text: a person has to read the note first
    # Out for another reason than the post itself: the intent was there.
    return not event.reason.is_negative


def settle(session: Session, lead_id: int, *, decisions: Collection[int], now: datetime) -> None:
    """Let the labels of these decisions (event ids) stand, and withdraw all others about this lead.

    What was said blind was said of the post alone, and stands whatever becomes of the lead.
    """
    about = sa.update(Label).where(Label.lead_id == lead_id, Label.shown_because != BLIND)
    session.execute(about.where(Label.event_id.in_(decisions)).values(withdrawn_at=None))
    withdrawn = about.where(Label.event_id.not_in(decisions), Label.withdrawn_at.is_(None))
    session.execute(withdrawn.values(withdrawn_at=now))


def standing(session: Session) -> list[Label]:
    """All labels that were not withdrawn, oldest first."""
    return list(session.scalars(sa.select(Label).where(Label.withdrawn_at.is_(None)).order_by(Label.id)))
