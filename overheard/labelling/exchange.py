"""Labels that leave and come in: posts with all that people said about them, as one form for every file format.

What a source does not allow to train with does not leave, and neither does a label of a text that has changed since.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.examples import Vote, votes
from overheard.labelling.judged import batches
from overheard.listening.terms import may_train
from overheard.models import IntentLabel, Post, Source, User
from overheard.vocabulary import Intent, Platform

IMPORTED = "imported"
"""Why a label was made that is not from here."""


@dataclass(frozen=True, slots=True)
class Said:
    """One person's word."""

    annotator: str
    """An e-mail address, or however another tool calls them."""
    is_lead: bool
    intent: Intent | None
    is_unsure: bool
    at: datetime
    shown_because: str
    is_final: bool = False
    propensity: float | None = None
    campaign_id: int | None = None
    model_version: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class LabelledPost:
    """A post, and what was said about it, oldest first."""

    platform: Platform
    external_id: str
    community: str
    title: str
    body: str
    text_hash: str
    labels: tuple[Said, ...] = ()


def labelled_posts(session: Session) -> Iterator[LabelledPost]:
    """All that may leave, by post."""
    emails = {f"user {user_id}": email for user_id, email in session.execute(sa.select(User.id, User.email))}
    by_post: dict[int, list[Vote]] = defaultdict(list)
    for vote in votes(session):
        by_post[vote.post_id].append(vote)
    allowed = [source.id for source in session.scalars(sa.select(Source)) if may_train(source)]
    for ids in batches(sorted(by_post)):
        rows = session.execute(
            sa.select(Post, Source.community)
            .join(Source, Source.id == Post.source_id)
            .where(Post.id.in_(ids), Post.source_id.in_(allowed))
            .order_by(Post.id)
        )
        for post, community in rows.all():
            said = [_said(vote, emails) for vote in by_post[post.id] if vote.text_hash == post.text_hash]
            if said:
                in_order = tuple(sorted(said, key=lambda one: (one.at, one.annotator)))
                yield LabelledPost(
                    post.platform, post.external_id, community, post.title, post.body, post.text_hash, in_order
                )


def _said(vote: Vote, emails: dict[str, str]) -> Said:
    return Said(
        annotator=emails.get(vote.voter) or vote.voter.removeprefix("at "),
        is_lead=vote.is_lead,
        intent=vote.intent,
        is_unsure=vote.is_unsure,
        at=vote.at,
        shown_because=vote.shown_because,
        is_final=vote.rank == 0,
        propensity=vote.propensity,
        campaign_id=vote.campaign_id,
        model_version=vote.model_version,
        score=vote.score,
    )


@dataclass(slots=True)
class TakenIn:
    """What became of labels that came in."""

    new: int = 0
    known: int = 0
    """Those that were here already, or that their annotator has changed here since."""
    without_intent: int = 0
    """Decisions of a queue: they are made there, and are no labels by the guideline."""
    of_no_post: int = 0
    """Their post is not here: never collected, or erased."""
    of_another_text: int = 0


class RowOutcome(StrEnum):
    """What became of one label that came in."""

    NEW = "new"
    KNOWN = "known"
    """It was here already, or its annotator has said something else here since."""
    OF_NO_POST = "of_no_post"
    """Its post is not here: never collected, or erased."""
    OF_ANOTHER_TEXT = "of_another_text"
    """The post says something else now."""


@dataclass(frozen=True, slots=True)
class Row:
    """One label by the guideline, as a program brings it."""

    platform: Platform
    external_id: str
    said: Said
    text_hash: str | None
    """Of the text that was labelled; none: of the text as it stands."""


def take_rows(session: Session, rows: Iterable[Row]) -> list[RowOutcome]:
    """Take labels in one by one; what became of each. Taken in again they change nothing."""
    outcomes = []
    for row in rows:
        at = (Post.platform == row.platform, Post.external_id == row.external_id)
        text_hash = row.text_hash or session.scalar(sa.select(Post.text_hash).where(*at)) or ""
        told = take_in(session, [LabelledPost(row.platform, row.external_id, "", "", "", text_hash, (row.said,))])
        outcomes.append(next(one for one in RowOutcome if getattr(told, one.value)))
    return outcomes


def take_in(session: Session, posts: Iterable[LabelledPost]) -> TakenIn:
    """Take labels of the nine intents for posts that are here. Taken in again they change nothing."""
    users = {email: user_id for user_id, email in session.execute(sa.select(User.id, User.email))}
    outcome = TakenIn()
    for told in posts:
        here = sa.select(Post.id, Post.text_hash)
        of_it = here.where(Post.platform == told.platform, Post.external_id == told.external_id)
        post = session.execute(of_it).one_or_none()
        if post is None:
            outcome.of_no_post += len(told.labels)
        elif post.text_hash != told.text_hash:
            outcome.of_another_text += len(told.labels)
        else:
            for said in told.labels:
                _take(session, post, said, users.get(said.annotator), outcome)
    session.flush()
    return outcome


def _take(session: Session, post: sa.Row[int, str], said: Said, actor_id: int | None, outcome: TakenIn) -> None:
    if said.intent is None:
        outcome.without_intent += 1
        return
    origin = said.annotator if actor_id is None else None
    theirs = (
        IntentLabel.post_id == post.id,
        IntentLabel.actor_id.is_not_distinct_from(actor_id),
        IntentLabel.origin.is_not_distinct_from(origin),
    )
    if session.scalar(sa.select(IntentLabel.id).where(*theirs, IntentLabel.at >= said.at).limit(1)) is not None:
        outcome.known += 1
        return
    older = sa.update(IntentLabel).where(*theirs, IntentLabel.withdrawn_at.is_(None))
    session.execute(older.values(withdrawn_at=said.at))
    session.add(
        IntentLabel(
            post_id=post.id,
            intent=said.intent,
            is_unsure=said.is_unsure,
            actor_id=actor_id,
            origin=origin,
            at=said.at,
            text_hash=post.text_hash,
            shown_because=said.shown_because,
            model_version=said.model_version,
            score=said.score,
            is_final=said.is_final,
        )
    )
    session.flush()
    outcome.new += 1
