"""What an SDR works through: the leads of a stage, newest day first and the strongest of a day first."""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.funnel import timeline
from overheard.models import Campaign, Lead, LeadEvent, Match, Post, Prediction, Query, Signal, Source
from overheard.queries import Span, read_span
from overheard.relevance import Closeness, closeness_of
from overheard.similar_posts import SimilarPost, similar_posts
from overheard.vocabulary import Intent, Platform, SignalKind, Stage

PAGE_SIZE = 25
MAX_PAGE_SIZE = 100

_MAX_ID = 2**31 - 1  # what an integer column holds: PostgreSQL refuses to compare with more


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which leads to show; None means any."""

    stage: Stage = Stage.MARKETING_QUALIFIED
    campaign_id: int | None = None
    platform: Platform | None = None
    intent: Intent | None = None
    min_score: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the key of its last lead. Paging by it stays right while leads come and go."""

    signalled_on: date
    score: float
    lead_id: int

    def encode(self) -> str:
        """As one opaque word for an address."""
        raw = json.dumps([self.signalled_on.isoformat(), self.score, self.lead_id])
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, word: str) -> "Place":
        """Back from `encode`; `InvalidInput` when it is no such word."""
        damaged = InvalidInput("The page marker in the address is damaged: start from the first page.")
        try:
            raw = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            day, score, lead_id = raw
            place = cls(date.fromisoformat(day), float(score), int(lead_id))
        except (ValueError, TypeError, binascii.Error, RecursionError, OverflowError) as error:
            raise damaged from error
        if not (0 <= place.score <= 1 and 0 < place.lead_id <= _MAX_ID):  # NaN is refused too
            raise damaged
        return place


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
class Card:
    """A post as it is shown to a person: what was said, and why the machine flagged it."""

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

    @property
    def community(self) -> str:
        """Where it was said."""
        return self.source.community


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One lead of a page, with its strongest post."""

    lead: Lead
    campaign_name: str
    card: Card
    n_signals: int


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the queue; `next_place` is None on the last one."""

    items: list[QueueItem]
    next_place: Place | None


@dataclass(frozen=True, slots=True)
class LeadView:
    """All that is known of one lead."""

    lead: Lead
    campaign_name: str
    cards: list[Card]
    """Its posts, the strongest first."""
    events: list[LeadEvent]
    """Its timeline, oldest first."""
    similar: list[SimilarPost]
    """What was decided about posts like its strongest one, the most alike first."""


def lead_view(session: Session, lead_id: int) -> LeadView:
    """One lead in whatever stage; `NotFound` when there is none."""
    statement = sa.select(Lead, Campaign.name).join(Campaign, Campaign.id == Lead.campaign_id)
    row = session.execute(statement.where(Lead.id == lead_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no lead {lead_id}. Its post may have been deleted at the source.")
    lead, campaign_name = row
    similar = similar_posts(session, lead)
    return LeadView(lead, campaign_name, cards(session, lead), timeline(session, lead_id), similar)


def page(
    session: Session, filters: Filters = Filters(), *, after: Place | None = None, limit: int = PAGE_SIZE
) -> QueuePage:
    """The leads behind `after` in queue order, at most `limit` of them (1 to `MAX_PAGE_SIZE`)."""
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise InvalidInput(f"A page holds 1 to {MAX_PAGE_SIZE} leads, not {limit}.")
    statement = sa.select(Lead, Campaign.name).join(Campaign, Campaign.id == Lead.campaign_id)
    statement = statement.where(*_conditions(filters))
    order = (Lead.signalled_on, Lead.score, Lead.id)
    if after is not None:
        statement = statement.where(
            sa.tuple_(*order) < sa.tuple_(sa.literal(after.signalled_on), sa.literal(after.score), after.lead_id)
        )
    statement = statement.order_by(*(column.desc() for column in order)).limit(limit + 1)
    rows = session.execute(statement).all()
    last = rows[limit - 1][0] if len(rows) > limit else None
    rows = rows[:limit]
    cards = _top_cards(session, [lead for lead, _ in rows])
    counts = _signal_counts(session, [lead.id for lead, _ in rows])
    return QueuePage(
        items=[QueueItem(lead, name, cards[lead.id], counts[lead.id]) for lead, name in rows if lead.id in cards],
        next_place=Place(last.signalled_on, last.score, last.id) if last else None,
    )


def count(session: Session, filters: Filters = Filters()) -> int:
    """How many leads the filters show on all pages together."""
    return session.scalar(sa.select(sa.func.count()).select_from(Lead).where(*_conditions(filters))) or 0


def _conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    conditions = [Lead.stage == filters.stage]
    if filters.campaign_id is not None:
        conditions.append(Lead.campaign_id == filters.campaign_id)
    if filters.platform is not None:
        conditions.append(Lead.platform == filters.platform)
    if filters.intent is not None:
        conditions.append(Lead.intent == filters.intent)
    if filters.min_score is not None:
        conditions.append(Lead.score >= filters.min_score)
    return conditions


def cards(session: Session, lead: Lead) -> list[Card]:
    """All posts that made this lead, the strongest first."""
    found = _cards(session, sa.select(Signal).where(Signal.lead_id == lead.id), {lead.id: lead.campaign_id})
    return sorted((card for _, card in found), key=lambda card: (-card.score, card.post.id))


def _top_cards(session: Session, leads: Sequence[Lead]) -> dict[int, Card]:
    top = (
        sa.select(Signal)
        .join(Lead, Lead.id == Signal.lead_id)
        .where(Lead.id.in_([lead.id for lead in leads]), Signal.post_id == Lead.top_post_id)
    )
    return dict(_cards(session, top, {lead.id: lead.campaign_id for lead in leads}))


def _cards(session: Session, signals: sa.Select[Signal], campaign_of: dict[int, int]) -> list[tuple[int, Card]]:
    """The cards of some signals, by lead id, in as many statements however many there are."""
    rows = session.execute(
        signals.join(Post, Post.id == Signal.post_id)
        .join(Source, Source.id == Post.source_id)
        .outerjoin(Prediction, (Prediction.post_id == Post.id) & (Prediction.model_version == Signal.model_version))
        .add_columns(Post, Source, Prediction)
    ).all()
    matches = _matches(session, [post.id for _, post, _, _ in rows])
    closeness = closeness_of(session, [post.id for _, post, _, _ in rows])
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
            ),
        )
        for signal, post, source, prediction in rows
    ]


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


def _spans(stored: Iterable[Sequence[str | int | float]]) -> list[Span]:
    return [read_span(one) for one in stored]


def _explanation(stored: dict[str, Any] | None) -> Explanation | None:
    if stored is None:
        return None
    need = read_span(stored["need"]) if stored["need"] else None
    signals = [(SignalKind(kind), read_span(span)) for kind, *span in stored["signals"]]
    return Explanation(need, signals)


def _signal_counts(session: Session, lead_ids: Sequence[int]) -> dict[int, int]:
    statement = sa.select(Signal.lead_id, sa.func.count()).where(Signal.lead_id.in_(lead_ids)).group_by(Signal.lead_id)
    return {lead_id: number for lead_id, number in session.execute(statement)}  # noqa: C416 - dict() of rows confuses mypy
