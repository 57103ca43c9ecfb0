"""What may become a lead: posts that are relevant to a campaign and over its threshold, and are not its signals yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.marketing import budget
from overheard.marketing.campaign_settings import admits
from overheard.marketing.relevance import is_relevant, relevant_pairs
from overheard.marketing.score import may_reach, score_for
from overheard.models import Campaign, Lead, Post, Prediction, Signal


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post that is relevant to a campaign and over its threshold."""

    campaign_id: int
    post: Post
    prediction: Prediction
    score: float
    """For this campaign."""


def fitting(
    session: Session,
    *,
    model_version: str,
    threshold: float,
    now: datetime,
    among: Sequence[int] | sa.Select[int] | None,
) -> sa.Select[int, Post, Prediction, float]:
    """Campaign, post, prediction and score of what is relevant, over the threshold, not yet a signal of its campaign,
    and not held back on a former day.
    """
    # Of a few posts: written so that no index of the version's scores is of use. SQLite takes that one else, and reads
    # every lead there is for each batch.
    said_by = Prediction.model_version if among is None else Prediction.model_version.concat("")
    statement = (
        sa.select(Campaign.id, Post, Prediction, score_for(session).label("score_for_campaign"))
        .select_from(Prediction)
        .join(Post, Post.id == Prediction.post_id)
        .join(Campaign, sa.true())
        .where(said_by == model_version, is_relevant(session, Post.id), *_may_come_in(session, threshold, now))
    )
    return statement if among is None else statement.where(Prediction.post_id.in_(among))


def waiting(session: Session, *, model_version: str, threshold: float, now: datetime) -> Sequence[int]:
    """The posts of which `qualify` would make leads or signals, or hold them back: the best-scored first.

    It reads every judged post that may reach a threshold, so ask it in a session that only reads, and hand the posts
    to `qualify` in batches. Of each post only the campaigns are looked at that it is relevant to.
    """
    best: dict[int, float] = {}
    for pairs in relevant_pairs(session):
        pair = pairs.subquery()
        statement = (
            sa.select(Post.id, score_for(session))
            .select_from(Prediction)
            .join(Post, Post.id == Prediction.post_id)
            .join(pair, pair.c.post_id == Prediction.post_id)
            .join(Campaign, Campaign.id == pair.c.campaign_id)
            .where(
                Prediction.model_version == model_version,
                may_reach(session, _lowest(session, threshold)),
                *_may_come_in(session, threshold, now),
            )
        )
        for post_id, score in session.execute(statement):
            best[post_id] = max(score, best.get(post_id, 0.0))
    return sorted(best, key=lambda post_id: (-best[post_id], -post_id))


def read_candidates(session: Session, statement: sa.Select[int, Post, Prediction, float]) -> list[Candidate]:
    """What such a statement finds."""
    return [Candidate(*row) for row in session.execute(statement)]


def _lowest(session: Session, threshold: float) -> float:
    """The lowest threshold of any campaign."""
    found = session.scalar(sa.select(sa.func.min(sa.func.coalesce(Campaign.threshold, threshold))))
    return threshold if found is None else found


def _may_come_in(session: Session, threshold: float, now: datetime) -> list[sa.ColumnElement[bool]]:
    already = sa.exists().where(Signal.post_id == Post.id, Signal.lead_id == Lead.id, Lead.campaign_id == Campaign.id)
    return [
        Prediction.is_judged.is_(True),
        score_for(session) >= sa.func.coalesce(Campaign.threshold, threshold),
        admits(),
        ~already,
        ~budget.was_held(before=now.date()),
    ]
