"""Whether what comes in, or what the model says of it, is still what it was: place by place, and week by week.

The last seven days are compared with the 28 days before. `docs/models.md` has the formulas, and where the bounds come
from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import log

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.keywords.term_proposals import Weighed, terms_of, weigh
from overheard.measuring.intervals import Share, Trend, trend
from overheard.modelling import versions
from overheard.models import Label, Post, Prediction, Source, User
from overheard.notifications import notices
from overheard.vocabulary import NoticeKind, Platform, Role

EDGES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
"""Of the bins into which scores are counted: most posts score close to nothing."""

RECENT = timedelta(days=7)
BEFORE = timedelta(days=28)

_ENOUGH = 100
"""Posts that each of the two times must have: of fewer nothing is said."""
_SOME, _MUCH = 0.1, 0.25
"""The customary bounds of the index (Siddiqi 2006)."""
_BY_CHANCE = 27.877
"""Without any drift the index is, for bins such as ours, below this times (1/n + 1/m) in 999 of 1,000 cases: the
quantile of chi-squared with nine degrees of freedom (Yurdakul and Naranjo 2020)."""

_HALF = 0.5
_NEWEST = 1_000
"""Posts of each time whose words are compared."""
_EXAMPLES = 5
_TERMS = 12
_LEAST_WORDS = 5
_WEEKS = 12


class Drift(StrEnum):
    """How far a place has moved."""

    TOO_FEW = "too_few"
    STEADY = "steady"
    SOME = "some"
    MUCH = "much"


@dataclass(frozen=True, slots=True)
class PlaceDrift:
    """The scores of one community, then and now."""

    source_id: int
    platform: Platform
    community: str
    before: list[int]
    """Posts by bin of their score."""
    recent: list[int]
    leads_before: Share
    """Posts that the model calls leads."""
    leads: Share

    @property
    def index(self) -> float:
        """The population stability index."""
        return stability_index(self.before, self.recent)

    @property
    def by_chance(self) -> float:
        """What the index may well be without any drift."""
        before, recent = sum(self.before), sum(self.recent)
        return _BY_CHANCE * (1 / before + 1 / recent) if before and recent else float("inf")

    @property
    def drift(self) -> Drift:
        """How far it has moved: beyond the bound, and beyond chance."""
        if min(sum(self.before), sum(self.recent)) < _ENOUGH:
            return Drift.TOO_FEW
        if self.index < max(_SOME, self.by_chance):
            return Drift.STEADY
        return Drift.SOME if self.index < _MUCH else Drift.MUCH

    @property
    def trend(self) -> Trend:
        """Of the share of leads."""
        return trend(self.leads, self.leads_before)


@dataclass(frozen=True, slots=True)
class Words:
    """What is said in a place now that was not said before."""

    terms: list[Weighed]
    examples: list[Post] = field(default_factory=list)
    """Recent posts most of whose words are new here."""


@dataclass(frozen=True, slots=True)
class Week:
    """Scores of posts that were shown, and what people said about them."""

    begins: date
    score: float
    """Their mean: so many should be leads."""
    leads: Share

    @property
    def is_off(self) -> bool:
        """Whether the scores lie outside of what the answers allow."""
        low, high = self.leads.interval()
        return not low <= self.score <= high


def stability_index(before: Sequence[int], recent: Sequence[int]) -> float:
    """Sum over the bins of (q - p) ln(q / p), with half a post added to each bin so that none is empty."""
    n, m = sum(before) + len(before) / 2, sum(recent) + len(recent) / 2
    pairs = [((one + 0.5) / n, (other + 0.5) / m) for one, other in zip(before, recent, strict=True)]
    return sum((q - p) * log(q / p) for p, q in pairs)


def judging(session: Session) -> tuple[str, float] | None:
    """The version that judges, and from which score on it calls a post a lead. Where nothing is registered, that of the
    newest prediction, and one half; None where nothing was judged.
    """
    champion = versions.champion(session)
    if champion:
        return champion.name, champion.threshold
    newest = session.scalar(sa.select(Prediction.model_version).order_by(Prediction.id.desc()).limit(1))
    return (newest, _HALF) if newest else None


def places(session: Session, *, model_version: str, threshold: float, now: datetime) -> list[PlaceDrift]:
    """Every source of which this version judged posts within the last five weeks, those that moved most first."""
    since = now - RECENT
    counted = sa.case(*((Prediction.score < edge, place) for place, edge in enumerate(EDGES)), else_=len(EDGES))
    is_recent = sa.case((Post.collected_at >= since, 1), else_=0)
    statement = (
        sa.select(
            Post.source_id,
            is_recent.label("is_recent"),
            counted.label("bin"),
            sa.func.count(),
            sa.func.sum(sa.case((Prediction.score >= threshold, 1), else_=0)),
        )
        .join(Prediction, Prediction.post_id == Post.id)
        .where(Post.collected_at >= since - BEFORE, Prediction.model_version == model_version, Prediction.is_judged)
        .group_by(Post.source_id, sa.text("is_recent"), sa.text("bin"))
    )
    bins: dict[int, tuple[list[int], list[int]]] = {}
    leads: dict[int, list[int]] = {}
    for source_id, recent, place, posts, flagged in session.execute(statement):
        both = bins.setdefault(source_id, ([0] * (len(EDGES) + 1), [0] * (len(EDGES) + 1)))
        both[recent][place] += posts
        leads.setdefault(source_id, [0, 0])[recent] += int(flagged)
    found = [
        PlaceDrift(
            source.id,
            source.platform,
            source.community,
            *bins[source.id],
            *(Share(flagged, sum(some)) for flagged, some in zip(leads[source.id], bins[source.id], strict=True)),
        )
        for source in session.scalars(sa.select(Source).where(Source.id.in_(bins)))
    ]
    order = list(Drift)
    return sorted(found, key=lambda one: (-order.index(one.drift), -one.index, one.source_id))


def words(session: Session, source_id: int, *, now: datetime) -> Words:
    """The terms that a place says more than before, by more than chance, and posts that are full of new words."""
    since = now - RECENT
    recent = _newest(session, source_id, Post.collected_at >= since)
    before = _newest(session, source_id, Post.collected_at < since, Post.collected_at >= since - BEFORE)
    here = [terms_of(post.title, post.body) for post in recent]
    there = [terms_of(post.title, post.body) for post in before]
    if not here or not there:
        return Words([])
    known = frozenset[str]().union(*there)
    new = [
        (len(single - known) / len(single), post.id, post)
        for post, terms in zip(recent, here, strict=True)
        if len(single := frozenset(term for term in terms if " " not in term)) >= _LEAST_WORDS
    ]
    newest = sorted((one for one in new if one[0]), key=lambda one: (-one[0], one[1]))
    return Words(weigh(here, there)[:_TERMS], [post for _, _, post in newest[:_EXAMPLES]])


def _newest(session: Session, source_id: int, *when: sa.ColumnElement[bool]) -> Sequence[Post]:
    statement = sa.select(Post).where(Post.source_id == source_id, *when)
    return session.scalars(statement.order_by(Post.id.desc()).limit(_NEWEST)).all()


def calibration(session: Session, *, model_version: str, now: datetime) -> list[Week]:
    """By week of the decision, the newest first: the mean score of what was decided on, and how many were leads.

    Only what was shown was decided on, so this is calibration where the queue looks, not of all posts.
    """
    statement = sa.select(Label.at, Label.score, Label.is_lead).where(
        Label.withdrawn_at.is_(None),
        Label.is_lead.is_not(None),
        Label.model_version == model_version,
        Label.at >= now - timedelta(weeks=_WEEKS),
    )
    by_week: dict[date, list[tuple[float, bool]]] = {}
    for at, score, is_lead in session.execute(statement):
        by_week.setdefault(at.date() - timedelta(days=at.weekday()), []).append((score, bool(is_lead)))
    return [
        Week(week, sum(score for score, _ in some) / len(some), Share(sum(lead for _, lead in some), len(some)))
        for week, some in sorted(by_week.items(), reverse=True)
    ]


def tell(session: Session, *, model_version: str, threshold: float, now: datetime) -> int:
    """Tell ML engineers and admins of places that moved much: once a place and week. How many places."""
    moved = [
        one
        for one in places(session, model_version=model_version, threshold=threshold, now=now)
        if one.drift is Drift.MUCH
    ]
    readers = sa.select(User.id).where(User.disabled_at.is_(None), User.role.in_((Role.ADMIN, Role.ML_ENGINEER)))
    week = now.strftime("%G-%V")
    for user_id in session.scalars(readers).all() if moved else ():
        for one in moved:
            text = (
                f"{one.platform.display}, {one.community}: the scores of the last 7 days are not those of the 28 days "
                f"before (stability index {one.index:.2f})."
            )
            link, key = f"/models/drift/{one.source_id}", f"drift {one.source_id} {week}"
            notices.notify(session, user_id, NoticeKind.MODEL_DRIFTED, text, link, now, key=key)
    return len(moved)
