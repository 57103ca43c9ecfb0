"""From a post to a lead, and from stage to stage. The only writer of `Lead.stage`.

    (post) ─qualify─▶ marketing_qualified ─promote─▶ sales_qualified ─▶ replied ─▶ prospect ─▶ won | lost
                           │  ▲                          │
                           └──┼──── disqualify(reason) ◀─┘
                      disqualified ─reopen─▶ marketing_qualified

Each move is one `UPDATE … WHERE id = :id AND stage = :from`: of two people who act at once, one wins and the other
is told who was faster. Each move is an event, and each decision of a person is a label.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard import labels
from overheard.db import upsert
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.labels import Seen
from overheard.models import Campaign, Lead, LeadEvent, Post, Prediction, Signal, User
from overheard.relevance import is_relevant
from overheard.vocabulary import DisqualifyReason, LeadAction, Stage

MAX_NOTE = 2_000
_QUALIFY_BATCH = 500  # posts held in memory at once

# From which stages a person may take each step.
OPEN_FROM = {
    LeadAction.PROMOTE: frozenset({Stage.MARKETING_QUALIFIED}),
    LeadAction.DISQUALIFY: frozenset({Stage.MARKETING_QUALIFIED, Stage.SALES_QUALIFIED, Stage.REPLIED}),
    LeadAction.REOPEN: frozenset({Stage.DISQUALIFIED}),
}

_DONE = {
    LeadAction.QUALIFY: "qualified",
    LeadAction.PROMOTE: "promoted",
    LeadAction.DISQUALIFY: "disqualified",
    LeadAction.REOPEN: "reopened",
    LeadAction.UNDO: "took back a step of",
}


# --- a post becomes a lead -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A post that is relevant to a campaign and over its threshold."""

    campaign_id: int
    post: Post
    prediction: Prediction


def qualify(
    session: Session,
    *,
    model_version: str,
    threshold: float,
    now: datetime,
    among: Sequence[int] | None = None,
) -> int:
    """Make leads of all relevant posts whose score reaches the threshold; how many leads are new.

    `threshold` is the model's own, for campaigns that set none. `among` (ids of posts just judged) spares looking at
    all others, and takes up what the new judgement means for leads that these posts had made before.
    It looks at what stands in the tables and not at what just happened, so a crash, a new query or a lowered threshold
    are all mended by calling it again.
    """
    made = 0
    if among is not None:
        _rejudge(session, model_version=model_version, threshold=threshold, among=among)
    while candidates := _candidates(session, model_version=model_version, threshold=threshold, among=among):
        made += sum(_add_signal(session, candidate, now=now) for candidate in candidates)
    return made


def _candidates(
    session: Session, *, model_version: str, threshold: float, among: Sequence[int] | None
) -> list[_Candidate]:
    """The next posts that are relevant, over the threshold and not yet a signal of their campaign."""
    already = sa.exists().where(Signal.post_id == Post.id, Signal.lead_id == Lead.id, Lead.campaign_id == Campaign.id)
    statement = (
        sa.select(Campaign.id, Post, Prediction)
        .select_from(Prediction)
        .join(Post, Post.id == Prediction.post_id)
        .join(Campaign, sa.true())
        .where(
            Prediction.model_version == model_version,
            Prediction.is_judged,
            Prediction.score >= sa.func.coalesce(Campaign.threshold, threshold),
            is_relevant(session, Post.id),
            ~already,
        )
        .order_by(Campaign.id, Post.id)
        .limit(_QUALIFY_BATCH)
    )
    if among is not None:
        statement = statement.where(Prediction.post_id.in_(among))
    return [_Candidate(*row) for row in session.execute(statement)]


def _add_signal(session: Session, candidate: _Candidate, *, now: datetime) -> bool:
    post, prediction = candidate.post, candidate.prediction
    signalled_on = (post.posted_at or post.collected_at).date()
    author = post.author or f"post {post.external_id}"
    inserted = session.execute(
        upsert(session, Lead)
        .values(
            campaign_id=candidate.campaign_id,
            platform=post.platform,
            author=author,
            stage=Stage.MARKETING_QUALIFIED,
            stage_changed_at=now,
            qualified_at=now,
            top_post_id=post.id,
            signalled_on=signalled_on,
            score=prediction.score,
            intent=prediction.intent,
        )
        .on_conflict_do_nothing()
        .returning(Lead.id)
    ).scalar_one_or_none()
    is_new = inserted is not None
    lead_id = (
        inserted
        or session.scalars(
            sa.select(Lead.id).where(
                Lead.campaign_id == candidate.campaign_id, Lead.platform == post.platform, Lead.author == author
            )
        ).one()
    )
    session.execute(
        upsert(session, Signal)
        .values(
            lead_id=lead_id,
            post_id=post.id,
            score=prediction.score,
            intent=prediction.intent,
            model_version=prediction.model_version,
            signalled_on=signalled_on,
            at=now,
        )
        .on_conflict_do_nothing()
    )
    if is_new:
        session.add(
            LeadEvent(
                lead_id=lead_id,
                action=LeadAction.QUALIFY,
                to_stage=Stage.MARKETING_QUALIFIED,
                at=now,
                model_version=prediction.model_version,
            )
        )
    else:
        refresh(session, [lead_id])
    return is_new


def _rejudge(session: Session, *, model_version: str, threshold: float, among: Sequence[int]) -> None:
    """A post that was edited, or judged by another model, is another signal: stronger, weaker, or none any more.

    A lead that only the system has touched goes with its last signal; what a person has decided on stays.
    """
    relevant = is_relevant(session, Signal.post_id)
    statement = (
        sa.select(Signal, Prediction, sa.func.coalesce(Campaign.threshold, threshold), relevant)
        .join(Prediction, (Prediction.post_id == Signal.post_id) & (Prediction.model_version == model_version))
        .join(Lead, Lead.id == Signal.lead_id)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .where(Signal.post_id.in_(among))
    )
    for signal, prediction, needed, fits in session.execute(statement).all():
        is_signal = prediction.is_judged and prediction.score >= needed and fits
        if not is_signal and not _is_decided(session, signal.lead_id):
            session.delete(signal)
        else:
            signal.score, signal.intent = prediction.score, prediction.intent
            signal.model_version = prediction.model_version
        session.flush()
        refresh(session, [signal.lead_id])


def _is_decided(session: Session, lead_id: int) -> bool:
    statement = sa.select(LeadEvent.id).where(LeadEvent.lead_id == lead_id, LeadEvent.actor_id.is_not(None))
    return session.scalar(statement.limit(1)) is not None


def refresh(session: Session, lead_ids: Iterable[int]) -> None:
    """Copy the strongest signal of each lead to the lead; a lead without any signal is removed."""
    for lead_id in lead_ids:
        signals = session.scalars(
            sa.select(Signal).where(Signal.lead_id == lead_id).order_by(Signal.score.desc(), Signal.id)
        ).all()
        if not signals:
            freed = sa.update(Lead).where(Lead.merged_into_id == lead_id).values(merged_into_id=None)
            session.execute(freed.execution_options(synchronize_session=False))
            session.execute(sa.delete(Lead).where(Lead.id == lead_id))
            continue
        top = signals[0]
        session.execute(
            sa.update(Lead)
            .where(Lead.id == lead_id)
            .values(
                top_post_id=top.post_id,
                score=top.score,
                intent=top.intent,
                signalled_on=max(signal.signalled_on for signal in signals),
            )
        )


# --- a person decides ----------------------------------------------------------------------------------------------


def promote(session: Session, lead_id: int, *, actor: User, now: datetime, seen: Seen | None = None) -> LeadEvent:
    """MQL → SQL: a person says that this is worth an answer. `WrongStage` tells who was faster."""
    lead = _get(session, lead_id)
    event = _move(session, lead, LeadAction.PROMOTE, to_stage=Stage.SALES_QUALIFIED, actor=actor, now=now)
    labels.record(session, lead, event, seen=seen)
    return event


def disqualify(
    session: Session,
    lead_id: int,
    *,
    reason: DisqualifyReason,
    actor: User,
    now: datetime,
    note: str | None = None,
    seen: Seen | None = None,
) -> LeadEvent:
    """Put a lead out, with a reason; `other` needs a note."""
    note = _checked_note(note)
    if reason is DisqualifyReason.OTHER and not note:
        raise InvalidInput("The reason 'other' needs a note: say what it was.")
    lead = _get(session, lead_id)
    event = _move(
        session,
        lead,
        LeadAction.DISQUALIFY,
        to_stage=Stage.DISQUALIFIED,
        actor=actor,
        now=now,
        reason=reason,
        note=note,
    )
    labels.record(session, lead, event, seen=seen)
    return event


def reopen(session: Session, lead_id: int, *, actor: User, now: datetime) -> LeadEvent:
    """Bring a disqualified lead back into the queue. What was said about its post is withdrawn."""
    lead = _get(session, lead_id)
    event = _move(session, lead, LeadAction.REOPEN, to_stage=Stage.MARKETING_QUALIFIED, actor=actor, now=now)
    _settle_labels(session, lead_id, now=now)
    return event


def undo(session: Session, lead_id: int, *, actor: User, now: datetime) -> LeadEvent:
    """Take back the last decision about a lead that has not been taken back yet; again goes a step further back.

    A person takes back what they did themselves: `WrongStage` names who decided last otherwise.
    """
    lead = _get(session, lead_id)
    decisions = _standing_decisions(timeline(session, lead_id))
    last = decisions[-1] if decisions else None
    if last is None or last.from_stage is None:
        raise WrongStage(f"Lead {lead_id} has no decision that could be taken back.")
    if last.actor_id != actor.id:
        raise WrongStage(f"The last step was not yours: {_told(last)} Reopen or disqualify the lead instead.")
    event = _move(
        session, lead, LeadAction.UNDO, to_stage=last.from_stage, actor=actor, now=now, from_stages={last.to_stage}
    )
    _settle_labels(session, lead_id, now=now)
    return event


def timeline(session: Session, lead_id: int) -> list[LeadEvent]:
    """All events of a lead, oldest first, with their actors."""
    statement = (
        sa.select(LeadEvent)
        .where(LeadEvent.lead_id == lead_id)
        .order_by(LeadEvent.id)
        .options(joinedload(LeadEvent.actor))
    )
    return list(session.scalars(statement))


def _standing_decisions(events: Iterable[LeadEvent]) -> list[LeadEvent]:
    """The decisions that nobody took back, oldest first."""
    standing: list[LeadEvent] = []
    for event in events:
        if event.action is LeadAction.UNDO:
            standing.pop()
        elif event.action is not LeadAction.QUALIFY:
            standing.append(event)
    return standing


def _settle_labels(session: Session, lead_id: int, *, now: datetime) -> None:
    """What was said stands as long as the decision does, and until the lead is opened anew."""
    decisions: list[int] = []
    for event in _standing_decisions(timeline(session, lead_id)):
        decisions = [] if event.action is LeadAction.REOPEN else [*decisions, event.id]
    labels.settle(session, lead_id, decisions=decisions, now=now)


def _get(session: Session, lead_id: int) -> Lead:
    lead = session.get(Lead, lead_id, populate_existing=True)
    if lead is None:
        raise NotFound(f"There is no lead {lead_id}. Its post may have been deleted at the source.")
    return lead


def _move(
    session: Session,
    lead: Lead,
    action: LeadAction,
    *,
    to_stage: Stage,
    actor: User,
    now: datetime,
    from_stages: Iterable[Stage] | None = None,
    reason: DisqualifyReason | None = None,
    note: str | None = None,
) -> LeadEvent:
    from_stage = lead.stage
    if from_stage not in (OPEN_FROM[action] if from_stages is None else from_stages):
        raise _wrong_stage(session, lead.id, action)
    moved = session.execute(
        sa.update(Lead)
        .where(Lead.id == lead.id, Lead.stage == from_stage)
        .values(stage=to_stage, stage_changed_at=now)
        .execution_options(synchronize_session=False)
        .returning(Lead.id)
    ).one_or_none()
    if moved is None:
        raise _wrong_stage(session, lead.id, action)
    session.refresh(lead)
    event = LeadEvent(
        lead_id=lead.id,
        action=action,
        from_stage=from_stage,
        to_stage=to_stage,
        actor_id=actor.id,
        at=now,
        reason=reason,
        note=note,
    )
    session.add(event)
    session.flush()  # the label needs its id
    return event


def _wrong_stage(session: Session, lead_id: int, action: LeadAction) -> WrongStage:
    events = timeline(session, lead_id)
    return WrongStage(f"Lead {lead_id} cannot be {_passive(action)} now: {_told(events[-1])}")


def _passive(action: LeadAction) -> str:
    return "changed" if action is LeadAction.UNDO else _DONE[action]


def _told(event: LeadEvent) -> str:
    who = event.actor.name if event.actor else "Overheard"
    return f"{who} {_DONE[event.action]} it on {event.at:%Y-%m-%d} at {event.at:%H:%M} UTC."


def _checked_note(note: str | None) -> str | None:
    note = (note or "").strip() or None
    if note and len(note) > MAX_NOTE:
        raise InvalidInput(f"A note has at most {MAX_NOTE} characters; this one has {len(note)}.")
    return note
