"""How many of the leads that are out there a campaign finds: estimated from the answers to blind samples.

Each answered sample stands for as many posts as its stratum had that day for each one that was drawn (Horvitz and
Thompson). `docs/recall.md` has the formulas, their sources and what is promised.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf, sqrt

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from overheard.days import begins
from overheard.keywords.queries import Span, read_span
from overheard.labelling import drawn
from overheard.labelling.drawn import WINDOW
from overheard.labelling.judged import shown_from
from overheard.labelling.samples import DRAWN_FROM
from overheard.marketing.relevance import is_relevant, offer_hash
from overheard.measuring.intervals import NINE_IN_TEN, Estimate, Share, wilson
from overheard.models import Campaign, Lead, Post, PostRelevance, Prediction, Sample, Signal, Source, StratumDay
from overheard.vocabulary import SampleAnswer, Stratum

_FEWEST_ANSWERS = 20
_FEWEST_OF_A_STRATUM = 2
_FEWEST_DECISIONS = 10
_TAUGHT = 20


@dataclass(frozen=True, slots=True)
class Draws:
    """One stratum on one day: how many posts, how many of them drawn, and what the answered ones were."""

    size: int
    drawn: int
    answered: int
    leads: int


def missed_in(days: Sequence[Draws]) -> Estimate:
    """How many leads there are in a stratum. What was drawn and not answered counts as if it were like the rest."""
    size = sum(day.size for day in days)
    read = [(day.size / day.drawn, day) for day in days if day.answered]
    weights = sum(weight * day.answered for weight, day in read)
    if not weights:
        return Estimate(0.0, 0.0, float(size))
    share = sum(weight * day.leads for weight, day in read) / weights
    # Unequal weights make answers worth less (Kish); what was read of a small stratum need not be guessed.
    worth = weights**2 / sum(weight**2 * day.answered for weight, day in read)
    unread = 1 - sum(day.answered for _, day in read) / size
    low, high = wilson(share, worth / unread if unread > 0 else inf, NINE_IN_TEN)
    return Estimate(size * share, size * low, size * high)


def total(parts: Iterable[Estimate]) -> Estimate:
    """The sum of what was estimated apart: the distances to the limits add up as the sides of a right angle do."""
    parts = list(parts)
    value = sum(part.value for part in parts)
    low = value - sqrt(sum((part.value - part.low) ** 2 for part in parts))
    return Estimate(value, max(low, 0.0), value + sqrt(sum((part.high - part.value) ** 2 for part in parts)))


def found_by_chance(shown: int, share: Estimate) -> Estimate:
    """How many of the posts that were shown are leads, by those that were drawn of them."""
    return Estimate(*(shown * number for number in (share.value, share.low, share.high)))


def found_among(shown: int, decided: Share) -> Estimate:
    """The same by all that were decided, as if those yet undecided were like them."""
    are_of_these = 0 < decided.whole <= shown
    unread = 1 - decided.whole / shown if are_of_these else 1
    low, high = wilson(decided.value or 0.0, decided.whole / unread if unread > 0 else inf, NINE_IN_TEN)
    return Estimate(shown * (decided.value or 0.0), shown * low, shown * high)


def recall_of(found: Estimate, missed: Estimate) -> Estimate:
    """The share of what was found in all there is, with limits from those of the ratio of the two."""
    if not found.low:
        return Estimate(found.value / ((found.value + missed.value) or 1), 0.0, 1.0)
    product = missed.value * found.value
    below = product**2 - missed.low * found.high * (2 * missed.value - missed.low) * (2 * found.value - found.high)
    above = product**2 - missed.high * found.low * (2 * missed.value - missed.high) * (2 * found.value - found.low)
    low = (product - sqrt(max(below, 0.0))) / (found.high * (2 * found.value - found.high))
    high = (product + sqrt(max(above, 0.0))) / (found.low * (2 * found.value - found.low))
    return Estimate(1 / (1 + missed.value / found.value), 1 / (1 + high), 1 / (1 + max(low, 0.0)))


# --- of a campaign -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Missed:
    """What one stratum adds to the estimate."""

    stratum: Stratum
    posts: int
    answered: int
    leads: int
    """Of the answered."""
    missed: Estimate


@dataclass(frozen=True, slots=True)
class Taught:
    """A post that was not shown and that a person, asked blind, called a lead."""

    post: Post
    community: str
    stratum: Stratum
    lead_id: int | None
    score: float | None
    relevance: float | None
    """How close it is to the offer, where that was measured."""
    need: Span | None
    """Where it says what its writer needs."""
    is_caught_now: bool
    """Whether the campaign as it stands would show it."""


@dataclass(frozen=True, slots=True)
class Recall:
    """What a campaign finds and misses, as it stood on the days that were drawn."""

    days: int
    shown: int
    decided: int
    """So many leads tell what was found."""
    is_by_chance: bool
    """Whether these were drawn by chance. Else they are all that were decided, and as the best are decided first, what
    was found is overestimated as long as some wait."""
    strata: list[Missed]
    not_judged: int
    found: Estimate
    missed: Estimate
    recall: Estimate
    answers_lacking: int
    """So many more answers are needed at least before the numbers say anything."""
    decisions_lacking: int

    @property
    def can_tell(self) -> bool:
        """Whether the numbers say anything."""
        return bool(self.days) and not (self.answers_lacking or self.decisions_lacking)


def estimate(session: Session, campaign: Campaign, now: datetime) -> Recall:
    """From the samples of the last 30 days, and the decisions of the same time."""
    since = (now - WINDOW).date()
    answered = sa.func.count(Sample.id).filter(Sample.answer.in_((SampleAnswer.LEAD, SampleAnswer.NO)))
    leads = sa.func.count(Sample.id).filter(Sample.answer == SampleAnswer.LEAD)
    statement = (
        sa.select(StratumDay.day, StratumDay.stratum, StratumDay.size, StratumDay.drawn, answered, leads)
        .outerjoin(Sample, Sample.stratum_day_id == StratumDay.id)
        .where(StratumDay.campaign_id == campaign.id, StratumDay.day >= since)
        .group_by(StratumDay.id)
    )
    days = set()
    draws: dict[Stratum, list[Draws]] = defaultdict(list)
    for day, stratum, *numbers in session.execute(statement):
        days.add(day)
        draws[stratum].append(Draws(*numbers))
    strata = [_missed(stratum, draws[stratum]) for stratum in DRAWN_FROM]
    strata = [one for one in strata if one.posts]
    shown = sum(day.size for day in draws[Stratum.SHOWN])
    # Of the days that were drawn: what was decided before says nothing of what was shown on these.
    said = drawn.said(session, campaign, since=begins(min(days, default=since)))
    found = found_by_chance(shown, drawn.share(said.decided)) if said.can_tell else found_among(shown, said.of_all)
    missed = total(one.missed for one in strata)
    unread = sum(max(_FEWEST_OF_A_STRATUM - one.answered, 0) for one in strata)
    return Recall(
        days=len(days),
        shown=shown,
        decided=len(said.decided) if said.can_tell else said.of_all.whole,
        is_by_chance=said.can_tell,
        strata=strata,
        not_judged=sum(day.size for day in draws[Stratum.NOT_JUDGED]),
        found=found,
        missed=missed,
        recall=recall_of(found, missed),
        answers_lacking=max(_FEWEST_ANSWERS - sum(one.answered for one in strata), unread, 0),
        decisions_lacking=max(_FEWEST_DECISIONS - said.of_all.whole, 0),
    )


def _missed(stratum: Stratum, days: Sequence[Draws]) -> Missed:
    answered, leads = sum(day.answered for day in days), sum(day.leads for day in days)
    return Missed(stratum, sum(day.size for day in days), answered, leads, missed_in(days))


def taught(session: Session, campaign: Campaign, now: datetime) -> list[Taught]:
    """The posts of the last 30 days that were called leads blind, the newest first."""
    other = aliased(Prediction)
    newest = sa.select(sa.func.max(other.id)).where(other.post_id == Post.id).correlate(Post).scalar_subquery()
    lead = (
        sa.select(sa.func.min(Lead.id))
        .join(Signal, Signal.lead_id == Lead.id)
        .where(Signal.post_id == Post.id, Lead.campaign_id == campaign.id)
        .correlate(Post)
        .scalar_subquery()
    )
    near = aliased(PostRelevance)
    of_the_offer = (near.campaign_id == campaign.id) & (near.offer_hash == offer_hash(campaign.offer))
    statement = (
        sa.select(
            Post,
            Source.community,
            StratumDay.stratum,
            lead,
            Prediction,
            near.relevance,
            is_relevant(session, Post.id),
        )
        .select_from(Sample)
        .join(StratumDay, StratumDay.id == Sample.stratum_day_id)
        .join(Campaign, Campaign.id == StratumDay.campaign_id)
        .join(Post, Post.id == Sample.post_id)
        .join(Source, Source.id == Post.source_id)
        .outerjoin(Prediction, Prediction.id == newest)
        .outerjoin(near, (near.post_id == Post.id) & of_the_offer)
        .where(
            StratumDay.campaign_id == campaign.id,
            Sample.answer == SampleAnswer.LEAD,
            Sample.answered_at >= now - WINDOW,
        )
        .order_by(Sample.answered_at.desc(), Sample.id.desc())
        .limit(_TAUGHT)
    )
    threshold = shown_from(session, campaign)
    return [
        Taught(
            post=post,
            community=community,
            stratum=stratum,
            lead_id=lead_id,
            score=prediction.score if prediction else None,
            relevance=relevance,
            need=_need(prediction),
            is_caught_now=prediction is not None and fits and prediction.score >= threshold,
        )
        for post, community, stratum, lead_id, prediction, relevance, fits in session.execute(statement)
    ]


def _need(prediction: Prediction | None) -> Span | None:
    stored = prediction.explanation and prediction.explanation["need"] if prediction else None
    return read_span(stored) if stored else None
