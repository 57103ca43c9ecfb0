"""The funnel from above: by campaign, platform, community, query and week; how replying goes, week by week.

All of it is of the posts that came in within a period, and of what has become of their leads since. Replies are of the
days on which they went out. `docs/insights.md` says what each figure means.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.measuring.cohorts import WEEK, Asked, Cohort, Tally, of_the_source, read_cohorts, within
from overheard.measuring.intervals import Share
from overheard.measuring.said import Said, read_said
from overheard.measuring.yields import QueryYield, Yield, query_yields
from overheard.models import Answer, Campaign, Lead, Post, Reply, Source
from overheard.vocabulary import AnswerKind, Platform, ReplyState


@dataclass(frozen=True, slots=True)
class ReplyWeek:
    """Replies that went out in a week."""

    monday: date
    sent: int
    answered: Share
    positive: Share
    minutes: float | None
    """From a post to our first reply to its writer, the median; none: there was none."""
    within_hour: Share
    """Of the first replies, those that came within an hour of the post."""


@dataclass(frozen=True, slots=True)
class Insights:
    """What the page shows."""

    asked: Asked
    whole: Yield
    campaigns: list[Yield]
    platforms: list[Yield]
    communities: list[Yield]
    queries: list[QueryYield]
    unmet: Tally
    """Leads that no query in force met."""
    shared: int
    """Leads that several queries met, and that count for each."""
    weeks: list[tuple[date, Tally]]
    replies: list[ReplyWeek]
    replies_whole: ReplyWeek
    said: Said

    @property
    def weekly(self) -> list[Yield]:
        """The weeks as lines, each against the one before it."""
        former = [Tally(), *(tally for _, tally in self.weeks)]
        return [
            Yield(monday.isoformat(), tally.leads, tally, before.leads, before)
            for (monday, tally), before in zip(self.weeks, former, strict=False)
        ]


def read_insights(session: Session, asked: Asked) -> Insights:
    """All of it, in a bounded number of statements."""
    now, before = read_cohorts(session, asked)
    queries, met = query_yields(session, now, before)
    unmet = met.unmet().tally
    posts, posts_before = _posts_by_source(session, now), _posts_by_source(session, before)
    by_week = now.tallies(now.week)
    replies, replies_whole = read_replies(session, asked)
    communities, platforms = _places(session, now, before, posts, posts_before)
    return Insights(
        asked=asked,
        whole=Yield("", sum(posts.values()), now.tally, sum(posts_before.values()), before.tally),
        campaigns=_campaigns(session, now, before),
        platforms=platforms,
        communities=communities,
        queries=queries,
        unmet=unmet,
        shared=now.tally.leads - unmet.leads - sum(one.alone for one in queries),
        weeks=[(monday, by_week.get(number, Tally())) for number, monday in enumerate(asked.period.weeks)],
        replies=replies,
        replies_whole=replies_whole,
        said=read_said(session, now, before),
    )


def _posts_by_source(session: Session, cohort: Cohort) -> dict[int, int]:
    """How many posts came in from each source."""
    statement = sa.select(Post.source_id, sa.func.count()).where(*within(Post.id, cohort.bounds))
    chosen = of_the_source(session, cohort.asked) or [Post.source_id.in_(list(session.scalars(sa.select(Source.id))))]
    rows = session.execute(statement.where(*chosen).group_by(Post.source_id))
    return {source_id: number for source_id, number in rows}  # noqa: C416 - dict() of rows confuses mypy


def _campaigns(session: Session, now: Cohort, before: Cohort) -> list[Yield]:
    tallies, former = now.tallies(now.campaign), before.tallies(before.campaign)
    names = sa.select(Campaign.id, Campaign.name).where(Campaign.id.in_(tallies))
    return _ordered(
        Yield(name, tallies[key].leads, tallies[key], former.get(key, Tally()).leads, former.get(key, Tally()))
        for key, name in session.execute(names)
    )


def _places(
    session: Session, now: Cohort, before: Cohort, posts: dict[int, int], posts_before: dict[int, int]
) -> tuple[list[Yield], list[Yield]]:
    """By community, and by platform."""
    tallies, former = now.tallies(now.source), before.tallies(before.source)
    sources = session.scalars(sa.select(Source).where(Source.id.in_(tallies.keys() | posts.keys()))).all()
    communities: list[Yield] = []
    by_platform: dict[Platform, list[int]] = {}
    for source in sources:
        by_platform.setdefault(source.platform, []).append(source.id)
        communities.append(
            Yield(
                f"{source.community} ({source.platform.display})",
                posts.get(source.id, 0),
                tallies.get(source.id, Tally()),
                posts_before.get(source.id, 0),
                former.get(source.id, Tally()),
            )
        )
    platforms = [
        Yield(
            platform.display,
            sum(posts.get(one, 0) for one in ids),
            now.of_sources(ids).tally,
            sum(posts_before.get(one, 0) for one in ids),
            before.of_sources(ids).tally,
        )
        for platform, ids in by_platform.items()
    ]
    return _ordered(communities), _ordered(platforms)


def _ordered(found: Iterable[Yield]) -> list[Yield]:
    return sorted(found, key=lambda one: (-one.tally.promoted, -one.tally.leads, -one.matches, one.name))


def places(session: Session) -> list[tuple[Platform, str]]:
    """Platforms and communities that can be asked for."""
    statement = sa.select(Source.platform, Source.community).order_by(Source.platform, Source.community)
    return [(platform, community) for platform, community in session.execute(statement)]


# --- replies -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sent:
    lead_id: int | None
    at: datetime
    minutes: float | None
    is_answered: bool
    is_positive: bool


def read_replies(session: Session, asked: Asked) -> tuple[list[ReplyWeek], ReplyWeek]:
    """Week by week, and altogether: of the replies that went out within the period."""
    sent = _sent(session, asked)
    weeks = [
        _reply_week(monday, [one for one in sent if monday <= one.at.date() < monday + WEEK])
        for monday in asked.period.weeks
    ]
    return weeks, _reply_week(asked.period.first, sent)


def _sent(session: Session, asked: Asked) -> list[_Sent]:
    theirs = sa.exists().where(Answer.reply_id == Reply.id, Answer.is_recipient)
    is_positive = sa.exists().where(Answer.reply_id == Reply.id, Answer.confirmed == AnswerKind.POSITIVE)
    asked_at: sa.ColumnElement[datetime | None] = sa.func.coalesce(Post.posted_at, Post.collected_at)
    statement = (
        sa.select(Reply.lead_id, sa.func.coalesce(Reply.sent_at, Reply.changed_at), asked_at, theirs, is_positive)
        .outerjoin(Post, (Post.id == Reply.post_id) & (Post.external_id == Reply.target))
        .where(Reply.state == ReplyState.SENT)
        .where(Reply.sent_at >= asked.period.start, Reply.sent_at < asked.period.end)
        .order_by(Reply.sent_at, Reply.id)
    )
    if asked.campaign_id is not None:
        statement = statement.join(Lead, Lead.id == Reply.lead_id).where(Lead.campaign_id == asked.campaign_id)
    if asked.platform is not None:
        statement = statement.where(Reply.platform == asked.platform)
    if asked.community is not None:
        statement = statement.where(Reply.community == asked.community)
    return [
        _Sent(lead_id, at, None if since is None else max((at - since).total_seconds(), 0) / 60, answered, positive)
        for lead_id, at, since, answered, positive in session.execute(statement)
    ]


def _reply_week(monday: date, sent: Sequence[_Sent]) -> ReplyWeek:
    first: dict[int, float] = {}
    for one in sent:
        if one.lead_id is not None and one.minutes is not None:
            first.setdefault(one.lead_id, one.minutes)
    minutes = list(first.values())
    return ReplyWeek(
        monday,
        len(sent),
        Share(sum(one.is_answered for one in sent), len(sent)),
        Share(sum(one.is_positive for one in sent), len(sent)),
        median(minutes) if minutes else None,
        Share(sum(one <= 60 for one in minutes), len(minutes)),  # noqa: PLR2004 - an hour
    )
