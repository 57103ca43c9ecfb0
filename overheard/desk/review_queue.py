"""What an SDR works through: the leads of a stage, newest day first, of a day those that were drawn
and then the strongest.
"""

import base64
import binascii
import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from overheard.db import UtcDateTime, rows
from overheard.desk.cards import Card, cards, top_cards
from overheard.desk.similar_posts import SimilarPost, similar_posts
from overheard.errors import InvalidInput
from overheard.leads import claims
from overheard.leads.dealings import NONE, Dealings, dealings_of, has_dealings
from overheard.leads.funnel import timeline
from overheard.leads.leads import LeadRow, lead_by_id
from overheard.models import Campaign, Lead, LeadEvent, Match, Post, Prediction, Query, Signal, Source, User
from overheard.vocabulary import Intent, Platform, Stage

PAGE_SIZE = 25
MAX_PAGE_SIZE = 100
COUNTED = 1_000
"""More leads than so many are not counted for a page: it would take as long as all else on it."""

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
    rank: float
    lead_id: int

    def encode(self) -> str:
        """As one opaque word for an address."""
        raw = json.dumps([self.signalled_on.isoformat(), self.rank, self.lead_id])
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, word: str) -> "Place":
        """Back from `encode`; `InvalidInput` when it is no such word."""
        damaged = InvalidInput("The page marker in the address is damaged: start from the first page.")
        try:
            raw = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            day, rank, lead_id = raw
            place = cls(date.fromisoformat(day), float(rank), int(lead_id))
        except (ValueError, TypeError, binascii.Error, RecursionError, OverflowError) as error:
            raise damaged from error
        if not (0 <= place.rank <= 1 and 0 < place.lead_id <= _MAX_ID):  # NaN is refused too
            raise damaged
        return place


class QueueItem(NamedTuple):
    """One lead of a page, with its strongest post: plain values, and two that are equal look the same."""

    lead: LeadRow
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
    sources: dict[int, Source]
    """Where they come from, by id."""
    events: list[LeadEvent]
    """Its timeline, oldest first."""
    similar: list[SimilarPost]
    """What was decided about posts like its strongest one, the most alike first."""


def lead_view(session: Session, lead_id: int, *, key: str = "") -> LeadView:
    """One lead in whatever stage; `NotFound` when there is none."""
    lead = lead_by_id(session, lead_id)
    campaign_name = session.get_one(Campaign, lead.campaign_id).name
    similar = similar_posts(session, lead)
    shown = cards(session, lead, key=key)
    stored = session.scalars(sa.select(Source).where(Source.id.in_([card.post.source_id for card in shown])))
    sources = {source.id: source for source in stored}
    return LeadView(lead, campaign_name, shown, sources, timeline(session, lead_id), similar)


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
    asked, values = _asked(filters)
    if after is not None:
        values |= {"day": after.signalled_on, "rank": after.rank, "lead_id": after.lead_id}
    found = rows(session, _page(asked, is_first=after is None), {**values, "limit": limit + 1})
    leads = [LeadRow(*row[: len(LeadRow._fields)]) for row in found[:limit]]
    shown = top_cards(session, [lead.id for lead in leads], key=key)
    dealings = dealings_of(session, [lead for lead, row in zip(leads, found, strict=False) if row.has_dealings])
    last = leads[-1] if len(found) > limit else None
    return QueuePage(
        items=[
            QueueItem(lead, row.campaign, shown[lead.id], row.n_signals, row.assignee, dealings.get(lead.id, NONE))
            for lead, row in zip(leads, found, strict=False)
            if lead.id in shown
        ],
        next_place=Place(last.signalled_on, last.rank, last.id) if last else None,
    )


def count(session: Session, filters: Filters = Filters(), *, at_most: int | None = None) -> int:
    """How many leads the filters show on all pages together; who needs not know beyond `at_most` waits less."""
    asked, values = _asked(filters)
    statement = _count(asked, is_bounded=at_most is not None)
    return rows(session, statement, {**values, "limit": at_most} if at_most is not None else values)[0][0] or 0


def count_to_thousand(session: Session, filters: Filters) -> int:
    """How many the filters show, no further than one more than `COUNTED`."""
    return count(session, filters, at_most=COUNTED + 1)


# Building a statement takes longer than running it, so statements are kept, by what is asked; who asks, and when, are
# parameters of theirs.
_VIEWER: Any = sa.bindparam("viewer_id", type_=sa.Integer())
_AT: Any = sa.bindparam("at", type_=UtcDateTime())
_ANYBODY = Onlooker(_VIEWER, _AT)
_LIMIT: Any = sa.bindparam("limit", type_=sa.Integer())


def _asked(filters: Filters) -> tuple[Filters, dict[str, Any]]:
    """The filters, whoever looks, and who looks as parameters."""
    onlooker = filters.onlooker
    if onlooker is None:
        return filters, {}
    return replace(filters, onlooker=_ANYBODY), {"viewer_id": onlooker.user_id, "at": onlooker.at}


@lru_cache(maxsize=256)
def _page(filters: Filters, *, is_first: bool) -> sa.Executable:
    n_signals = (
        sa.select(sa.func.count(Post.text_hash.distinct()))
        .join(Signal, Signal.post_id == Post.id)
        .where(Signal.lead_id == Lead.id)
        .scalar_subquery()
    )
    statement = (
        sa.select(
            *(getattr(Lead, name) for name in LeadRow._fields),
            Campaign.name.label("campaign"),
            User.name.label("assignee"),
            n_signals.label("n_signals"),
            has_dealings().label("has_dealings"),
        )
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .outerjoin(User, User.id == Lead.assignee_id)
        .where(*_conditions(filters))
    )
    order = (Lead.signalled_on, Lead.rank, Lead.id)
    if not is_first:
        place = (
            sa.bindparam("day", type_=sa.Date()),
            sa.bindparam("rank", type_=sa.Float()),
            sa.bindparam("lead_id", type_=sa.Integer()),
        )
        statement = statement.where(sa.tuple_(*order) < sa.tuple_(*place))
    return statement.order_by(*(column.desc() for column in order)).limit(_LIMIT)


@lru_cache(maxsize=256)
def _count(filters: Filters, *, is_bounded: bool) -> sa.Executable:
    """Those that are away are few and asked for apart: the others are counted by the queue's index alone."""
    conditions = _conditions(filters) if filters.is_snoozed else [*_narrowing(filters), Lead.id.not_in(_away(filters))]
    shown = sa.select(Lead.id).where(*conditions)
    return sa.select(sa.func.count()).select_from((shown.limit(_LIMIT) if is_bounded else shown).subquery())


def _away(filters: Filters) -> sa.CompoundSelect[Any]:
    """The leads that are not shown to this onlooker, whatever the filters are: merged, snoozed, in others' hands."""
    lead = aliased(Lead)
    away = [lead.merged_into_id > 0]
    if (onlooker := filters.onlooker) is not None:
        away.append(lead.snoozed_until > onlooker.at)
        if filters.stage is Stage.MARKETING_QUALIFIED:
            by_others = sa.or_(lead.claimed_by_id.is_(None), lead.claimed_by_id != onlooker.user_id)
            away.append(sa.and_(lead.claimed_until > onlooker.at, by_others))
    return sa.union_all(*(sa.select(lead.id).where(condition) for condition in away))


_HELD = sa.select(Lead.id).where(
    Lead.claimed_until > _AT, sa.or_(Lead.claimed_by_id.is_(None), Lead.claimed_by_id != _VIEWER)
)


def held_by_others(session: Session, filters: Filters) -> dict[str, int]:
    """Who else looks at how many leads that these filters would show otherwise, by name."""
    onlooker = filters.onlooker
    if onlooker is None or filters.stage is not Stage.MARKETING_QUALIFIED:
        return {}
    # The few that are held are looked up first: in one statement SQLite would look at every lead of the stage.
    held = [lead_id for (lead_id,) in rows(session, _HELD, {"at": onlooker.at, "viewer_id": onlooker.user_id})]
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


def shown(filters: Filters) -> sa.Select[int]:
    """The ids of all leads that the filters show, in no order: for exports, alerts and feeds."""
    return sa.select(Lead.id).where(*_conditions(filters))


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


class Choice(NamedTuple):
    """Something that can be chosen by its id."""

    id: int
    name: str


class Choices(NamedTuple):
    """What can be chosen in the filters and menus of the queue, each by name."""

    campaigns: tuple[Choice, ...]
    communities: tuple[str, ...]
    people: tuple[Choice, ...]
    """To whom a lead can be assigned."""


_CHOICES = sa.union_all(
    sa.select(sa.literal(0), Campaign.id, Campaign.name),
    sa.select(sa.literal(1), sa.func.min(Source.id), Source.community).group_by(Source.community),
    sa.select(sa.literal(2), User.id, User.name).where(*claims.MAY_WORK),
)


def choices(session: Session) -> Choices:
    """Everything there is to choose from, in one statement."""
    kinds: tuple[list[Choice], list[Choice], list[Choice]] = ([], [], [])
    for kind, *choice in rows(session, _CHOICES):
        kinds[kind].append(Choice(*choice))
    named, places, people = (sorted(kind, key=lambda choice: (choice.name, choice.id)) for kind in kinds)
    return Choices(tuple(named), tuple(place.name for place in places), tuple(people))
