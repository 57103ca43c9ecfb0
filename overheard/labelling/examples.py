"""What a model may learn from: one example a post, with all that people said about it brought together.

Whose word counts, in this order: a label that settles a disagreement; labels by the guideline (the nine intents), which
were made from the text alone; answers to blind samples and decisions in the queue. Within the first of these kinds that
a post has, everybody has one vote, their newest (a vote a campaign, for decisions), and the majority says whether it is
a lead. A post on which the votes are even teaches nothing until somebody settles it. `docs/labels.md` says more.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.judged import batches
from overheard.labelling.labels import BLIND
from overheard.labelling.threads import threads_of
from overheard.listening.terms import may_train
from overheard.models import IntentLabel, Label, Lead, Post, Sample, Source, StratumDay
from overheard.vocabulary import Intent, Platform, SampleAnswer

UNSURE = 0.5
"""What a label counts whose annotator was unsure."""


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled post."""

    post_id: int
    platform: Platform
    community: str
    author: str | None
    thread: str
    """Equal for all posts of one conversation."""
    written_at: datetime
    title: str
    body: str
    text_hash: str
    is_lead: bool | None
    """Never None in a training set: where nothing was said about it there is no example."""
    intent: Intent | None
    """None where only lead or no lead was said."""
    weight: float
    """How much it counts: the share of the votes that agree, half of it where they were unsure."""
    propensity: float | None
    """How likely it was to be shown, where it was drawn by chance. This and the rest: of the newest agreeing word."""
    shown_because: str
    labelled_at: datetime
    campaign_id: int | None
    score: float | None
    """Of the model version that the person saw at work."""
    model_version: str | None


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person said about a post."""

    post_id: int
    voter: str
    text_hash: str
    is_lead: bool
    at: datetime
    shown_because: str
    rank: int
    """The kind of word: the lower counts before the higher."""
    intent: Intent | None = None
    is_unsure: bool = False
    propensity: float | None = None
    campaign_id: int | None = None
    score: float | None = None
    model_version: str | None = None


def training_examples(session: Session, *, before: datetime | None = None) -> list[Example]:
    """All that may be learned from, by post: only of sources that allow it, only labels of the text as it stands now.

    `before`: as it was known then.
    """
    by_post: dict[int, list[Vote]] = defaultdict(list)
    for vote in votes(session, before=before):
        by_post[vote.post_id].append(vote)
    allowed = [source.id for source in session.scalars(sa.select(Source)) if may_train(source)]
    return list(_examples(session, by_post, allowed))


def votes(session: Session, *, before: datetime | None = None) -> Iterator[Vote]:
    """Every standing word about a post's intent, of the text that it was said of."""
    yield from _by_the_guideline(session, before)
    yield from _blind(session, before)
    yield from _decisions(session, before)


def _by_the_guideline(session: Session, before: datetime | None) -> Iterator[Vote]:
    statement = sa.select(IntentLabel).where(IntentLabel.withdrawn_at.is_(None))
    for said in session.scalars(statement if before is None else statement.where(IntentLabel.at < before)):
        yield Vote(
            said.post_id,
            voter_of(said),
            said.text_hash,
            said.intent.is_lead,
            said.at,
            said.shown_because,
            rank=0 if said.is_final else 1,
            intent=said.intent,
            is_unsure=said.is_unsure,
            score=said.score,
            model_version=said.model_version,
        )


def voter_of(said: IntentLabel) -> str:
    """Who said it: a user of ours, or somebody at another tool."""
    return f"user {said.actor_id}" if said.actor_id is not None else f"at {said.origin}"


def _blind(session: Session, before: datetime | None) -> Iterator[Vote]:
    statement = (
        sa.select(Sample, StratumDay)
        .join(StratumDay, StratumDay.id == Sample.stratum_day_id)
        .where(Sample.answer.in_((SampleAnswer.LEAD, SampleAnswer.NO)), Sample.answered_at.is_not(None))
    )
    for sample, day in session.execute(statement if before is None else statement.where(Sample.answered_at < before)):
        yield Vote(
            sample.post_id,
            f"user {sample.answered_by_id}",
            sample.text_hash or "",
            sample.answer is SampleAnswer.LEAD,
            sample.answered_at or sample.drawn_at,
            BLIND,
            rank=2,
            propensity=day.propensity,
            campaign_id=day.campaign_id,
        )


def _decisions(session: Session, before: datetime | None) -> Iterator[Vote]:
    statement = (
        sa.select(Label, Lead.campaign_id)
        .join(Lead, Lead.id == Label.lead_id)
        .where(Label.withdrawn_at.is_(None), Label.is_lead.is_not(None), Label.shown_because != BLIND)
    )
    for label, campaign_id in session.execute(statement if before is None else statement.where(Label.at < before)):
        yield Vote(
            label.post_id,
            f"user {label.actor_id}",
            label.text_hash,
            bool(label.is_lead),
            label.at,
            label.shown_because,
            rank=2,
            propensity=label.propensity,
            campaign_id=campaign_id,
            score=label.score,
            model_version=label.model_version,
        )


def _examples(session: Session, by_post: dict[int, list[Vote]], allowed: Sequence[int]) -> Iterator[Example]:
    for ids in batches(sorted(by_post)):
        rows = session.execute(
            sa.select(Post, Source.community)
            .join(Source, Source.id == Post.source_id)
            .where(Post.id.in_(ids), Post.source_id.in_(allowed))
            .order_by(Post.id)
        ).all()
        threads = threads_of(session, (post for post, _ in rows))
        for post, community in rows:
            verdict = bring_together(vote for vote in by_post[post.id] if vote.text_hash == post.text_hash)
            if verdict is None:
                continue
            newest, intent, weight = verdict
            yield replace(
                unlabelled(post, community, threads),
                is_lead=newest.is_lead,
                intent=intent,
                weight=weight,
                propensity=newest.propensity,
                shown_because=newest.shown_because,
                labelled_at=newest.at,
                campaign_id=newest.campaign_id,
                score=newest.score,
                model_version=newest.model_version,
            )


def unlabelled(post: Post, community: str, threads: Mapping[tuple[Platform, str], str]) -> Example:
    """A post about which nothing was said."""
    return Example(
        post_id=post.id,
        platform=post.platform,
        community=community,
        author=post.author,
        thread=threads[post.platform, post.external_id],
        written_at=post.posted_at or post.collected_at,
        title=post.title,
        body=post.body,
        text_hash=post.text_hash,
        is_lead=None,
        intent=None,
        weight=0.0,
        propensity=None,
        shown_because="",
        labelled_at=post.collected_at,
        campaign_id=None,
        score=None,
        model_version=None,
    )


def bring_together(said: Iterable[Vote]) -> tuple[Vote, Intent | None, float] | None:
    """The newest vote of the majority, its intent and how much it counts; None where there is no majority."""
    in_order = sorted(said, key=lambda vote: (-vote.rank, vote.at))
    if not in_order:
        return None
    rank = in_order[-1].rank
    if rank == 0:  # of several that settle it, the last
        in_order = in_order[-1:]
    newest = {(vote.voter, vote.campaign_id): vote for vote in in_order if vote.rank == rank}.values()
    for_it = sum(vote.is_lead for vote in newest)
    if 2 * for_it == len(newest):
        return None
    agreeing = [vote for vote in newest if vote.is_lead == (2 * for_it > len(newest))]
    unsure = sum(vote.is_unsure for vote in agreeing) * 2 > len(agreeing)
    weight = len(agreeing) / len(newest) * (UNSURE if unsure else 1.0)
    return max(agreeing, key=lambda vote: vote.at), _intent(agreeing), weight


def _intent(agreeing: Sequence[Vote]) -> Intent | None:
    """What most of them say; None where none says it, or as many say another."""
    two = Counter(vote.intent for vote in agreeing if vote.intent is not None).most_common(2)
    if not two or (len(two) > 1 and two[0][1] == two[1][1]):
        return None
    return two[0][0]
