"""The posts that came in within a span of time, the leads they made, and how far those have come since.

A lead is counted where its posts came in. How far it came is read from its events and not from where it stands: a
prospect that was lost was one, and a step that was taken back is none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate, chain

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Lead, LeadEvent, Match, Post, Query, Signal, Source
from overheard.vocabulary import LeadAction, Platform, Stage

Numbers = npt.NDArray[np.int64]

WEEK = timedelta(days=7)
_TOP_ID = 2**31 - 1  # behind all ids

LEAD, PROMOTED, REPLIED, PROSPECT = 1, 2, 3, 4
"""How far a lead came."""

# By which act a lead comes so far, and between which stages an undo takes that back.
_STEPS: dict[int, tuple[LeadAction, Stage, Stage]] = {
    PROMOTED: (LeadAction.PROMOTE, Stage.SALES_QUALIFIED, Stage.MARKETING_QUALIFIED),
    REPLIED: (LeadAction.RECORD_REPLY, Stage.REPLIED, Stage.SALES_QUALIFIED),
    PROSPECT: (LeadAction.MAKE_PROSPECT, Stage.PROSPECT, Stage.REPLIED),
}


@dataclass(frozen=True, slots=True)
class Period:
    """Some days: the first, and the last."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """Where it begins."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """Where it is over."""
        return datetime.combine(self.last, time(), UTC) + timedelta(days=1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """As many days right before it."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    @property
    def weeks(self) -> list[date]:
        """The Mondays on which its weeks begin; of the first and the last week some days may be missing."""
        monday = self.first - timedelta(days=self.first.weekday())
        return [monday + WEEK * n for n in range(((self.last - monday).days // 7) + 1)]


def last_weeks(now: datetime, weeks: int = 8) -> Period:
    """So many weeks up to today."""
    return Period(now.date() - timedelta(days=7 * weeks - 1), now.date())


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see."""

    period: Period
    campaign_id: int | None = None
    platform: Platform | None = None
    community: str | None = None


@dataclass(frozen=True)
class Cohort:
    """One line for each post that made or strengthened a lead. The arrays are of one length."""

    asked: Asked
    bounds: Sequence[int]
    """The first post of each week, and the one behind the last."""
    post: Numbers
    lead: Numbers
    campaign: Numbers
    source: Numbers
    waits: Numbers
    """1 where nobody has decided on the lead yet."""
    reached: Numbers
    """How far the lead came."""

    def __len__(self) -> int:
        return len(self.post)

    @cached_property
    def week(self) -> Numbers:
        """In which week of the period each post came in, from 0."""
        return np.searchsorted(np.array(self.bounds[1:-1], np.int64), self.post, side="right").astype(np.int64)

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Cohort":
        """Only some of the lines."""
        columns = ("post", "lead", "campaign", "source", "waits", "reached")
        return Cohort(self.asked, self.bounds, **{name: getattr(self, name)[chosen] for name in columns})

    def of_sources(self, ids: Sequence[int]) -> "Cohort":
        """Only what came from these."""
        return self.where(np.isin(self.source, np.array(ids, np.int64)))

    def tallies(self, key: Numbers) -> dict[int, "Tally"]:
        """For each value of a key that the lines have: how many leads there are, and how far they came."""
        return count(key, self.lead, self.reached, self.waits)

    @property
    def tally(self) -> "Tally":
        """All of it."""
        return self.tallies(np.zeros(len(self), np.int64)).get(0, Tally())


@dataclass(frozen=True, slots=True)
class Tally:
    """Leads, and how far they came. Who became a prospect was replied to, and so on."""

    leads: int = 0
    promoted: int = 0
    replied: int = 0
    prospects: int = 0
    waiting: int = 0
    """Nobody has decided on these yet."""

    @property
    def decided(self) -> int:
        """Leads that somebody has decided on."""
        return self.leads - self.waiting


def count(key: Numbers, lead: Numbers, reached: Numbers, waits: Numbers) -> dict[int, Tally]:
    """Each lead once for each key under which it stands."""
    if not len(key):
        return {}
    _, first = np.unique(key * (int(lead.max()) + 1) + lead, return_index=True)
    keys, place = np.unique(key[first], return_inverse=True)
    steps = [np.bincount(place, reached[first] >= step, len(keys)) for step in (LEAD, PROMOTED, REPLIED, PROSPECT)]
    steps.append(np.bincount(place, waits[first], len(keys)))
    return {int(one): Tally(*(int(step[n]) for step in steps)) for n, one in enumerate(keys)}


def read_cohorts(session: Session, asked: Asked) -> tuple[Cohort, Cohort]:
    """What came in within the period, and within the one before it."""
    reached = _reached(session)
    before = replace(asked, period=asked.period.before)
    return _read(session, asked, reached), _read(session, before, reached)


def _read(session: Session, asked: Asked, reached: tuple[Numbers, Numbers]) -> Cohort:
    bounds = post_bounds(session, asked.period)
    waits = sa.case((Lead.stage == Stage.MARKETING_QUALIFIED, 1), else_=0)
    statement = (
        sa.select(Signal.post_id, Signal.lead_id, Lead.campaign_id, Post.source_id, waits)
        .join(Lead, Lead.id == Signal.lead_id)
        .join(Post, Post.id == Signal.post_id)
        .where(*within(Signal.post_id, bounds), *of_the_source(session, asked))
    )
    if asked.campaign_id is not None:
        statement = statement.where(Lead.campaign_id == asked.campaign_id)
    rows = session.execute(statement.order_by(Signal.post_id))
    table = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 5)
    post, lead, campaign, source, waiting = (table[:, n] for n in range(5))
    steps = _steps_of(lead, reached)
    return Cohort(asked, bounds, post, lead, campaign, source, waiting * (steps == LEAD), steps)


def post_bounds(session: Session, period: Period) -> list[int]:
    """The first post of each week of the period, and the one behind the last.

    Ids are given in the order in which posts come in, so that a span of time is a span of ids; of two batches that
    were taken in at the same moment a post may stand on the other side of the border.
    """
    times = [period.start, *(datetime.combine(day, time(), UTC) for day in period.weeks[1:]), period.end]
    bounds = [session.scalar(_FIRST, {"since": at}) or _TOP_ID for at in times]
    return list(accumulate(bounds, max))


def within(post_id: sa.orm.InstrumentedAttribute[int], bounds: Sequence[int]) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether a post came in within these."""
    return post_id >= bounds[0], post_id < bounds[-1]


_FIRST = (
    sa.select(Post.id)
    .where(Post.collected_at >= sa.bindparam("since", type_=Post.collected_at.type))
    .order_by(Post.collected_at, Post.id)
    .limit(1)
)


def _reached(session: Session) -> tuple[Numbers, Numbers]:
    """The leads that came further than to be one, and how far: what was done, less what was taken back."""

    def stands(done: LeadAction, left: Stage, back_to: Stage) -> sa.ColumnElement[bool]:
        undone = (
            (LeadEvent.action == LeadAction.UNDO) & (LeadEvent.from_stage == left) & (LeadEvent.to_stage == back_to)
        )
        return sa.func.sum(sa.case((LeadEvent.action == done, 1), (undone, -1), else_=0)) > 0

    furthest = sa.case(*((stands(*_STEPS[step]), step) for step in (PROSPECT, REPLIED, PROMOTED)), else_=LEAD)
    statement = (
        sa.select(LeadEvent.lead_id, furthest)
        .where(LeadEvent.action.in_([*(done for done, *_ in _STEPS.values()), LeadAction.UNDO]))
        .group_by(LeadEvent.lead_id)
        .order_by(LeadEvent.lead_id)
    )
    table = np.fromiter(chain.from_iterable(session.execute(statement)), np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _steps_of(lead: Numbers, reached: tuple[Numbers, Numbers]) -> Numbers:
    """How far each of these leads came."""
    leads, steps = reached
    place = np.searchsorted(leads, lead)
    known = np.append(leads, -1)[place] == lead
    return np.where(known, np.append(steps, LEAD)[place], LEAD)


def of_the_source(session: Session, asked: Asked) -> list[sa.ColumnElement[bool]]:
    """A condition on the source of a post, where the question has one."""
    if asked.platform is None and asked.community is None:
        return []
    chosen = sa.select(Source.id)
    if asked.platform is not None:
        chosen = chosen.where(Source.platform == asked.platform)
    if asked.community is not None:
        chosen = chosen.where(Source.community == asked.community)
    return [Post.source_id.in_(list(session.scalars(chosen)))]


# --- what queries met ----------------------------------------------------------------------------------------------


def queries_in_force(session: Session, campaign_id: int | None) -> list[Query]:
    """Of one campaign or of all. A new version is matched against all stored posts, so it stands for its query."""
    statement = sa.select(Query).where(Query.retired_at.is_(None)).order_by(Query.name, Query.id)
    if campaign_id is not None:
        statement = statement.where(Query.campaign_id == campaign_id)
    return list(session.scalars(statement))


def matches_by_query(session: Session, cohort: Cohort) -> dict[int, int]:
    """How many posts each query met that came in within the period."""
    statement = sa.select(Match.query_id, sa.func.count()).where(*within(Match.post_id, cohort.bounds))
    if chosen := of_the_source(session, cohort.asked):
        statement = statement.join(Post, Post.id == Match.post_id).where(*chosen)
    return {query_id: number for query_id, number in session.execute(statement.group_by(Match.query_id))}  # noqa: C416 - dict() of rows confuses mypy


@dataclass(frozen=True)
class Met:
    """Which lines of a cohort were met by which queries."""

    cohort: Cohort
    line: Numbers
    query: Numbers

    def tallies(self) -> dict[int, Tally]:
        """By query. A lead that several of them met counts for each."""
        cohort, line = self.cohort, self.line
        return count(self.query, cohort.lead[line], cohort.reached[line], cohort.waits[line])

    def alone(self) -> dict[int, int]:
        """By query, how many leads no other one met."""
        if not len(self.line):
            return {}
        pairs = np.unique(np.stack([self.query, self.cohort.lead[self.line]]), axis=1)
        _, first, times = np.unique(pairs[1], return_index=True, return_counts=True)
        queries, leads = np.unique(pairs[0][first[times == 1]], return_counts=True)
        return dict(zip(queries.tolist(), leads.tolist(), strict=True))

    def unmet(self) -> Cohort:
        """What is left: leads that no query met."""
        return self.cohort.where(~np.isin(self.cohort.lead, self.cohort.lead[self.line]))


def met_by(session: Session, cohort: Cohort, queries: Collection[Query]) -> Met:
    """Which leads of a cohort were met by which of these queries."""
    statement = sa.select(Match.post_id, Match.query_id).where(
        *within(Match.post_id, cohort.bounds), sa.exists().where(Signal.post_id == Match.post_id)
    )
    table = np.fromiter(chain.from_iterable(session.execute(statement)), np.int64).reshape(-1, 2)
    lines, query_ids = [_NONE], [_NONE]
    for query in queries:
        found = np.flatnonzero(
            (cohort.campaign == query.campaign_id) & np.isin(cohort.post, table[table[:, 1] == query.id, 0])
        )
        lines.append(found)
        query_ids.append(np.full(len(found), query.id, np.int64))
    return Met(cohort, np.concatenate(lines), np.concatenate(query_ids))


_NONE = np.empty(0, np.int64)
