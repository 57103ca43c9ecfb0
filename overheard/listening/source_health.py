"""How the sources are doing: one `SourceHealth` each, in a handful of statements however many sources there are."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, joinedload

from overheard.errors import NotFound
from overheard.listening.terms import Recheck, ReplyWay, Terms, retention
from overheard.models import DeadLetter, Gap, Post, Source, Usage
from overheard.vocabulary import SourceState

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_MOMENT = timedelta(minutes=1)

# Lag is measured on a source's newest posts, and on fewer of each where there are many sources. So it takes the same
# time however much there is: 2,000 posts are read in 20 to 40 ms.
_NEWEST = 500
_NEWEST_IN_ALL = 2_000
_FEWEST = 20

# Posts of a week are counted, and of a busy source reckoned from its newest: counting all of millions takes seconds.
_COUNTED_IN_ALL = 20_000
_COUNTED_FEWEST = 200

# Open gaps that are told one by one.
_GAPS_TOLD = 3

# A share of dead letters from which something about the platform's format has probably changed.
_TOO_MANY_DEAD_LETTERS = 0.01

# A pass that is late by more than this says that nobody is reading.
_LATE = timedelta(minutes=15)


class Concern(IntEnum):
    """What a person should know first about a source, the worst first."""

    NEEDS_OPERATOR = 0
    FAILING = 1
    LATE = 2
    DEAD_LETTERS = 3
    GAPS = 4
    NONE = 5
    PAUSED = 6
    NOT_LIVE = 7


@dataclass(frozen=True, slots=True)
class Spent:
    """What reading a source took."""

    requests: int = 0
    cost: float = 0.0
    """US dollars."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from writing to being here, for posts written while the source was watched."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """A source and how it is doing."""

    source: Source
    now: datetime
    terms: Terms | None
    last_post_at: datetime | None
    lag: Lag | None
    posts: int
    """Taken in within the last seven days; of a busy source reckoned from its newest."""
    today: Spent
    month: Spent
    gaps_open: int
    gaps_repaired: int
    newest_gaps: Sequence[Gap]
    """The newest of the open ones."""
    dead_letters: int
    """Set aside within the last seven days."""

    @property
    def concern(self) -> Concern:
        """What to look at first."""
        source = self.source
        if source.state is None:
            return Concern.NOT_LIVE
        if source.state is SourceState.PAUSED:
            return Concern.PAUSED
        found = {
            Concern.NEEDS_OPERATOR: source.state is SourceState.NEEDS_OPERATOR,
            Concern.FAILING: source.failures > 0,
            Concern.LATE: self.is_late,
            Concern.DEAD_LETTERS: self.has_too_many_dead_letters,
            Concern.GAPS: self.gaps_open > 0,
        }
        return next((concern for concern, holds in found.items() if holds), Concern.NONE)

    @property
    def is_late(self) -> bool:
        """Whether a pass was due a while ago, so that probably nothing is running that would make it."""
        due = self.source.next_run_at or (self.source.created_at if self.source.read_at is None else None)
        return self.source.state is SourceState.WATCHING and due is not None and self.now - due > _LATE

    @property
    def has_too_many_dead_letters(self) -> bool:
        """Whether more than one item in a hundred could not be read."""
        return self.dead_letters > _TOO_MANY_DEAD_LETTERS * (self.posts + self.dead_letters)

    @property
    def posts_a_day(self) -> float:
        """Taken in, on average of the last seven days, or of the days since it was added."""
        return self.posts / min(max((self.now - self.source.created_at) / _DAY, 1.0), 7.0)

    @property
    def retention(self) -> timedelta | None:
        """How long a post that is not a lead is kept; None: as long as the operator likes."""
        return retention(self.source)

    @property
    def recheck(self) -> Recheck:
        """Whether deletions are learned of by asking again."""
        return self.terms.recheck if self.terms else Recheck.NONE

    @property
    def can_reply(self) -> ReplyWay:
        """How an answer can get to an author."""
        return self.terms.can_reply if self.terms else ReplyWay.ASSISTED

    @property
    def lacks_permission(self) -> bool:
        """Whether somebody still has to say that it may be read."""
        return self.terms is not None and self.terms.must_confirm and self.source.permitted_by is None

    @property
    def credential(self) -> str | None:
        """Whose account reads it; None: it needs none."""
        return self.source.credential.name if self.source.credential else None

    @property
    def credential_state(self) -> str:
        """Whether the account's credentials are good, in words."""
        if self.source.credential is None:
            return "no account needed"
        if self.source.state is SourceState.NEEDS_OPERATOR:
            return "to be looked at: the platform said no"
        if self.source.failures:
            return "unclear since the last pass failed"
        return "accepted" if self.source.read_at else "not used yet"


def health(session: Session, now: datetime) -> list[SourceHealth]:
    """All sources, those that need somebody first."""
    found = _health(session, sa.select(Source), now)
    return sorted(found, key=lambda one: (one.concern, one.source.platform, one.source.community))


def health_of(session: Session, source_id: int, now: datetime) -> SourceHealth:
    """One source; `NotFound` when there is none of that number."""
    found = _health(session, sa.select(Source).where(Source.id == source_id), now)
    if not found:
        raise NotFound(f"There is no source {source_id}. It may have been removed with its posts.")
    return found[0]


def _health(session: Session, wanted: sa.Select[Source], now: datetime) -> list[SourceHealth]:
    sources = session.scalars(wanted.options(joinedload(Source.credential))).all()
    ids = [source.id for source in sources]
    newest = _newest(session, ids)
    posts = _posts(session, ids, now)
    spent = _spent(session, ids, now)
    gaps = _gap_counts(session, ids)
    open_gaps = _newest_gaps(session, ids)
    dead_letters = _dead_letters(session, since=now - _WEEK)
    return [
        SourceHealth(
            source=source,
            now=now,
            terms=Terms.of(source),
            last_post_at=newest[source.id].last_post_at,
            lag=newest[source.id].lag(since=max(source.created_at, now - _WEEK)),
            posts=posts.get(source.id, 0),
            today=spent.get(source.id, _NOTHING)[0],
            month=spent.get(source.id, _NOTHING)[1],
            gaps_open=gaps.get(source.id, (0, 0))[0],
            gaps_repaired=gaps.get(source.id, (0, 0))[1],
            newest_gaps=open_gaps[source.id],
            dead_letters=dead_letters.get(source.origin, 0),
        )
        for source in sources
    ]


_NOTHING = (Spent(), Spent())


@dataclass(slots=True)
class _Newest:
    """When the newest posts of a source were written and taken in."""

    times: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def last_post_at(self) -> datetime | None:
        return max((posted_at for posted_at, _ in self.times), default=None)

    def lag(self, *, since: datetime) -> Lag | None:
        # Older posts were fetched afterwards; a post from the future has a clock of its own.
        lags = sorted(
            (collected_at - posted_at).total_seconds()
            for posted_at, collected_at in self.times
            if since <= posted_at <= collected_at
        )
        return Lag(_rank(lags, 0.5), _rank(lags, 0.95)) if lags else None


def _rank(ordered: Sequence[float], share: float) -> float:
    """The percentile by nearest rank: a value that did occur."""
    return ordered[math.ceil(share * len(ordered)) - 1]


def _newest(session: Session, ids: Sequence[int]) -> Mapping[int, _Newest]:
    """By source, in one statement: the index on (source_id, id) finds where the newest posts of each begin."""
    wanted = max(_FEWEST, min(_NEWEST, _NEWEST_IN_ALL // max(len(ids), 1)))
    postgresql = session.get_bind().dialect.name == "postgresql"
    statement = (_newest_beside if postgresql else _newest_from_floors)(ids, wanted)
    found: defaultdict[int, _Newest] = defaultdict(_Newest)
    for source_id, posted_at, collected_at in session.execute(statement):
        if posted_at is not None:
            found[source_id].times.append((posted_at, collected_at))
    return found


def _newest_beside(ids: Sequence[int], wanted: int) -> sa.Select[int, datetime | None, datetime]:
    """On PostgreSQL, which else reads all posts there are."""
    here = sa.select(Post.posted_at, Post.collected_at).where(Post.source_id == Source.id)
    newest = here.order_by(Post.id.desc()).limit(wanted).lateral("newest")
    beside = sa.select(Source.id, newest.c.posted_at, newest.c.collected_at).join_from(Source, newest, sa.true())
    return beside.where(Source.id.in_(ids))


def _newest_from_floors(ids: Sequence[int], wanted: int) -> sa.Select[int, datetime | None, datetime]:
    """On SQLite, which knows no LATERAL: first where the newest posts of each begin."""
    older = aliased(Post)
    first = sa.select(older.id).where(older.source_id == Source.id).order_by(older.id.desc()).offset(wanted - 1)
    floors = sa.select(
        Source.id.label("source_id"),
        sa.func.coalesce(first.limit(1).correlate(Source).scalar_subquery(), 0).label("first"),
    ).where(Source.id.in_(ids))
    # Materialised, or SQLite looks for the beginning anew for every post: 9 s instead of 20 ms.
    floor = floors.cte("floors").prefix_with("MATERIALIZED")
    newest = (Post.source_id == floor.c.source_id) & (Post.id >= floor.c.first)
    return sa.select(Post.source_id, Post.posted_at, Post.collected_at).join_from(floor, Post, newest)


def _posts(session: Session, ids: Sequence[int], now: datetime) -> dict[int, int]:
    """How many posts each source brought within a week."""
    counted = max(_COUNTED_FEWEST, _COUNTED_IN_ALL // max(len(ids), 1))
    last = session.scalar(sa.select(sa.func.max(Post.id))) or 0
    first = _first_since(session, now - _WEEK, last)
    newest = sa.select(Post.id).where(Post.source_id == Source.id, Post.id >= first).order_by(Post.id.desc())
    some = newest.limit(counted).correlate(Source).subquery()
    number = sa.select(sa.func.count()).select_from(some).scalar_subquery()
    oldest = newest.with_only_columns(Post.collected_at).offset(counted - 1).limit(1).correlate(Source)
    statement = sa.select(Source.id, number, oldest.scalar_subquery()).where(Source.id.in_(ids))
    found = {}
    for source_id, posts, since in session.execute(statement):
        in_a_week = posts if since is None else round(posts * _WEEK / max(now - since, _MOMENT))
        found[source_id] = min(in_a_week, last - first + 1)  # an import brings thousands at one moment
    return found


def _first_since(session: Session, since: datetime, last: int) -> int:
    """The first post taken in since then. Ids rise with time, so some 20 looks at the key find it without an index."""

    def taken_in(post_id: int) -> datetime:
        statement = sa.select(Post.collected_at).where(Post.id >= post_id).order_by(Post.id).limit(1)
        return session.scalars(statement).one()

    return bisect_left(range(1, last + 1), since, key=taken_in) + 1


def _spent(session: Session, ids: Sequence[int], now: datetime) -> dict[int, tuple[Spent, Spent]]:
    """Today's and this month's, by source."""
    today = now.date()

    def of_today(column: InstrumentedAttribute[Any]) -> sa.ColumnElement[Any]:
        return sa.func.sum(sa.case((Usage.day == today, column), else_=0))

    sums = (of_today(Usage.requests), of_today(Usage.cost), sa.func.sum(Usage.requests), sa.func.sum(Usage.cost))
    statement = sa.select(Usage.source_id, *sums).group_by(Usage.source_id)
    this_month = Usage.day.between(today.replace(day=1), today)
    rows = session.execute(statement.where(Usage.source_id.in_(ids), this_month))
    return {source_id: (Spent(*sums[:2]), Spent(*sums[2:])) for source_id, *sums in rows}


def _gap_counts(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """How many are open and how many repaired, by source."""
    statement = sa.select(Gap.source_id, sa.func.count(), sa.func.count(Gap.repaired_at)).group_by(Gap.source_id)
    rows = session.execute(statement.where(Gap.source_id.in_(ids)))
    return {source_id: (total - repaired, repaired) for source_id, total, repaired in rows}


def _newest_gaps(session: Session, ids: Sequence[int]) -> Mapping[int, list[Gap]]:
    """The newest open ones, by source."""
    place = sa.func.row_number().over(partition_by=Gap.source_id, order_by=(Gap.found_at.desc(), Gap.id.desc()))
    ranked = sa.select(Gap.id, place.label("place")).where(Gap.source_id.in_(ids), Gap.repaired_at.is_(None)).subquery()
    statement = sa.select(Gap).join(ranked, ranked.c.id == Gap.id).where(ranked.c.place <= _GAPS_TOLD)
    found: defaultdict[int, list[Gap]] = defaultdict(list)
    for gap in session.scalars(statement.order_by(Gap.found_at.desc(), Gap.id.desc())):
        found[gap.source_id].append(gap)
    return found


def _dead_letters(session: Session, *, since: datetime) -> dict[str, int]:
    """How many were set aside since then, by origin."""
    statement = sa.select(DeadLetter.origin, sa.func.count()).where(DeadLetter.at >= since).group_by(DeadLetter.origin)
    return {origin: number for origin, number in session.execute(statement)}  # noqa: C416 - dict() of rows confuses mypy
