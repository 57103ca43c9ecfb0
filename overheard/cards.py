"""A post as it is shown to a person: what was said, and why the machine flagged it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard import do_not_contact
from overheard.models import Lead, Match, Post, Prediction, Query, Signal, Source
from overheard.queries import Span, read_span
from overheard.relevance import Closeness, closeness_of
from overheard.vocabulary import Intent, Platform, SignalKind

_MAX_CROSS_POSTS = 10


@dataclass(frozen=True, slots=True)
class MatchedQuery:
    """Why a post is relevant: the query that met it, and where."""

    name: str
    version: int
    expression: str
    spans: list[Span]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a post's writer needs and what else helps to sell, as spans of the post."""

    need: Span | None
    signals: list[tuple[SignalKind, Span]]


@dataclass(frozen=True, slots=True)
class CrossPost:
    """The same text by the same author, in another community."""

    community: str
    permalink: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """A post as it is shown to a person."""

    post: Post
    source: Source
    score: float
    intent: Intent
    model_version: str
    language: str | None
    is_judged: bool
    """Whether the model can read the language; if not, the score says nothing."""
    evidence: list[Span]
    explanation: Explanation | None
    matches: list[MatchedQuery]
    closeness: Closeness | None
    """How close it is to the campaign's offer in meaning, where that is known."""
    also_in: list[CrossPost] = field(default_factory=list)
    """Where its author said the same."""
    is_do_not_contact: bool = False
    """Whether its author does not want to hear from us."""

    @property
    def community(self) -> str:
        """Where it was said."""
        return self.source.community


def cards(session: Session, lead: Lead, *, key: str = "") -> list[Card]:
    """All posts that made this lead, the strongest first; what was said in several communities is one card.

    `key`: the secret by which people who do not want to hear from us are known again.
    """
    found = _cards(session, sa.select(Signal).where(Signal.lead_id == lead.id), {lead.id: lead.campaign_id}, key)
    ordered = sorted((card for _, card in found), key=lambda card: (-card.score, card.post.id))
    shown: list[Card] = []
    for card in ordered:
        if not any(_is_cross_post(card.post, other.post) for other in shown):
            shown.append(card)
    return shown


def top_cards(session: Session, leads: Sequence[Lead], *, key: str = "") -> dict[int, Card]:
    """The strongest post of each of these leads, by lead."""
    top = (
        sa.select(Signal)
        .join(Lead, Lead.id == Signal.lead_id)
        .where(Lead.id.in_([lead.id for lead in leads]), Signal.post_id == Lead.top_post_id)
    )
    return dict(_cards(session, top, {lead.id: lead.campaign_id for lead in leads}, key))


def _cards(
    session: Session, signals: sa.Select[Signal], campaign_of: dict[int, int], key: str
) -> list[tuple[int, Card]]:
    """The cards of some signals, by lead id, in as many statements however many there are."""
    rows = session.execute(
        signals.join(Post, Post.id == Signal.post_id)
        .join(Source, Source.id == Post.source_id)
        .outerjoin(Prediction, (Prediction.post_id == Post.id) & (Prediction.model_version == Signal.model_version))
        .add_columns(Post, Source, Prediction)
    ).all()
    posts = [post for _, post, _, _ in rows]
    matches = _matches(session, [post.id for post in posts])
    closeness = closeness_of(session, [post.id for post in posts])
    cross_posts = _cross_posts(session, posts)
    unwilling = _unwilling(session, posts, key)
    return [
        (
            signal.lead_id,
            Card(
                post=post,
                source=source,
                score=signal.score,
                intent=signal.intent,
                model_version=signal.model_version,
                language=prediction.language if prediction else None,
                is_judged=prediction is None or prediction.is_judged,
                evidence=_spans(prediction.evidence if prediction else ()),
                explanation=_explanation(prediction.explanation if prediction else None),
                matches=matches.get((post.id, campaign_of[signal.lead_id]), []),
                closeness=closeness.get((post.id, campaign_of[signal.lead_id])),
                also_in=cross_posts.get(post.id, []),
                is_do_not_contact=post.id in unwilling,
            ),
        )
        for signal, post, source, prediction in rows
    ]


def _is_cross_post(post: Post, other: Post) -> bool:
    return (post.author, post.text_hash) == (other.author, other.text_hash) and post.source_id != other.source_id


def _matches(session: Session, post_ids: Sequence[int]) -> dict[tuple[int, int], list[MatchedQuery]]:
    statement = (
        sa.select(Match.post_id, Query, Match.spans)
        .join(Query, Query.id == Match.query_id)
        .where(Match.post_id.in_(post_ids))
        .order_by(Query.retired_at.is_not(None), Query.name, Query.version.desc())
    )
    found: dict[tuple[int, int], list[MatchedQuery]] = {}
    for post_id, query, spans in session.execute(statement):
        met = MatchedQuery(query.name, query.version, query.expression, _spans(spans))
        found.setdefault((post_id, query.campaign_id), []).append(met)
    return found


def _cross_posts(session: Session, posts: Sequence[Post]) -> dict[int, list[CrossPost]]:
    """Where each post's author said the same, by post: among the posts that made leads, which are few per author."""
    written: dict[tuple[Platform, str | None, str], list[Post]] = {}
    for post in posts:
        if post.author:
            written.setdefault((post.platform, post.author, post.text_hash), []).append(post)
    if not written:
        return {}
    statement = (
        sa.select(Post.id, Post.source_id, Post.permalink, Source.community, Post.platform, Post.author, Post.text_hash)
        .join(Source, Source.id == Post.source_id)
        .join(Signal, Signal.post_id == Post.id)
        .join(Lead, Lead.id == Signal.lead_id)
        .where(
            Lead.platform.in_({platform for platform, _, _ in written}),
            Lead.author.in_({author for _, author, _ in written}),
            Post.text_hash.in_({text_hash for _, _, text_hash in written}),
        )
        .order_by(Post.id)
        .distinct()
    )
    found: dict[int, dict[int, CrossPost]] = {}
    for post_id, source_id, permalink, community, platform, author, said in session.execute(statement):
        for post in written.get((platform, author, said), []):
            if post.id != post_id and post.source_id != source_id:
                found.setdefault(post.id, {}).setdefault(source_id, CrossPost(community, permalink))
    return {post_id: list(others.values())[:_MAX_CROSS_POSTS] for post_id, others in found.items()}


def _unwilling(session: Session, posts: Sequence[Post], key: str) -> set[int]:
    """Which posts are by people who do not want to hear from us, by whatever name of theirs that is known."""
    if not key:
        return set()
    names: dict[tuple[Platform, str], set[int]] = {}
    for post in posts:
        for name in (post.author, post.author_name):
            if name:
                names.setdefault((post.platform, name), set()).add(post.id)
    return {post_id for person in do_not_contact.listed(session, key, names) for post_id in names[person]}


def _spans(stored: Iterable[Sequence[str | int | float]]) -> list[Span]:
    return [read_span(one) for one in stored]


def _explanation(stored: dict[str, Any] | None) -> Explanation | None:
    if stored is None:
        return None
    need = read_span(stored["need"]) if stored["need"] else None
    signals = [(SignalKind(kind), read_span(span)) for kind, *span in stored["signals"]]
    return Explanation(need, signals)
