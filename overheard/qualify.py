"""The way in: a post becomes a lead, or strengthens one. What people do with leads stands in `overheard.funnel`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard import do_not_contact
from overheard.campaign_settings import admits
from overheard.db import upsert
from overheard.models import Campaign, Lead, LeadEvent, Post, Prediction, Signal
from overheard.relevance import is_relevant
from overheard.vocabulary import LeadAction, Platform, Stage

_QUALIFY_BATCH = 500  # posts held in memory at once


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
    key: str | None = None,
) -> int:
    """Make leads of all relevant posts whose score reaches the threshold; how many leads are new.

    `threshold` is the model's own, for campaigns that set none. `among` (ids of posts just judged) spares looking at
    all others, and takes up what the new judgement means for leads that these posts had made before.
    It looks at what stands in the tables and not at what just happened, so a crash, a new query or a lowered threshold
    are all mended by calling it again. With the `key` of the do-not-contact list nobody on it becomes a lead.
    """
    made = 0
    after = (0, 0)
    if among is not None:
        _rejudge(session, model_version=model_version, threshold=threshold, among=among)
    while candidates := _candidates(session, after, model_version=model_version, threshold=threshold, among=among):
        after = (candidates[-1].campaign_id, candidates[-1].post.id)
        wanted = candidates if key is None else _without_unwilling(session, candidates, key)
        made += sum(_add_signal(session, candidate, now=now) for candidate in wanted)
    return made


def _without_unwilling(session: Session, candidates: list[_Candidate], key: str) -> list[_Candidate]:
    """Those whose writers did not say that they want no contact."""
    names = [
        {(one.post.platform, name) for name in (one.post.author, one.post.author_name) if name} for one in candidates
    ]
    unwilling = do_not_contact.listed(session, key, set[tuple[Platform, str]]().union(*names))
    return [one for one, its in zip(candidates, names, strict=True) if not its & unwilling]


def _candidates(
    session: Session, after: tuple[int, int], *, model_version: str, threshold: float, among: Sequence[int] | None
) -> list[_Candidate]:
    """The next posts that are relevant, over the threshold and not yet a signal of their campaign.

    `after`: campaign and post of the last one before.
    """
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
            admits(),
            ~already,
            sa.tuple_(Campaign.id, Post.id) > after,
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
    author = author_key(post)
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
    lead_id = inserted or _lead_of(session, candidate.campaign_id, post.platform, author)
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


def _lead_of(session: Session, campaign_id: int, platform: Platform, author: str) -> int:
    """The author's lead, or the one that has taken it over."""
    statement = sa.select(Lead.id, Lead.merged_into_id).where(
        Lead.campaign_id == campaign_id, Lead.platform == platform, Lead.author == author
    )
    # Locked: a merge that goes on just now takes this post along, or is seen here.
    lead_id, merged_into_id = session.execute(statement.with_for_update()).one()
    return merged_into_id or lead_id


def author_key(post: Post) -> str:
    """Whose lead a post makes: its author's, or, of an unknown author, its own."""
    return post.author or f"post {post.external_id}"


def _rejudge(session: Session, *, model_version: str, threshold: float, among: Sequence[int]) -> None:
    """A post that was edited, or judged by another model, is another signal: stronger, weaker, or none any more.

    A lead that only the system has touched goes with its last signal; what a person has decided on stays.
    """
    relevant = sa.and_(is_relevant(session, Signal.post_id), admits())
    statement = (
        sa.select(Signal, Prediction, sa.func.coalesce(Campaign.threshold, threshold), relevant)
        .join(Prediction, (Prediction.post_id == Signal.post_id) & (Prediction.model_version == model_version))
        .join(Post, Post.id == Signal.post_id)
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
        _let_go_of_the_unheard(session, lead_id)
        signals = session.scalars(
            sa.select(Signal).where(Signal.lead_id == lead_id).order_by(Signal.score.desc(), Signal.id)
        ).all()
        if not signals:
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


def _let_go_of_the_unheard(session: Session, lead_id: int) -> None:
    """Remove the leads that this one has taken over and of whose own posts none is left."""
    merged = session.scalars(sa.select(Lead).where(Lead.merged_into_id == lead_id)).all()
    for lead in merged:
        if not signals_by(session, lead_id, lead):
            session.execute(sa.delete(Lead).where(Lead.id == lead.id))


def signals_by(session: Session, lead_id: int, writer: Lead) -> list[int]:
    """The signals (ids) of a lead that the author of another lead wrote: after a merge they stand together."""
    rows = session.execute(
        sa.select(Signal.id, Post)
        .join(Post, Post.id == Signal.post_id)
        .where(Signal.lead_id == lead_id, Post.platform == writer.platform)
    )
    return [signal_id for signal_id, post in rows if author_key(post) == writer.author]
