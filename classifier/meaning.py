"""How close in meaning posts that may be leads are to the campaigns' offers, beside the judging of posts.

Like the funnel it looks at what stands in the tables: a post that lacks its vector, or its relevance to an offer as it
stands, gets it. So a crash, a new campaign, a changed offer and a threshold that was lowered are all made up for by
classifying again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier.backlog import text_hashes_now
from classifier.relevance import SHIPPED, Offer, Relevance, load_relevance, space_version
from classifier.runtime import Precision
from classifier.text import PostText, Sentence
from overheard.db import Sessions, make_reading_sessions, upsert
from overheard.leads.qualify import qualify
from overheard.marketing.relevance import offer_hash
from overheard.marketing.score import best_score, may_reach
from overheard.models import Campaign, Embedding, Post, PostRelevance, Prediction, campaign_sources
from overheard.vectors import pack, unpack

logger = logging.getLogger(__name__)

# Posts measured between two commits.
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Listener:
    """A campaign as posts are compared with it."""

    campaign_id: int
    offer: Offer
    offer_hash: str
    threshold: float
    """The score from which a post may be its lead."""
    meaning_threshold: float | None
    source_ids: frozenset[int]
    """Empty means all sources."""

    def hears(self, candidate: "Candidate") -> bool:
        """Whether the post may be its lead and has not been compared with its offer yet."""
        return (
            candidate.score >= self.threshold
            and (not self.source_ids or candidate.source_id in self.source_ids)
            and self.campaign_id not in candidate.measured
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post that may be a lead, and what is known of its meaning already."""

    post_id: int
    source_id: int
    text_hash: str
    text: PostText
    score: float
    vector: bytes | None = None
    measured: frozenset[int] = frozenset()
    """Campaigns with whose offer, as it stands, it has been compared."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found out about a post."""

    candidate: Candidate
    space: str
    vector: bytes
    relevances: list[tuple[Listener, float, Sentence | None]]


class Meaning:
    """Where posts and offers are compared. The encoder is loaded when the first post asks for it."""

    def __init__(self, encoder_path: Path | None, precision: Precision = "f32") -> None:
        self._encoder_path, self._precision = encoder_path, precision
        self.space = space_version(SHIPPED)

    @cached_property
    def relevance(self) -> Relevance:
        """What compares; loading it takes a second."""
        return load_relevance(self._encoder_path, self._precision)

    def measure(self, candidates: Sequence[Candidate], listeners: Sequence[Listener]) -> list[Measured]:
        """Vectors, relevance to each offer, and where that is close enough the closest sentence."""
        if not candidates:
            return []
        vectors = self._vectors(candidates)
        placed = unpack(vectors)  # as they are stored, so that a relevance is the same whenever it is reckoned
        found: list[list[tuple[Listener, float]]] = [[] for _ in candidates]
        for listener in listeners:
            heard = [index for index, candidate in enumerate(candidates) if listener.hears(candidate)]
            if heard:
                for index, score in zip(heard, self.relevance.scores_of(placed[heard], listener.offer), strict=True):
                    found[index].append((listener, score))
        return [
            Measured(candidate, self.space, vector, self._explained(candidate, scores))
            for candidate, vector, scores in zip(candidates, vectors, found, strict=True)
        ]

    def _vectors(self, candidates: Sequence[Candidate]) -> list[bytes]:
        unread = [candidate for candidate in candidates if candidate.vector is None]
        read = iter(pack(self.relevance.place([candidate.text for candidate in unread])) if unread else ())
        return [candidate.vector or next(read) for candidate in candidates]

    def _explained(
        self, candidate: Candidate, scores: Sequence[tuple[Listener, float]]
    ) -> list[tuple[Listener, float, Sentence | None]]:
        close = [listener for listener, score in scores if _is_close(listener, score)]
        sentences = iter(self.relevance.closest(candidate.text, [one.offer for one in close]) if close else ())
        return [
            (listener, score, next(sentences) if _is_close(listener, score) else None) for listener, score in scores
        ]


def _is_close(listener: Listener, relevance: float) -> bool:
    return listener.meaning_threshold is not None and relevance >= listener.meaning_threshold


def catch_up(
    sessions: Sessions,
    meaning: Meaning,
    *,
    model_version: str,
    threshold: float,
    clock: Callable[[], datetime],
    key: str | None = None,
) -> int:
    """Measure what was judged before and lacks it, newest first, and qualify; how many leads are new.

    Each batch is one short transaction. Killed and run again, it goes on. What was measured in another space must be
    forgotten before.
    """
    posts = leads = 0
    before: int | None = None
    reading = make_reading_sessions(sessions.kw["bind"])  # nobody who writes waits for it
    while True:
        with reading() as session:
            listeners = read_listeners(session, threshold)
            floor = score_floor(listeners, threshold)
            batch = _next_batch(session, listeners, model_version, floor=floor, before=before)
        if not batch:
            break
        measured = meaning.measure(batch, listeners)
        with sessions.begin() as session:
            now = clock()
            store(session, measured, now=now)
            leads += qualify(
                session,
                model_version=model_version,
                threshold=threshold,
                now=now,
                among=[one.post_id for one in batch],
                key=key,
                more_to_come=True,
            )
        posts += len(batch)
        before = batch[-1].post_id
    if posts:
        logger.info(
            "Compared %d stored posts with the campaigns' offers", posts, extra={"action": "compared", "posts": posts}
        )
    return leads


def read_listeners(session: Session, threshold: float) -> list[Listener]:
    """All campaigns; `threshold` is the model's own."""
    sources: dict[int, set[int]] = {}
    for campaign_id, source_id in session.execute(sa.select(campaign_sources)):
        sources.setdefault(campaign_id, set()).add(source_id)
    return [
        Listener(
            campaign.id,
            Offer(campaign.offer),
            offer_hash(campaign.offer),
            threshold if campaign.threshold is None else campaign.threshold,
            campaign.meaning_threshold,
            frozenset(sources.get(campaign.id, ())),
        )
        for campaign in session.scalars(sa.select(Campaign).order_by(Campaign.id))
    ]


def score_floor(listeners: Sequence[Listener], threshold: float) -> float:
    """The score from which a post may be anybody's lead: only such a post is worth one more reading."""
    return min([threshold, *(listener.threshold for listener in listeners)])


def forget_other_spaces(session: Session, space: str) -> None:
    """Drop what was measured in another space than this one: it can neither be compared nor qualify a post."""
    for table in (Embedding, PostRelevance):
        session.execute(sa.delete(table).where(table.space != space))


def store(session: Session, measured: Sequence[Measured], *, now: datetime) -> None:
    """Keep it, but of posts that were edited or erased meanwhile: they are measured again, or gone."""
    current = text_hashes_now(session, [one.candidate.post_id for one in measured])
    valid = [one for one in measured if current.get(one.candidate.post_id) == one.candidate.text_hash]
    vectors: list[dict[str, object]] = [
        {"post_id": one.candidate.post_id, "space": one.space, "vector": one.vector} for one in valid
    ]
    relevances: list[dict[str, object]] = [
        {
            "post_id": one.candidate.post_id,
            "campaign_id": listener.campaign_id,
            "space": one.space,
            "offer_hash": listener.offer_hash,
            "relevance": relevance,
            "sentence": _span(sentence, looked_for=_is_close(listener, relevance)),
            "at": now,
        }
        for one in valid
        for listener, relevance, sentence in one.relevances
    ]
    _replace(session, Embedding, vectors, key=["post_id"])
    _replace(session, PostRelevance, relevances, key=["post_id", "campaign_id"])


def _span(sentence: Sentence | None, *, looked_for: bool) -> list[str | int] | None:
    if sentence is None:
        return [] if looked_for else None
    return [sentence.field, sentence.start, sentence.end]


def _replace(
    session: Session, table: type[Embedding | PostRelevance], rows: list[dict[str, object]], *, key: list[str]
) -> None:
    if rows:
        insert = upsert(session, table)
        others = {name: insert.excluded[name] for name in rows[0] if name not in key}
        session.execute(insert.on_conflict_do_update(index_elements=key, set_=others), rows)


def _next_batch(
    session: Session,
    listeners: Sequence[Listener],
    model_version: str,
    *,
    floor: float,
    before: int | None,
) -> list[Candidate]:
    lacks = [
        _may_be_lead_of(session, listener) & ~sa.exists().where(*_measured_for(listener, None))
        for listener in listeners
    ]
    score = best_score(session)
    statement = (
        sa.select(Post, score.label("best_score"), Embedding.vector)
        .join(Prediction, Prediction.post_id == Post.id)
        .outerjoin(Embedding, Embedding.post_id == Post.id)
        .where(
            Prediction.model_version == model_version,
            Prediction.is_judged,
            may_reach(session, floor),
            sa.or_(Embedding.id.is_(None), *lacks),
        )
        .order_by(Post.id.desc())
        .limit(_BATCH)
    )
    if before is not None:
        statement = statement.where(Post.id < before)
    rows = session.execute(statement).all()
    measured: dict[int, set[int]] = {}
    for listener in listeners:
        known = sa.select(PostRelevance.post_id).where(*_measured_for(listener, [post.id for post, _, _ in rows]))
        for post_id in session.scalars(known):
            measured.setdefault(post_id, set()).add(listener.campaign_id)
    return [
        Candidate(
            post.id,
            post.source_id,
            post.text_hash,
            PostText.of(post.title, post.body),
            score,
            vector,
            frozenset(measured.get(post.id, ())),
        )
        for post, score, vector in rows
    ]


def _may_be_lead_of(session: Session, listener: Listener) -> sa.ColumnElement[bool]:
    reaches = best_score(session) >= listener.threshold
    return reaches & Post.source_id.in_(listener.source_ids) if listener.source_ids else reaches


def _measured_for(listener: Listener, posts: Sequence[int] | None) -> list[sa.ColumnElement[bool]]:
    """That a post has been compared with the campaign's offer as it stands; the posts given, or the statement's own."""
    conditions = [
        PostRelevance.post_id == Post.id if posts is None else PostRelevance.post_id.in_(posts),
        PostRelevance.campaign_id == listener.campaign_id,
        PostRelevance.offer_hash == listener.offer_hash,
    ]
    if listener.meaning_threshold is not None:  # its closest sentence was not looked for while that was higher
        conditions.append(
            (PostRelevance.relevance < listener.meaning_threshold) | PostRelevance.sentence.is_not(sa.null())
        )
    return conditions
