"""The way in: a post becomes a lead, or strengthens one. What people do with leads stands in `funnel`."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import alone, upsert
from overheard.keywords.queries import match_languages
from overheard.labelling import slots
from overheard.labelling.slots import Slot
from overheard.leads import do_not_contact
from overheard.leads.candidates import Candidate, fitting, read_candidates
from overheard.marketing import budget
from overheard.marketing.campaign_settings import admits
from overheard.marketing.relevance import is_relevant
from overheard.marketing.score import score_for
from overheard.models import Campaign, HeldPost, Lead, LeadEvent, Post, Prediction, Signal, User
from overheard.vocabulary import LeadAction, Platform, Stage

QUALIFYING = "qualifying"
"""One at a time does it: two would give a campaign's budget away twice, and wait for each other's leads."""

_QUALIFY_BATCH = 500  # posts held in memory at once


def qualify(
    session: Session,
    *,
    model_version: str,
    threshold: float,
    now: datetime,
    among: Sequence[int] | None = None,
    key: str | None = None,
    more_to_come: bool = False,
    only: int | None = None,
) -> int:
    """Make leads of all relevant posts whose score reaches the threshold; how many leads are new.

    `threshold` is the model's own, for campaigns that set none. `among` (ids of posts just judged) spares looking at
    all others, and takes up what the new judgement means for leads that these posts had made before.
    It looks at what stands in the tables and not at what just happened, so a crash, a new query or a lowered threshold
    are all mended by calling it again. With the `key` of the do-not-contact list nobody on it becomes a lead.

    Of a campaign with a daily budget the best-scored become leads, and the others are held back. With `more_to_come`
    a part of the budget is kept for what is judged next. `only`: of one campaign.
    """
    alone(session, QUALIFYING)
    if among is not None:
        match_languages(session, among)
        _rejudge(session, model_version=model_version, threshold=threshold, among=among)
    ready = fitting(session, model_version=model_version, threshold=threshold, now=now, among=among)
    if only is not None:
        ready = ready.where(Campaign.id == only)
    made = 0
    after = (0, 0)
    boundless = ready.where(Campaign.daily_budget.is_(None)).order_by(Campaign.id, Post.id).limit(_QUALIFY_BATCH)
    while candidates := read_candidates(session, boundless.where(sa.tuple_(Campaign.id, Post.id) > after)):
        after = (candidates[-1].campaign_id, candidates[-1].post.id)
        made += _qualify_each(session, _without_unwilling(session, candidates, key), now=now)
    for campaign in budget.bounded(session):
        room = budget.room(session, campaign, now, more_to_come=more_to_come)
        made += _qualify_best(session, ready.where(Campaign.id == campaign.id), room, key=key, now=now)
    return made


def qualify_held(session: Session, *, model_version: str, threshold: float, now: datetime, key: str | None) -> int:
    """Give what is left of the campaigns' budgets to the best of what they held back today; how many leads are new."""
    alone(session, QUALIFYING)
    held = sa.select(HeldPost.post_id).where(HeldPost.held_on == now.date(), HeldPost.released_at.is_(None))
    ready = fitting(session, model_version=model_version, threshold=threshold, now=now, among=held)
    made = 0
    for campaign in budget.bounded(session):
        room = budget.room(session, campaign, now, more_to_come=False)
        if room:
            made += _qualify_best(session, ready.where(Campaign.id == campaign.id), room, key=key, now=now)
    return made


def _qualify_best(
    session: Session, ready: sa.Select[int, Post, Prediction, float], room: int, *, key: str | None, now: datetime
) -> int:
    """Of one campaign's posts the best-scored, as long as there is room; the others are held back."""
    made = 0
    score = score_for(session)
    best = ready.order_by(score.desc(), Post.id.desc())
    after = (2.0, 0)  # above every score
    while room > 0:
        next_best = best.where(sa.tuple_(score, Post.id) < after).limit(min(room, _QUALIFY_BATCH))
        candidates = read_candidates(session, next_best)
        if not candidates:
            return made
        after = (candidates[-1].score, candidates[-1].post.id)
        wanted = _without_unwilling(session, candidates, key)
        made += _qualify_each(session, wanted, now=now)
        room -= len(wanted)
    budget.hold_back(session, ready.with_only_columns(Campaign.id, Post.id), now)
    return made


def _qualify_each(session: Session, candidates: Sequence[Candidate], *, now: datetime) -> int:
    """Make signals of these posts; how many leads are new."""
    if not candidates:
        return 0
    of = {one.campaign_id: session.get_one(Campaign, one.campaign_id) for one in candidates}
    made = sum(_add_signal(session, one, now=now, drawn_by=of[one.campaign_id])[1] for one in candidates)
    budget.let_in(session, [(one.campaign_id, one.post.id) for one in candidates])
    return made


def qualify_by_person(
    session: Session, campaign_id: int, post: Post, *, actor: User, now: datetime, key: str
) -> LeadEvent | None:
    """Make a lead of a judged post because a person says so, whatever its score; the event that says it.

    None where the post is not judged, or its author wants no contact.
    """
    judged = sa.select(Prediction, score_for(session)).join(Campaign, Campaign.id == campaign_id)
    judged = judged.where(Prediction.post_id == post.id)
    said = session.execute(judged.order_by(Prediction.id.desc()).limit(1)).one_or_none()
    if said is None:
        return None
    prediction, score = said
    candidate = Candidate(campaign_id, post, prediction, score)
    if not _without_unwilling(session, [candidate], key):
        return None
    lead_id, _ = _add_signal(session, candidate, now=now)
    event = LeadEvent(
        lead_id=lead_id,
        action=LeadAction.QUALIFY,
        to_stage=session.scalars(sa.select(Lead.stage).where(Lead.id == lead_id)).one(),
        actor_id=actor.id,
        at=now,
        model_version=prediction.model_version,
    )
    session.add(event)
    session.flush()
    return event


def release(
    session: Session, campaign_id: int, *, day: date, at_most: int, actor: User, now: datetime, key: str
) -> int:
    """Let posts in that the budget held back on that day, the best-scored first, as far as they are still relevant
    and over the threshold; how many came in.
    """
    held = budget.held(session, campaign_id, day=day).where(admits()).limit(at_most)
    rows = session.execute(held.add_columns(score_for(session)))
    candidates = [Candidate(campaign_id, post, prediction, score) for _, post, prediction, score in rows]
    wanted = _without_unwilling(session, candidates, key)
    campaign = session.get_one(Campaign, campaign_id)
    for candidate in wanted:
        _add_signal(session, candidate, now=now, drawn_by=campaign)
    released = {candidate.post.id for candidate in wanted}
    budget.settle(session, campaign_id, [one.post.id for one in candidates], released, actor=actor, now=now)
    return len(released)


def _without_unwilling(session: Session, candidates: list[Candidate], key: str | None) -> list[Candidate]:
    """Those whose writers did not say that they want no contact."""
    if key is None:
        return candidates
    names = [
        {(one.post.platform, name) for name in (one.post.author, one.post.author_name) if name} for one in candidates
    ]
    unwilling = do_not_contact.listed(session, key, set[tuple[Platform, str]]().union(*names))
    return [one for one, its in zip(candidates, names, strict=True) if not its & unwilling]


def _add_signal(
    session: Session, candidate: Candidate, *, now: datetime, drawn_by: Campaign | None = None
) -> tuple[int, bool]:
    """Make the post a signal of its author's lead; the lead, and whether it is new.

    A new lead may be drawn for a slot of the queue, as `drawn_by` says.
    """
    post, prediction, score = candidate.post, candidate.prediction, candidate.score
    signalled_on = (post.posted_at or post.collected_at).date()
    author = author_key(post)
    slot = slots.draw(drawn_by, post.platform, author, score) if drawn_by else Slot(score)
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
            score=score,
            rank=slot.rank,
            shown_because=slot.because,
            propensity=slot.propensity,
            drawn_score=None if slot.propensity is None else score,
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
            score=score,
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
    return lead_id, is_new


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
        sa.select(Signal, Prediction, score_for(session), sa.func.coalesce(Campaign.threshold, threshold), relevant)
        .join(Prediction, (Prediction.post_id == Signal.post_id) & (Prediction.model_version == model_version))
        .join(Post, Post.id == Signal.post_id)
        .join(Lead, Lead.id == Signal.lead_id)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .where(Signal.post_id.in_(among))
    )
    for signal, prediction, score, needed, fits in session.execute(statement).all():
        is_signal = prediction.is_judged and score >= needed and fits
        if not is_signal and not _is_decided(session, signal.lead_id):
            session.delete(signal)
        else:
            signal.score, signal.intent = score, prediction.intent
            signal.model_version = prediction.model_version
        session.flush()
        refresh(session, [signal.lead_id])


def take_up(session: Session, *, model_version: str, threshold: float) -> int:
    """Let the signals of some posts say what holds now, where they say something else: this version is in use again, or
    a campaign's own head was put to use or taken back. How many posts; 0 when all is done.
    """
    alone(session, QUALIFYING)
    is_other = (Signal.model_version != model_version) | (Signal.score != score_for(session))
    posts = (
        sa.select(Signal.post_id)
        .join(Lead, Lead.id == Signal.lead_id)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .join(Prediction, (Prediction.post_id == Signal.post_id) & (Prediction.model_version == model_version))
        .where(is_other)
        .distinct()
        .limit(_QUALIFY_BATCH)
    )
    among = session.scalars(posts).all()
    _rejudge(session, model_version=model_version, threshold=threshold, among=among)
    return len(among)


def _is_decided(session: Session, lead_id: int) -> bool:
    statement = sa.select(LeadEvent.id).where(LeadEvent.lead_id == lead_id, LeadEvent.actor_id.is_not(None))
    return session.scalar(statement.limit(1)) is not None


def refresh(session: Session, lead_ids: Iterable[int]) -> None:
    """Copy the strongest signal of each lead to the lead; a lead without any signal is removed."""
    # Locked, in one order: of two who each take the last but one signal away, the second sees that it is the last.
    lead_ids = sorted(set(lead_ids))
    session.execute(sa.select(Lead.id).where(Lead.id.in_(lead_ids)).order_by(Lead.id).with_for_update())
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
                rank=sa.case((Lead.shown_because == slots.TOP, top.score), else_=Lead.rank),
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
