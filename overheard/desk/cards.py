"""A post as it is shown to a person: what was said, and why the machine flagged it.

Everything here is plain values, read as rows: a page of the queue shows 25 of them, and two cards that are equal look
the same. What is kept as JSON stays so until somebody asks for it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from overheard.db import rows
from overheard.keywords.queries import Span, read_span
from overheard.leads import do_not_contact
from overheard.leads.leads import AnyLead
from overheard.marketing.relevance import Closeness, offer_hash
from overheard.models import (
    Campaign,
    Lead,
    Match,
    Post,
    PostRelevance,
    Prediction,
    Query,
    Sample,
    Signal,
    Source,
    StratumDay,
)
from overheard.vocabulary import Intent, Platform, PostKind, SampleAnswer, SignalKind

_MAX_CROSS_POSTS = 10


class MatchedQuery(NamedTuple):
    """Why a post is relevant: the query that met it, and where."""

    name: str
    version: int
    expression: str
    spans_json: str

    @property
    def spans(self) -> list[Span]:
        """Where in the post."""
        return _spans(self.spans_json)


class Explanation(NamedTuple):
    """What a post's writer needs and what else helps to sell, as spans of the post."""

    need: Span | None
    signals: list[tuple[SignalKind, Span]]


class CrossPost(NamedTuple):
    """The same text by the same author, in another community."""

    community: str
    permalink: str | None


class SaidPost(NamedTuple):
    """What of a post is shown."""

    id: int
    platform: Platform
    kind: PostKind
    title: str
    body: str
    text_hash: str
    author: str | None
    author_name: str | None
    permalink: str | None
    posted_at: datetime | None
    collected_at: datetime
    is_truncated: bool
    source_id: int


AnyPost = Post | SaidPost


class Card(NamedTuple):
    """A post as it is shown to a person."""

    post: SaidPost
    community: str
    """Where it was said."""
    score: float
    intent: Intent
    model_version: str
    language: str | None
    is_judged: bool
    """Whether the model can read the language; if not, the score says nothing."""
    evidence_json: str | None
    explanation_json: str | None
    relevance: float | None
    """How close it is to the campaign's offer in meaning, where that is known."""
    closest_json: str | None
    matches: tuple[MatchedQuery, ...]
    also_in: tuple[CrossPost, ...]
    """Where its author said the same."""
    is_do_not_contact: bool
    """Whether its author does not want to hear from us."""
    from_sample: bool
    """Whether it came in because somebody who was shown it blind said that it is a lead."""

    @property
    def evidence(self) -> list[Span]:
        """The words that made the model say so."""
        return _spans(self.evidence_json)

    @property
    def explanation(self) -> Explanation | None:
        """What its writer needs; none where nobody looked."""
        if self.explanation_json is None:
            return None
        stored = json.loads(self.explanation_json)
        need = read_span(stored["need"]) if stored["need"] else None
        return Explanation(need, [(SignalKind(kind), read_span(span)) for kind, *span in stored["signals"]])

    @property
    def closeness(self) -> Closeness | None:
        """How close it is to the campaign's offer in meaning, and where it says so."""
        if self.relevance is None:
            return None
        sentence = json.loads(self.closest_json) if self.closest_json else None
        return Closeness(self.relevance, read_span(sentence) if sentence else None)


def cards(session: Session, lead: AnyLead, *, key: str = "") -> list[Card]:
    """All posts that made this lead, the strongest first; what was said in several communities is one card.

    `key`: the secret by which people who do not want to hear from us are known again.
    """
    found = _cards(session, _OF_LEADS, [lead.id], key)
    ordered = sorted((card for _, card in found), key=lambda card: (-card.score, card.post.id))
    shown: list[Card] = []
    for card in ordered:
        if not any(_is_cross_post(card.post, other.post) for other in shown):
            shown.append(card)
    return shown


def top_cards(session: Session, lead_ids: Sequence[int], *, key: str = "") -> dict[int, Card]:
    """The strongest post of each of these leads, by lead."""
    return dict(_cards(session, _TOP_OF_LEADS, lead_ids, key))


def _as_text(column: Any) -> sa.Cast[str]:  # noqa: ANN401 - a mapped JSON column
    return sa.cast(column, sa.Text)


_ELSEWHERE, _ELSEWHERES_SIGNAL, _WRITERS_LEAD = aliased(Post), aliased(Signal), aliased(Lead)
# Among the posts that made leads, which are few per author.
_IS_SAID_ELSEWHERE = sa.exists().where(
    _WRITERS_LEAD.platform == Post.platform,
    _WRITERS_LEAD.author == Post.author,
    _ELSEWHERES_SIGNAL.lead_id == _WRITERS_LEAD.id,
    _ELSEWHERE.id == _ELSEWHERES_SIGNAL.post_id,
    _ELSEWHERE.text_hash == Post.text_hash,
    _ELSEWHERE.source_id != Post.source_id,
)
_CAME_BY_SAMPLE = sa.exists().where(
    Sample.post_id == Post.id,
    Sample.answer == SampleAnswer.LEAD,
    StratumDay.id == Sample.stratum_day_id,
    StratumDay.campaign_id == Lead.campaign_id,
)
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)

_OF_LEADS = (
    sa.select(
        Lead.id,
        Lead.campaign_id,
        _IS_SAID_ELSEWHERE,
        _CAME_BY_SAMPLE,
        PostRelevance.offer_hash,
        Campaign.offer,
        *(getattr(Post, name) for name in SaidPost._fields),
        Source.community,
        Signal.score,
        Signal.intent,
        Signal.model_version,
        Prediction.language,
        sa.func.coalesce(Prediction.is_judged, sa.true()),
        _as_text(Prediction.evidence),
        _as_text(Prediction.explanation),
        PostRelevance.relevance,
        _as_text(PostRelevance.sentence),
    )
    .select_from(Lead)
    .join(Signal, Signal.lead_id == Lead.id)
    .join(Post, Post.id == Signal.post_id)
    .join(Source, Source.id == Post.source_id)
    .join(Campaign, Campaign.id == Lead.campaign_id)
    .outerjoin(Prediction, (Prediction.post_id == Post.id) & (Prediction.model_version == Signal.model_version))
    .outerjoin(PostRelevance, (PostRelevance.post_id == Post.id) & (PostRelevance.campaign_id == Lead.campaign_id))
    .where(Lead.id.in_(_IDS))
)
_TOP_OF_LEADS = _OF_LEADS.where(Signal.post_id == Lead.top_post_id)
_BEFORE_POST, _AFTER_POST = 6, 6 + len(SaidPost._fields)


def _cards(session: Session, statement: sa.Executable, lead_ids: Sequence[int], key: str) -> list[tuple[int, Card]]:
    """The cards of some leads, by lead id, in as many statements however many there are."""
    if not lead_ids:
        return []
    found = rows(session, statement, {"ids": lead_ids})
    posts = [SaidPost(*row[_BEFORE_POST:_AFTER_POST]) for row in found]
    matches = _matches(session, [post.id for post in posts])
    cross_posts = _cross_posts(session, [post for post, row in zip(posts, found, strict=True) if row[2]])
    unwilling = _unwilling(session, posts, key)
    made = []
    for post, row in zip(posts, found, strict=True):
        lead_id, campaign_id, _, from_sample, offer_then, offer = row[:_BEFORE_POST]
        *told, relevance, closest = row[_AFTER_POST:]
        if offer_then is None or offer_then != offer_hash(offer):  # what is of a former offer is void
            relevance = closest = None
        met = tuple(matches.get((post.id, campaign_id), ()))
        also_in = cross_posts.get(post.id, ())
        others = (relevance, closest, met, also_in, post.id in unwilling, bool(from_sample))
        made.append((lead_id, Card._make((post, *told, *others))))
    return made


def _is_cross_post(post: SaidPost, other: SaidPost) -> bool:
    return (post.author, post.text_hash) == (other.author, other.text_hash) and post.source_id != other.source_id


_MATCHES = (
    sa.select(Match.post_id, Query.campaign_id, Query.name, Query.version, Query.expression, _as_text(Match.spans))
    .join(Query, Query.id == Match.query_id)
    .where(Match.post_id.in_(_IDS))
    .order_by(Query.retired_at.is_not(None), Query.name, Query.version.desc())
)


def _matches(session: Session, post_ids: Sequence[int]) -> dict[tuple[int, int], list[MatchedQuery]]:
    found: dict[tuple[int, int], list[MatchedQuery]] = {}
    for post_id, campaign_id, *met in rows(session, _MATCHES, {"ids": post_ids}):
        found.setdefault((post_id, campaign_id), []).append(MatchedQuery(*met))
    return found


def _cross_posts(session: Session, posts: Sequence[SaidPost]) -> Mapping[int, tuple[CrossPost, ...]]:
    """Where each post's author said the same, by post: among the posts that made leads, which are few per author."""
    written: dict[tuple[Platform, str | None, str], list[SaidPost]] = {}
    for post in posts:
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
    return {post_id: tuple(others.values())[:_MAX_CROSS_POSTS] for post_id, others in found.items()}


def _unwilling(session: Session, posts: Iterable[SaidPost], key: str) -> set[int]:
    """Which posts are by people who do not want to hear from us, by whatever name of theirs that is known."""
    if not key:
        return set()
    names: dict[tuple[Platform, str], set[int]] = {}
    for post in posts:
        for name in (post.author, post.author_name):
            if name:
                names.setdefault((post.platform, name), set()).add(post.id)
    return {post_id for person in do_not_contact.listed(session, key, names) for post_id in names[person]}


def _spans(stored: str | None) -> list[Span]:
    return [read_span(one) for one in json.loads(stored)] if stored else []
