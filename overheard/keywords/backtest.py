"""The back-test: what an edited query would find among the stored posts that the one in force does not, and what not.

Both expressions are asked of the same posts: those that the search index cannot rule out. So of each of them it says
what the matcher says of a post that comes in.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, pairwise
from statistics import median
from typing import Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidQuery
from overheard.keywords.queries import in_force
from overheard.keywords.search_index import candidates
from overheard.labelling.judged import Judgement, Standing, batches, judge, shown_from
from overheard.listening.post_texts import SAID_AT, stored_texts
from overheard.marketing import campaigns
from overheard.models import Campaign, Label, Match, Post, Query, Source, campaign_sources
from overheard.query_language import Expression, Span, read
from overheard.query_language.finding import View
from overheard.query_language.variables import saved

WINDOWS = (30, 90, None)
"""Days that can be looked back; none: as far as there are posts."""
EXAMPLES = 10
MOST_READ = 20_000
"""Posts that are read at most: a second's work, and more than a query finds that is any use."""

_ASSUMED_MINUTES = 0.5
_ENOUGH_DECISIONS = 20
_ORDER = {standing: place for place, standing in enumerate(Standing)}
_A_BREAK = timedelta(minutes=10)  # whoever decides nothing for that long did something else


@dataclass(frozen=True, slots=True)
class Example:
    """A post that would be gained or lost: its text, where the expression met it, and how it was judged."""

    post: Post
    community: str
    spans: Sequence[Span]
    judgement: Judgement
    is_found_otherwise: bool
    """Whether another query of the campaign finds it too."""


@dataclass(frozen=True, slots=True)
class Side:
    """The posts gained, lost or kept."""

    posts: int = 0
    found_otherwise: int = 0
    """Those of them that another query of the campaign finds too: they come and go without this one."""
    standings: Mapping[Standing, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why the disqualified were, and how many."""
    examples: Sequence[Example] = ()
    posts_a_day: float = 0
    queue_a_day: float = 0
    """Of those that no other query finds, how many a day would be put before a person."""

    @property
    def like_leads(self) -> int:
        """How many are leads, or look like it."""
        return sum(number for standing, number in self.standings.items() if standing.looks_like_a_lead)


@dataclass(frozen=True, slots=True)
class Effort:
    """Minutes that a decision takes, and how many decisions it was measured on; 0: it is assumed."""

    minutes: float
    decisions: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """What saving the expression would change."""

    gained: Side
    lost: Side
    kept: Side
    days: float
    """Of posts that were looked at."""
    read: int
    candidates: int
    """Posts that the index could not rule out. If more than were read, the newest were, and rates are reckoned up."""
    is_selective: bool
    """Whether the expressions name any word to look up; otherwise every post has to be read."""
    threshold: float
    daily_budget: int | None
    """How many posts a day the campaign lets into the queue; none: as many as there are."""
    effort: Effort

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left unread."""
        return self.read == self.candidates

    @property
    def queue_a_day(self) -> float:
        """How many a day the expression would put before a person."""
        return self.gained.queue_a_day + self.kept.queue_a_day

    @property
    def queue_minutes_a_day(self) -> float:
        """By how much the queue's work would change."""
        return (self.gained.queue_a_day - self.lost.queue_a_day) * self.effort.minutes


@dataclass(frozen=True, slots=True)
class Preview:
    """What an expression finds among the stored posts."""

    posts: int
    posts_a_day: float
    is_whole: bool
    """Whether every post was asked; otherwise there are more posts than that."""
    newest: Sequence[int] = ()
    """The newest of them (ids)."""


def preview(
    session: Session, expression: str, *, now: datetime, days: int | None = 30, source_ids: Sequence[int] = ()
) -> Preview:
    """What an expression would find that belongs to no campaign yet. Without sources, in all of them."""
    found = _read(session, [read(expression, saved(session))], _Scope.of(session, source_ids, now=now, days=days))
    posts = len(found.met[0])
    newest = list(islice(found.met[0], EXAMPLES))
    return Preview(posts, found.a_day(posts), found.read == found.candidates, newest)


def backtest(
    session: Session,
    campaign_id: int,
    *,
    name: str,
    expression: str,
    now: datetime,
    days: int | None = 30,
    examples: int = EXAMPLES,
) -> Backtest:
    """What the campaign's query `name` would gain and lose with `expression`; a query that is new loses nothing.

    It looks at the posts of the campaign's sources of the last `days`. An unreadable expression is `InvalidQuery`.
    """
    campaign = campaigns.get(session, campaign_id)
    former = in_force(session, campaign_id, name.strip())
    variables = saved(session)
    new, old = read(expression, variables), _readable(former.expression, variables) if former else None
    source_ids = session.scalars(
        sa.select(campaign_sources.c.source_id).where(campaign_sources.c.campaign_id == campaign_id)
    ).all()
    found = _read(session, [new, old] if old else [new], _Scope.of(session, source_ids, now=now, days=days))
    after, before = found.met[0], found.met[1] if old else {}
    only_after = {post_id: spans for post_id, spans in after.items() if post_id not in before}
    only_before = {post_id: spans for post_id, spans in before.items() if post_id not in after}
    both = {post_id: spans for post_id, spans in after.items() if post_id in before}
    look = _Look(session, campaign, name.strip(), found)
    return Backtest(
        gained=look.side(only_after, examples),
        lost=look.side(only_before, examples),
        kept=look.side(both, 0),
        days=found.days,
        read=found.read,
        candidates=found.candidates,
        is_selective=found.is_selective,
        threshold=shown_from(session, campaign),
        daily_budget=campaign.daily_budget,
        effort=effort(session, now=now),
    )


def _readable(expression: str, variables: Mapping[str, str]) -> Expression | None:
    """An expression in force; none where it cannot be read any more, and so meets nothing."""
    try:
        return read(expression, variables)
    except InvalidQuery:
        return None


def effort(session: Session, *, now: datetime) -> Effort:
    """How long people take for a decision: the middle one of the times between two decisions of one person."""
    statement = (
        sa.select(Label.actor_id, Label.at)
        .where(Label.at > now - timedelta(days=30))
        .order_by(Label.actor_id, Label.at)
    )
    gaps = [
        later.at - earlier.at
        for earlier, later in pairwise(session.execute(statement).all())
        if earlier.actor_id == later.actor_id and timedelta() < later.at - earlier.at < _A_BREAK
    ]
    if len(gaps) < _ENOUGH_DECISIONS:
        return Effort(_ASSUMED_MINUTES, 0)
    return Effort(median(gap.total_seconds() for gap in gaps) / 60, len(gaps))


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which posts are looked at, and since when there are any."""

    where: Sequence[sa.ColumnElement[bool]]
    now: datetime
    since: datetime

    @classmethod
    def of(cls, session: Session, source_ids: Sequence[int], *, now: datetime, days: int | None) -> Self:
        """The posts of the sources (none: of all) of the last `days`, or of as long as there have been any."""
        where = [Post.source_id.in_(source_ids)] if source_ids else []
        first = session.scalar(sa.select(SAID_AT).where(*where).order_by(Post.id).limit(1)) or now
        if days is None:
            return cls(where, now, first)
        since = now - timedelta(days=days)
        return cls([*where, since <= SAID_AT], now, max(since, first))


@dataclass(slots=True)
class _Found:
    """What the expressions met: post and spans, by expression."""

    met: list[dict[int, Sequence[Span]]]
    is_selective: bool
    read: int = 0
    candidates: int = 0
    days: float = 1

    def a_day(self, posts: int) -> float:
        """How many a day so many of those read are; one that was read stands for others that were not."""
        return posts / self.days * (self.candidates / self.read if self.read else 1)


def _read(session: Session, expressions: Sequence[Expression], scope: _Scope) -> _Found:
    """Ask the expressions of every post that the index cannot rule out for all of them, the newest first."""
    among = candidates(session, *(expression.root for expression in expressions))
    where = scope.where if among is None else [*scope.where, Post.id.in_(among)]
    found = _Found([{} for _ in expressions], is_selective=among is not None)
    oldest = scope.since
    for post in stored_texts(session, *where, limit=MOST_READ):
        found.read += 1
        oldest = min(oldest, post.said_at)
        view = View(post.text)
        for met, expression in zip(found.met, expressions, strict=True):
            spans = expression.find_in(view)
            if spans is not None:
                met[post.id] = spans
    found.candidates = found.read
    if found.read == MOST_READ:
        found.candidates = session.scalar(sa.select(sa.func.count()).select_from(Post).where(*where)) or 0
    found.days = max((scope.now - oldest).total_seconds() / 86_400, 1.0)
    return found


def _telling(judgement: Judgement) -> tuple[int, float]:
    """What people said comes first, then what is more likely a lead."""
    return _ORDER[judgement.standing], -(judgement.score or 0)


@dataclass(frozen=True, slots=True)
class _Look:
    """A look at posts that were met, with the eyes of the campaign."""

    session: Session
    campaign: Campaign
    name: str
    found: _Found

    def side(self, spans: Mapping[int, Sequence[Span]], examples: int) -> Side:
        """How many there are, how they stand, and the most telling of them."""
        judged = judge(self.session, self.campaign, list(spans))
        elsewhere = self._found_otherwise(list(spans))
        queued = sum(one.standing.is_shown for post_id, one in judged.items() if post_id not in elsewhere)
        told = sorted(spans, key=lambda post_id: (*_telling(judged[post_id]), -post_id))[:examples]
        posts = self._posts(told)
        return Side(
            posts=len(spans),
            found_otherwise=len(elsewhere),
            standings=Counter(one.standing for one in judged.values()),
            reasons=Counter(one.reason for one in judged.values() if one.reason),
            examples=[
                Example(*posts[post_id], spans[post_id], judged[post_id], post_id in elsewhere) for post_id in told
            ],
            posts_a_day=self.found.a_day(len(spans)),
            queue_a_day=self.found.a_day(queued),
        )

    def _found_otherwise(self, post_ids: Sequence[int]) -> set[int]:
        """Those that other queries of the campaign found."""
        statement = sa.select(Match.post_id).join(Query, Query.id == Match.query_id)
        others = (Query.campaign_id == self.campaign.id, Query.retired_at.is_(None), Query.name != self.name)
        found: set[int] = set()
        for ids in batches(post_ids):
            found.update(self.session.scalars(statement.where(Match.post_id.in_(ids), *others)))
        return found

    def _posts(self, post_ids: Sequence[int]) -> dict[int, tuple[Post, str]]:
        statement = sa.select(Post, Source.community).join(Source, Source.id == Post.source_id)
        rows = self.session.execute(statement.where(Post.id.in_(post_ids)))
        return {post.id: (post, community) for post, community in rows}
