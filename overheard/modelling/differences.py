"""Where the shadow and the champion differ, as far as a person in the queue would notice."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.marketing.campaign_settings import admits
from overheard.marketing.relevance import is_relevant
from overheard.models import Campaign, ModelVersion, Post, Prediction, ShadowPrediction, Source
from overheard.vocabulary import Intent

_LOOKS_BACK = timedelta(days=14)
_NEWEST = 10_000
"""Posts that are compared."""
LISTED = 50


@dataclass(frozen=True, slots=True)
class Word:
    """What one version says about a post."""

    score: float
    intent: Intent
    evidence: list[tuple[str, int, int]]
    shows: bool
    """Whether some campaign's queue would show the post for it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One post, by both."""

    post: Post
    community: str
    champion: Word
    shadow: Word


@dataclass(frozen=True, slots=True)
class Differences:
    """The posts of the last two weeks that both versions judged."""

    posts: int = 0
    both: int = 0
    """Shown by both."""
    only_champion: int = 0
    only_shadow: int = 0
    listed: list[Difference] = field(default_factory=list)
    """Posts that only one of them would show, then the others; in each the largest difference of scores first."""


def differences(
    session: Session, shadow: ModelVersion, champion: ModelVersion, *, now: datetime, limit: int = LISTED
) -> Differences:
    """Compare what both said. A post is shown where it is relevant to a campaign and its score reaches the campaign's
    threshold, or the version's own; campaigns' budgets are left aside.
    """
    compared = session.execute(_compared(session, shadow, champion, since=now - _LOOKS_BACK)).all()
    counted = Differences(
        posts=len(compared),
        both=sum(row.champion_shows and row.shadow_shows for row in compared),
        only_champion=sum(row.champion_shows > row.shadow_shows for row in compared),
        only_shadow=sum(row.shadow_shows > row.champion_shows for row in compared),
    )
    ranked = sorted(
        compared,
        key=lambda row: (row.champion_shows == row.shadow_shows, -abs(row.champion_score - row.shadow_score), -row.id),
    )
    counted.listed.extend(_read(session, ranked[:limit]))
    return counted


def _compared(
    session: Session, shadow: ModelVersion, champion: ModelVersion, *, since: datetime
) -> sa.Select[int, int, int, float, float, int, int]:
    floors = [floor for floor in session.scalars(sa.select(Campaign.threshold)) if floor is not None]
    said, says = Prediction.score.expression, ShadowPrediction.score.expression
    floor = min([champion.threshold, shadow.threshold, *floors])

    def shows(score: sa.ColumnElement[float], own: float) -> sa.Function[int]:
        reaches = sa.and_(Campaign.id.is_not(None), score >= sa.func.coalesce(Campaign.threshold, own))
        return sa.func.max(sa.case((reaches, 1), else_=0))

    wanted = sa.and_(
        sa.or_(said >= floor, says >= floor),  # most posts reach no campaign's threshold, and are done with here
        is_relevant(session, Post.id),
        admits(),
    )
    return (
        sa.select(
            Post.id,
            Prediction.id.label("prediction_id"),
            ShadowPrediction.id.label("shadow_id"),
            said.label("champion_score"),
            says.label("shadow_score"),
            shows(said, champion.threshold).label("champion_shows"),
            shows(says, shadow.threshold).label("shadow_shows"),
        )
        .select_from(ShadowPrediction)
        .join(Post, Post.id == ShadowPrediction.post_id)
        .join(Prediction, (Prediction.post_id == Post.id) & (Prediction.model_version == champion.name))
        .outerjoin(Campaign, wanted)
        .where(
            ShadowPrediction.version_id == shadow.id,
            ShadowPrediction.at >= since,
            ShadowPrediction.is_judged,
            Prediction.is_judged,
        )
        .group_by(Post.id, Prediction.id, ShadowPrediction.id)
        .order_by(ShadowPrediction.at.desc(), ShadowPrediction.id.desc())
        .limit(_NEWEST)
    )


def _read(session: Session, ranked: Iterable[sa.Row[int, int, int, float, float, int, int]]) -> Iterable[Difference]:
    rows = list(ranked)
    posts = {
        post.id: (post, community)
        for post, community in session.execute(
            sa.select(Post, Source.community)
            .join(Source, Source.id == Post.source_id)
            .where(Post.id.in_([row.id for row in rows]))
        )
    }
    wanted = [row.prediction_id for row in rows]
    said = {one.id: one for one in session.scalars(sa.select(Prediction).where(Prediction.id.in_(wanted)))}
    wanted = [row.shadow_id for row in rows]
    says = {one.id: one for one in session.scalars(sa.select(ShadowPrediction).where(ShadowPrediction.id.in_(wanted)))}
    for row in rows:
        post, community = posts[row.id]
        champion = _word(said[row.prediction_id], shows=bool(row.champion_shows))
        yield Difference(post, community, champion, _word(says[row.shadow_id], shows=bool(row.shadow_shows)))


def _word(said: Prediction | ShadowPrediction, *, shows: bool) -> Word:
    evidence = [(str(name), int(start), int(end)) for name, start, end, _ in said.evidence]
    return Word(said.score, said.intent, evidence, shows)
