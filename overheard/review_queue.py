"""What an SDR works through: the leads of a stage, newest day first and the strongest of a day first."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard import claims
from overheard.cards import Card, cards, top_cards
from overheard.dealings import Dealings, dealings_of
from overheard.errors import InvalidInput
from overheard.funnel import timeline
from overheard.leads import lead_by_id
from overheard.models import Campaign, Lead, LeadEvent, Match, Post, Prediction, Query, Signal, Source, User
from overheard.similar_posts import SimilarPost, similar_posts
from overheard.vocabulary import Intent, Platform, Stage

PAGE_SIZE = 25
MAX_PAGE_SIZE = 100

_MAX_ID = 2**31 - 1  # what an integer column holds: PostgreSQL refuses to compare with more


class FoundBy(StrEnum):
    """What brought a post in."""

    QUERY = "query"
    MEANING = "meaning"
    """Its meaning alone: no query met it."""


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Who looks at the queue, and when: what is snoozed or in somebody else's hands is not offered to them."""

    user_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which leads to show; None means any."""

    stage: Stage = Stage.MARKETING_QUALIFIED
    campaign_id: int | None = None
    platform: Platform | None = None
    community: str | None = None
    intent: Intent | None = None
    min_score: float | None = None
    since: date | None = None
    language: str | None = None
    assignee_id: int | None = None
    is_unassigned: bool = False
    found_by: FoundBy | None = None
    is_snoozed: bool = False
    """Those that wait for their time, and no others."""
    onlooker: Onlooker | None = None
    """None: what there is, whoever looks."""


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
class QueueItem:
    """One lead of a page, with its strongest post."""

    lead: Lead
    campaign_name: str
    card: Card
    n_signals: int
    """How many different things its author said that made it a lead."""
    assignee: str | None
    dealings: Dealings


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


def lead_view(session: Session, lead_id: int, *, key: str = "") -> LeadView:
    """One lead in whatever stage; `NotFound` when there is none."""
    lead = lead_by_id(session, lead_id)
    campaign_name = session.get_one(Campaign, lead.campaign_id).name
    similar = similar_posts(session, lead)
    return LeadView(lead, campaign_name, cards(session, lead, key=key), timeline(session, lead_id), similar)


def page(
    session: Session,
    filters: Filters = Filters(),
    *,
    after: Place | None = None,
    limit: int = PAGE_SIZE,
    key: str = "",
) -> QueuePage:
    """The leads behind `after` in queue order, at most `limit` of them (1 to `MAX_PAGE_SIZE`).

    `key`: the secret by which people who do not want to hear from us are known again.
    """
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise InvalidInput(f"A page holds 1 to {MAX_PAGE_SIZE} leads, not {limit}.")
    statement = (
        sa.select(Lead, Campaign.name, User.name)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .outerjoin(User, User.id == Lead.assignee_id)
        .where(*_conditions(filters))
    )
    order = (Lead.signalled_on, Lead.score, Lead.id)
    if after is not None:
        statement = statement.where(
            sa.tuple_(*order) < sa.tuple_(sa.literal(after.signalled_on), sa.literal(after.score), after.lead_id)
        )
    statement = statement.order_by(*(column.desc() for column in order)).limit(limit + 1)
    rows = session.execute(statement).all()
    last = rows[limit - 1][0] if len(rows) > limit else None
    leads = [lead for lead, _, _ in rows[:limit]]
    shown = top_cards(session, leads, key=key)
    counts = _signal_counts(session, [lead.id for lead in leads])
    dealings = dealings_of(session, leads)
    return QueuePage(
        items=[
            QueueItem(lead, campaign_name, shown[lead.id], counts[lead.id], assignee, dealings[lead.id])
            for lead, campaign_name, assignee in rows[:limit]
            if lead.id in shown
        ],
        next_place=Place(last.signalled_on, last.score, last.id) if last else None,
    )


def count(session: Session, filters: Filters = Filters(), *, at_most: int | None = None) -> int:
    """How many leads the filters show on all pages together; who needs not know beyond `at_most` waits less."""
    shown = sa.select(Lead.id).where(*_conditions(filters)).limit(at_most).subquery()
    return session.scalar(sa.select(sa.func.count()).select_from(shown)) or 0


def held_by_others(session: Session, filters: Filters) -> dict[str, int]:
    """Who else looks at how many leads that these filters would show otherwise, by name."""
    onlooker = filters.onlooker
    if onlooker is None or filters.stage is not Stage.MARKETING_QUALIFIED:
        return {}
    # The few that are held are looked up first: in one statement SQLite would look at every lead of the stage.
    held = session.scalars(sa.select(Lead.id).where(Lead.claimed_until > onlooker.at)).all()
    if not held:
        return {}
    statement = (
        sa.select(User.name, sa.func.count())
        .join(Lead, Lead.claimed_by_id == User.id)
        .where(
            Lead.id.in_(held), *_narrowing(filters), _is_open(filters), ~claims.free_for(onlooker.user_id, onlooker.at)
        )
        .group_by(User.id, User.name)
        .order_by(User.name, User.id)
    )
    return {name: number for name, number in session.execute(statement)}  # noqa: C416 - dict() of rows confuses mypy


def _conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    conditions = [*_narrowing(filters), _is_open(filters)]
    onlooker = filters.onlooker
    if onlooker is not None and filters.stage is Stage.MARKETING_QUALIFIED:
        conditions.append(claims.free_for(onlooker.user_id, onlooker.at))
    return conditions


def _is_open(filters: Filters) -> sa.ColumnElement[bool]:
    """That a lead's time has come, and that no other lead of the same person has taken it over."""
    alone = Lead.merged_into_id.is_(None)
    if filters.onlooker is None:
        return alone
    waits = Lead.snoozed_until > filters.onlooker.at
    if filters.is_snoozed:
        return alone & waits
    return alone & (Lead.snoozed_until.is_(None) | ~waits)


def _narrowing(filters: Filters) -> list[sa.ColumnElement[bool]]:
    """What somebody asked for."""
    conditions = [Lead.stage == filters.stage]
    if filters.campaign_id is not None:
        conditions.append(Lead.campaign_id == filters.campaign_id)
    if filters.platform is not None:
        conditions.append(Lead.platform == filters.platform)
    if filters.intent is not None:
        conditions.append(Lead.intent == filters.intent)
    if filters.min_score is not None:
        conditions.append(Lead.score >= filters.min_score)
    if filters.since is not None:
        conditions.append(Lead.signalled_on >= filters.since)
    if filters.assignee_id is not None:
        conditions.append(Lead.assignee_id == filters.assignee_id)
    if filters.is_unassigned:
        conditions.append(Lead.assignee_id.is_(None))
    return conditions + _of_top_post(filters)


def _of_top_post(filters: Filters) -> list[sa.ColumnElement[bool]]:
    """What is asked of a lead's strongest post."""
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.community is not None:
        where = (Post.id == Lead.top_post_id, Post.source_id == Source.id, Source.community == filters.community)
        conditions.append(sa.exists().where(*where))
    if filters.language is not None:
        judged = (Prediction.post_id == Lead.top_post_id, Prediction.language == filters.language)
        conditions.append(sa.exists().where(*judged))
    if filters.found_by is not None:
        met = sa.exists().where(
            Match.post_id == Lead.top_post_id, Match.query_id == Query.id, Query.campaign_id == Lead.campaign_id
        )
        conditions.append(met if filters.found_by is FoundBy.QUERY else ~met)
    return conditions


def communities(session: Session) -> list[str]:
    """Where the posts of the stored sources were said, for choosing among them."""
    return list(session.scalars(sa.select(Source.community).distinct().order_by(Source.community)))


def _signal_counts(session: Session, lead_ids: Sequence[int]) -> dict[int, int]:
    statement = (
        sa.select(Signal.lead_id, sa.func.count(Post.text_hash.distinct()))
        .join(Post, Post.id == Signal.post_id)
        .where(Signal.lead_id.in_(lead_ids))
        .group_by(Signal.lead_id)
    )
    return {lead_id: number for lead_id, number in session.execute(statement)}  # noqa: C416 - dict() of rows confuses mypy
