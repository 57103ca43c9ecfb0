"""What a threshold, or a query, will bring: posts a day, and how many of them are good, from what was measured."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from statistics import fmean

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.judged import shown_from
from overheard.labelling.labels import BLIND
from overheard.marketing import campaigns
from overheard.marketing.campaign_settings import admits
from overheard.marketing.relevance import offer_hash
from overheard.marketing.score import score_for
from overheard.measuring.intervals import Share
from overheard.models import (
    Campaign,
    Label,
    Lead,
    Match,
    Post,
    PostRelevance,
    Prediction,
    Query,
    Sample,
    StratumDay,
)
from overheard.vocabulary import SampleAnswer, Stratum

_WINDOW = timedelta(days=28)
_TOLD = timedelta(days=180)
_ENOUGH = 20
"""Decisions from which a share of them is taken for measured."""
_FEWEST_ANSWERS = 10
_DAY = timedelta(days=1)
_NEVER = 2.0  # above every relevance


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on a lead that the queue showed, and the score it had."""

    score: float
    is_good: bool
    """Whether it was promoted; whatever else it was, it was not worth an answer."""


class Basis(StrEnum):
    """On what it rests how many posts are good."""

    DECISIONS = "decisions"
    SCORES = "scores"
    BOTH = "both"
    """Decisions for what is shown already, samples or scores for what is not yet."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a threshold brings a day."""

    threshold: float
    posts: float
    good: float
    low: float
    high: float
    """Of the good, with 95 % where it was measured; where scores were taken it says nothing and is the same number."""
    found: float | None
    """Which share of the good ones that queries and meaning find at all."""
    basis: Basis
    decisions: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the sentences between which a marketer chooses."""

    forecast: Forecast
    is_current: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """Scores of what is relevant to a campaign, and over how many days it was written."""

    scores: list[float]
    """In rising order."""
    days: float


def decisions(session: Session, campaign_id: int, *, since: datetime) -> list[Decision]:
    """The last word on each lead of the campaign that was decided since. What was said blind was not shown by it."""
    last = (
        sa.select(sa.func.max(Label.id))
        .join(Lead, Lead.id == Label.lead_id)
        .where(
            Lead.campaign_id == campaign_id,
            Label.at >= since,
            Label.withdrawn_at.is_(None),
            Label.shown_because != BLIND,
        )
        .group_by(Label.lead_id)
    )
    rows = session.execute(sa.select(Label.score, Label.reason).where(Label.id.in_(last), Label.is_lead.is_not(None)))
    return [Decision(score, reason is None) for score, reason in rows]


def of_threshold(session: Session, campaign: Campaign, threshold: float, now: datetime) -> Forecast:
    """What the campaign would show from that score on."""
    return _Reckoner.of(session, campaign, now).at(threshold)


def choices(session: Session, campaign: Campaign, now: datetime) -> list[Choice]:
    """The threshold as it is, one that shows about half as much, and one that shows about twice as much; the strictest
    first. Empty where nothing relevant was judged yet.
    """
    reckoner = _Reckoner.of(session, campaign, now)
    scores = reckoner.found.scores
    if not scores:
        return []
    shown = len(scores) - bisect_left(scores, reckoner.current)
    wanted = {_rounded(scores[-number]) for number in (max(shown // 2, 1), shown * 2) if 0 < number <= len(scores)}
    if shown * 2 > len(scores):
        wanted.add(_rounded(scores[0]))
    numbers = {reckoner.at(reckoner.current).posts}
    found = [Choice(reckoner.at(reckoner.current), is_current=True)]
    for threshold in sorted(wanted):
        forecast = reckoner.at(threshold)
        if forecast.posts not in numbers:
            numbers.add(forecast.posts)
            found.append(Choice(forecast, is_current=False))
    return sorted(found, key=lambda one: -one.forecast.threshold)


def of_posts(session: Session, campaign: Campaign, post_ids: Collection[int], now: datetime) -> Forecast:
    """What these posts, were they relevant, would bring a day at the campaign's threshold."""
    reckoner = _Reckoner.of(session, campaign, now)
    return reckoner.among(_scores(session, campaign, sa.select(Post.id).where(Post.id.in_(post_ids)), now)).at(
        reckoner.current
    )


def of_query(session: Session, query: Query, now: datetime) -> Forecast:
    """What a saved query alone brings a day, from the stored posts that it met."""
    campaign = campaigns.get(session, query.campaign_id)
    met = sa.select(Match.post_id).where(Match.query_id == query.id)
    reckoner = _Reckoner.of(session, campaign, now)
    return reckoner.among(_scores(session, campaign, met, now)).at(reckoner.current)


def warning(session: Session, query: Query, now: datetime) -> str | None:
    """What to tell who saves a query that brings more than the campaign's budget; None where it does not."""
    campaign = campaigns.get(session, query.campaign_id)
    if campaign.daily_budget is None:
        return None
    brings = of_query(session, query, now).posts
    if brings <= campaign.daily_budget:
        return None
    return (
        f"It brings about {brings:,.0f} posts a day, and the budget of {campaign.name} is {campaign.daily_budget:,}: "
        "the best-scored come in, the others are held back and counted."
    )


def _rounded(score: float) -> float:
    return int(score * 100) / 100  # down: what was to be shown still is


@dataclass(frozen=True, slots=True)
class _Reckoner:
    """All that is needed to say what any threshold brings."""

    found: _Found
    current: float
    told: Sequence[Decision]
    below: Share
    """Answers to blind samples of what is relevant and just below the threshold."""

    @classmethod
    def of(cls, session: Session, campaign: Campaign, now: datetime) -> "_Reckoner":
        return cls(
            found=_scores(session, campaign, _relevant(campaign), now),
            current=shown_from(session, campaign),
            told=decisions(session, campaign.id, since=now - _TOLD),
            below=_answers_below(session, campaign.id, since=now - _TOLD),
        )

    def among(self, found: _Found) -> "_Reckoner":
        """The same for other posts."""
        return _Reckoner(found, self.current, self.told, self.below)

    def at(self, threshold: float) -> Forecast:
        """Shown already: decisions tell. Below that: the answers to samples, else the scores, which are calibrated."""
        upper = max(threshold, self.current)
        told = [one.is_good for one in self.told if one.score >= upper]
        measured = Share(sum(told), len(told))
        shown, not_yet = self._between(upper, inf), self._between(threshold, self.current)
        is_measured = measured.whole >= _ENOUGH
        low, high = measured.interval() if is_measured else (_mean(shown), _mean(shown))
        middle = (measured.value or 0.0) if is_measured else _mean(shown)
        more = len(not_yet) * self._share_below(not_yet)
        good = len(shown) * middle + more
        everything = self._good_at_all(middle)
        basis = Basis.SCORES if not is_measured else Basis.BOTH if not_yet else Basis.DECISIONS
        return Forecast(
            threshold=threshold,
            posts=(len(shown) + len(not_yet)) / self.found.days,
            good=good / self.found.days,
            low=(len(shown) * low + more) / self.found.days,
            high=(len(shown) * high + more) / self.found.days,
            found=min(round(good / everything, 4), 1.0) if everything else None,
            basis=basis,
            decisions=measured.whole,
        )

    def _between(self, low: float, high: float) -> list[float]:
        scores = self.found.scores
        return scores[bisect_left(scores, low) : bisect_left(scores, high)] if low < high else []

    def _share_below(self, scores: Sequence[float]) -> float:
        if self.below.whole >= _FEWEST_ANSWERS:
            return self.below.value or 0.0
        return _mean(scores)

    def _good_at_all(self, middle: float) -> float:
        shown, others = self._between(self.current, inf), self._between(0.0, self.current)
        return len(shown) * middle + sum(others)


def _mean(scores: Iterable[float]) -> float:
    scores = list(scores)
    return fmean(scores) if scores else 0.0


def _relevant(campaign: Campaign) -> sa.CompoundSelect[int]:
    """What a query in force met, or is close in meaning: as `relevance` has it, found from that side."""
    met = sa.select(Match.post_id).join(Query, Query.id == Match.query_id)
    return sa.union(
        met.where(Query.campaign_id == campaign.id, Query.retired_at.is_(None)),
        sa.select(PostRelevance.post_id).where(
            PostRelevance.campaign_id == campaign.id,
            PostRelevance.offer_hash == offer_hash(campaign.offer),
            PostRelevance.relevance >= (_NEVER if campaign.meaning_threshold is None else campaign.meaning_threshold),
        ),
    )


def _scores(
    session: Session, campaign: Campaign, posts: sa.Select[int] | sa.CompoundSelect[int], now: datetime
) -> _Found:
    """The judged ones among the posts, of the last four weeks before the newest of them."""
    ids = posts.subquery()
    written = sa.func.coalesce(Post.posted_at, Post.collected_at)
    base = (
        sa.select(Prediction.id, Prediction.post_id, score_for(session), written.label("written"))
        .join(Post, Post.id == Prediction.post_id)
        .join(Campaign, Campaign.id == campaign.id)
        .where(Prediction.post_id.in_(sa.select(ids.c[0])), Prediction.is_judged, written <= now, admits())
    )
    newest = session.scalar(sa.select(sa.func.max(base.subquery().c.written)))
    if newest is None:
        return _Found([], 1.0)
    scores: dict[int, float] = {}
    first = newest
    for _, post_id, score, at in session.execute(base.where(written > newest - _WINDOW).order_by(Prediction.id)):
        scores[post_id] = score  # of several models the newest has the last word
        first = min(first, at)
    return _Found(sorted(scores.values()), max((newest - first) / _DAY, 1.0))


def _answers_below(session: Session, campaign_id: int, *, since: datetime) -> Share:
    statement = (
        sa.select(sa.func.count().filter(Sample.answer == SampleAnswer.LEAD), sa.func.count())
        .select_from(Sample)
        .join(StratumDay, StratumDay.id == Sample.stratum_day_id)
        .where(
            StratumDay.campaign_id == campaign_id,
            StratumDay.stratum == Stratum.NEAR,
            Sample.answer.in_((SampleAnswer.LEAD, SampleAnswer.NO)),
            Sample.answered_at >= since,
        )
    )
    leads, answered = session.execute(statement).one()
    return Share(leads, answered)
