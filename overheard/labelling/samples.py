"""Blind samples: a few posts a day that a campaign was not shown, put before a person who is not told why.

Their answers say what the campaign misses (`recall`). How posts are drawn stands in `docs/recall.md`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt
from random import Random

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.days import begins
from overheard.db import upsert
from overheard.errors import NotFound, WrongStage
from overheard.labelling import labels
from overheard.leads import do_not_contact
from overheard.leads.qualify import qualify_by_person
from overheard.marketing.campaign_settings import admits
from overheard.marketing.relevance import is_relevant
from overheard.marketing.score import score_for
from overheard.models import (
    Campaign,
    HeldPost,
    Lead,
    Post,
    Prediction,
    Sample,
    Signal,
    Source,
    StratumDay,
    User,
    campaign_sources,
)
from overheard.vocabulary import SampleAnswer, Stratum

_LOOKS_BACK = 3  # days: a machine that was off over a weekend still draws for it
_STAYS_OPEN = timedelta(days=7)

# How many of each stratum may be leads, as a guess to share the day's draws by. A bad guess makes the estimate less
# sure and never wrong, as each post counts by the chance that it had.
DRAWN_FROM: Mapping[Stratum, float] = {
    Stratum.HELD_BACK: 0.5,
    Stratum.NEAR: 0.2,
    Stratum.FAR: 0.03,
    Stratum.UNMATCHED_STRONG: 0.1,
    Stratum.UNMATCHED_WEAK: 0.005,
}

Dice = Callable[[str], Random]
"""What draws, for a text that says what for: the same text draws the same."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a call of `draw` did."""

    samples: int = 0
    not_judged: int = 0
    """Posts of the days that were drawn for which the model cannot read: no sample tells about them."""


def draw(
    session: Session,
    now: datetime,
    dice: Dice = Random,
    *,
    model_version: str,
    threshold: float,
    key: str | None = None,
) -> Drawn:
    """Draw the samples of the days that are over and have none yet. Called again it draws nothing.

    `threshold` is the model's own. With the `key` of the do-not-contact list, nobody on it is shown.
    """
    samples = not_judged = 0
    for campaign in session.scalars(sa.select(Campaign).where(Campaign.samples_a_day > 0).order_by(Campaign.id)).all():
        shown_from = threshold if campaign.threshold is None else campaign.threshold
        for day in _days_to_draw(session, campaign, now):
            strata = _posts_of(session, campaign, day, model_version=model_version, threshold=shown_from)
            sizes = {stratum: len(posts) for stratum, posts in strata.items()}
            numbers = allocate({one: size for one, size in sizes.items() if one in DRAWN_FROM}, campaign.samples_a_day)
            rolled = dice(f"{campaign.id} {day}")
            chosen: list[tuple[int, int]] = []
            for stratum in Stratum:
                number = numbers.get(stratum, 0)
                row = StratumDay(campaign_id=campaign.id, day=day, stratum=stratum, size=sizes.get(stratum, 0))
                row.drawn, row.threshold = number, shown_from
                session.add(row)
                session.flush()  # its id is needed for the samples
                chosen += [(row.id, post_id) for post_id in rolled.sample(strata.get(stratum, []), number)]
            rolled.shuffle(chosen)  # where a card stands tells nothing either
            samples += _store(session, chosen, key=key, now=now)
            not_judged += sizes.get(Stratum.NOT_JUDGED, 0)
    return Drawn(samples, not_judged)


def allocate(sizes: Mapping[Stratum, int], samples: int) -> dict[Stratum, int]:
    """How many to draw of each stratum, so that the estimate is as sure as so many samples can make it: one of each,
    and every further one where it lowers the variance most (Neyman's allocation, in whole numbers by Wright).
    """
    numbers = {stratum: 1 for stratum, size in sizes.items() if size}
    spread = {stratum: sizes[stratum] * sqrt(DRAWN_FROM[stratum] * (1 - DRAWN_FROM[stratum])) for stratum in numbers}
    for _ in range(samples - len(numbers)):
        open_to_more = [stratum for stratum in numbers if numbers[stratum] < sizes[stratum]]
        if not open_to_more:
            break
        best = max(open_to_more, key=lambda one: spread[one] / sqrt(numbers[one] * (numbers[one] + 1)))
        numbers[best] += 1
    return numbers


def _days_to_draw(session: Session, campaign: Campaign, now: datetime) -> list[date]:
    days = [now.date() - timedelta(days=back) for back in range(_LOOKS_BACK, 0, -1)]
    drawn = sa.select(StratumDay.day).where(StratumDay.campaign_id == campaign.id, StratumDay.day.in_(days))
    done = set(session.scalars(drawn.distinct()))
    return [day for day in days if day not in done and day >= campaign.created_at.date()]


def _posts_of(
    session: Session, campaign: Campaign, day: date, *, model_version: str, threshold: float
) -> dict[Stratum, list[int]]:
    """The posts that were collected on a day where the campaign listens, by how they stand to it."""
    shown = sa.exists().where(Signal.post_id == Post.id, Signal.lead_id == Lead.id, Lead.campaign_id == Campaign.id)
    held = sa.exists().where(
        HeldPost.post_id == Post.id, HeldPost.campaign_id == Campaign.id, HeldPost.released_at.is_(None)
    )
    sources = sa.select(campaign_sources.c.source_id).where(campaign_sources.c.campaign_id == campaign.id)
    statement = (
        sa.select(Post.id, score_for(session), Prediction.is_judged, is_relevant(session, Post.id), shown, held)
        .select_from(Prediction)
        .join(Post, Post.id == Prediction.post_id)
        .join(Campaign, sa.true())
        .where(
            Campaign.id == campaign.id,
            Prediction.model_version == model_version,
            Post.collected_at >= begins(day),
            Post.collected_at < begins(day + timedelta(days=1)),
            admits(),
        )
        .order_by(Post.id)
    )
    if session.scalar(sources.limit(1)) is not None:
        statement = statement.where(Post.source_id.in_(sources))
    found: dict[Stratum, list[int]] = {}
    for post_id, score, is_judged, fits, is_shown, is_held in session.execute(statement):
        stratum = _stratum(score, threshold, is_judged=is_judged, fits=fits, is_shown=is_shown, is_held=is_held)
        if stratum is not None:
            found.setdefault(stratum, []).append(post_id)
    return found


def _stratum(
    score: float, threshold: float, *, is_judged: bool, fits: bool, is_shown: bool, is_held: bool
) -> Stratum | None:
    """None: it could come in and does not, as its author wants no contact. Nobody misses it."""
    if is_shown:
        return Stratum.SHOWN
    if not is_judged:
        return Stratum.NOT_JUDGED
    if is_held:
        return Stratum.HELD_BACK
    if not fits:
        return Stratum.UNMATCHED_STRONG if score >= threshold else Stratum.UNMATCHED_WEAK
    if score >= threshold:
        return None
    return Stratum.NEAR if score >= threshold / 2 else Stratum.FAR


def _store(session: Session, chosen: list[tuple[int, int]], *, key: str | None, now: datetime) -> int:
    posts = session.scalars(sa.select(Post).where(Post.id.in_([post_id for _, post_id in chosen]))).all()
    people = {(post.platform, name): post.id for post in posts for name in (post.author, post.author_name) if name}
    unwilling = {people[one] for one in do_not_contact.listed(session, key, people)} if key else set()
    rows = [
        {"stratum_day_id": stratum_day_id, "post_id": post_id, "drawn_at": now}
        for stratum_day_id, post_id in chosen
        if post_id not in unwilling
    ]
    if rows:
        session.execute(upsert(session, Sample), rows)
    return len(rows)


# --- showing and answering -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BlindCard:
    """A post as it is shown blind: what was said, and for which campaign it is asked. No score, no evidence, no why."""

    sample_id: int
    campaign_id: int
    campaign_name: str
    post: Post
    community: str


def open_cards(
    session: Session, now: datetime, *, campaign_id: int | None = None, after: int = 0, limit: int = 1
) -> list[BlindCard]:
    """The samples that wait for an answer, in the order in which they are shown."""
    statement = (
        sa.select(Sample.id, Campaign.id, Campaign.name, Post, Source.community)
        .join(StratumDay, StratumDay.id == Sample.stratum_day_id)
        .join(Campaign, Campaign.id == StratumDay.campaign_id)
        .join(Post, Post.id == Sample.post_id)
        .join(Source, Source.id == Post.source_id)
        .where(Sample.answered_at.is_(None), Sample.drawn_at > now - _STAYS_OPEN, Sample.id > after)
        .order_by(Sample.id)
        .limit(limit)
    )
    if campaign_id is not None:
        statement = statement.where(StratumDay.campaign_id == campaign_id)
    return [BlindCard(*row) for row in session.execute(statement)]


def answer(session: Session, sample_id: int, said: SampleAnswer, *, actor: User, now: datetime, key: str) -> Sample:
    """Take a person's word about a sample, once. "A lead" makes it one, as a person's word qualifies."""
    sample = session.scalars(
        sa.select(Sample).where(Sample.id == sample_id).options(joinedload(Sample.stratum_day))
    ).one_or_none()
    if sample is None:
        raise NotFound(f"There is no sample {sample_id}: its post may have been erased.")
    taken = session.execute(
        sa.update(Sample)
        .where(Sample.id == sample_id, Sample.answered_at.is_(None))
        .values(answer=said, answered_by_id=actor.id, answered_at=now)
        .returning(Sample.id)
    ).one_or_none()
    if taken is None:
        raise WrongStage(f"Sample {sample_id} has been answered already. Your answer was not needed any more.")
    session.refresh(sample, ["answer", "answered_by_id", "answered_at"])
    post = session.get_one(Post, sample.post_id)
    sample.text_hash = post.text_hash
    if said is SampleAnswer.LEAD:
        campaign_id = sample.stratum_day.campaign_id
        event = qualify_by_person(session, campaign_id, post, actor=actor, now=now, key=key)
        if event is not None:
            labels.record_blind(session, event, post, propensity=sample.stratum_day.propensity)
    session.flush()
    return sample
