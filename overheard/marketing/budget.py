"""A campaign's daily budget: how many posts may come into its queue a day.

What comes in beyond it is held back: nothing of it is lost, it is counted and named, and one click lets it in.
A day is a day in UTC. What was held back today may still come in today; what a former day held back stays so until a
person releases it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from overheard.days import begins
from overheard.db import upsert
from overheard.errors import InvalidInput
from overheard.marketing.relevance import is_relevant
from overheard.marketing.score import score_for
from overheard.models import Campaign, HeldPost, Lead, Match, Post, Prediction, Query, Signal, User
from overheard.notifications import notices
from overheard.vocabulary import NoticeKind, Role

DEFAULT = 200
"""What a new campaign gets: about an hour of reading a day."""
_MOST = 100_000
_LISTED = timedelta(days=30)


def checked(daily_budget: int | None) -> int | None:
    """A number of posts a day, or None for no bound."""
    if daily_budget is not None and not 1 <= daily_budget <= _MOST:
        raise InvalidInput(f"A daily budget is 1 to {_MOST:,} posts, or nothing for no bound; not {daily_budget}.")
    return daily_budget


# --- what qualifying asks ------------------------------------------------------------------------------------------


def bounded(session: Session) -> Sequence[Campaign]:
    """The campaigns that have a budget. Locked: of two who let posts in at once, one counts after the other."""
    statement = sa.select(Campaign).where(Campaign.daily_budget.is_not(None)).order_by(Campaign.id)
    return session.scalars(statement.with_for_update()).all()


def room(session: Session, campaign: Campaign, now: datetime, *, more_to_come: bool) -> int:
    """How many posts may still come in today. What a person released does not count.

    With `more_to_come` half of the budget is kept: without it, what happens to be judged first would take it all.
    """
    budget = campaign.daily_budget or 0
    released = sa.exists().where(
        HeldPost.campaign_id == Lead.campaign_id, HeldPost.post_id == Signal.post_id, HeldPost.released_at.is_not(None)
    )
    came_in = (
        sa.select(sa.func.count())
        .select_from(Signal)
        .join(Lead, Lead.id == Signal.lead_id)
        .where(Signal.at >= begins(now.date()), Lead.campaign_id == campaign.id, ~released)
    )
    given = (budget + 1) // 2 if more_to_come else budget
    return max(0, given - (session.scalar(came_in) or 0))


def was_held(*, before: date) -> sa.Exists:
    """Whether the statement's post was held back from the statement's campaign on a former day, and still is."""
    return sa.exists().where(
        HeldPost.campaign_id == Campaign.id,
        HeldPost.post_id == Post.id,
        HeldPost.released_at.is_(None),
        HeldPost.held_on < before,
    )


def hold_back(session: Session, these: sa.Select[int, int], now: datetime) -> None:
    """Write down that these posts (campaign and post) did not come in today."""
    already = sa.exists().where(HeldPost.campaign_id == Campaign.id, HeldPost.post_id == Post.id)
    rows = these.where(~already).add_columns(sa.literal(now.date(), sa.Date()))
    columns = ["campaign_id", "post_id", "held_on"]
    session.execute(upsert(session, HeldPost).from_select(columns, rows).on_conflict_do_nothing())


def let_in(session: Session, these: Collection[tuple[int, int]]) -> None:
    """Forget that these (campaign and post) were held back: they came in after all."""
    here = sa.tuple_(HeldPost.campaign_id, HeldPost.post_id).in_(these)
    session.execute(sa.delete(HeldPost).where(here, HeldPost.released_at.is_(None)))


def settle(  # noqa: PLR0917 - in the order in which one would say it
    session: Session, campaign_id: int, these: Collection[int], released: Collection[int], actor: User, now: datetime
) -> None:
    """Of these posts a person released some; the others are nothing that could be let in."""
    here = (HeldPost.campaign_id == campaign_id) & HeldPost.post_id.in_(these)
    let_go = sa.update(HeldPost).where(here, HeldPost.post_id.in_(released))
    session.execute(let_go.values(released_at=now, released_by_id=actor.id))
    session.execute(sa.delete(HeldPost).where(here, HeldPost.post_id.not_in(released)))


# --- what people are told ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class HeldBack:
    """What the budget held back on one day and nobody has let in."""

    day: date
    posts: int = 0
    queries: dict[str, int] = field(default_factory=dict)
    """How many of them each query met, the most first; what none met came by its meaning."""

    @property
    def named(self) -> str:
        """The queries that brought most of them, as words."""
        most = [f"'{name}'" for name in list(self.queries)[:3]]
        if not most:
            return "close in meaning"
        return f"of quer{'y' if len(most) == 1 else 'ies'} {', '.join(most)}"


def held(session: Session, campaign_id: int, *, day: date | None = None) -> sa.Select[HeldPost, Post, Prediction]:
    """What is held back and would still come in, the best-scored first."""
    other = aliased(Prediction)
    newest = sa.select(sa.func.max(other.id)).where(other.post_id == Post.id).correlate(Post).scalar_subquery()
    score = score_for(session)
    statement = (
        sa.select(HeldPost, Post, Prediction)
        .join(Post, Post.id == HeldPost.post_id)
        .join(Campaign, Campaign.id == HeldPost.campaign_id)
        .join(Prediction, Prediction.id == newest)
        .where(
            HeldPost.campaign_id == campaign_id,
            HeldPost.released_at.is_(None),
            Prediction.is_judged,
            score >= sa.func.coalesce(Campaign.threshold, 0.0),
            is_relevant(session, Post.id),
        )
        .order_by(score.desc(), Post.id.desc())
    )
    return statement if day is None else statement.where(HeldPost.held_on == day)


def held_back(session: Session, campaign_id: int, now: datetime) -> list[HeldBack]:
    """What the budget held back in the last 30 days, day by day, the newest first."""
    recent = held(session, campaign_id).where(HeldPost.held_on >= (now - _LISTED).date())
    rows = recent.with_only_columns(HeldPost.held_on, HeldPost.post_id).order_by(None).subquery()
    days = {
        day: HeldBack(day, posts)
        for day, posts in session.execute(sa.select(rows.c.held_on, sa.func.count()).group_by(rows.c.held_on))
    }
    met = (
        sa.select(rows.c.held_on, Query.name, sa.func.count(sa.distinct(rows.c.post_id)))
        .join(Match, Match.post_id == rows.c.post_id)
        .join(Query, Query.id == Match.query_id)
        .where(Query.campaign_id == campaign_id, Query.retired_at.is_(None))
        .group_by(rows.c.held_on, Query.name)
        .order_by(sa.func.count(sa.distinct(rows.c.post_id)).desc(), Query.name)
    )
    for day, name, posts in session.execute(met):
        days[day].queries[name] = posts
    return sorted(days.values(), key=lambda one: one.day, reverse=True)


def best_held(session: Session, campaign_id: int, day: date, *, limit: int = 5) -> list[Post]:
    """The best-scored posts that were held back on a day."""
    statement = held(session, campaign_id, day=day).with_only_columns(Post)
    return list(session.scalars(statement.limit(limit)))


def tell(session: Session, now: datetime) -> None:
    """Tell those who tune campaigns what was held back yesterday: one notice a campaign and day."""
    yesterday = now.date() - timedelta(days=1)
    held_then = sa.select(HeldPost.campaign_id).where(HeldPost.held_on == yesterday, HeldPost.released_at.is_(None))
    for campaign in session.scalars(sa.select(Campaign).where(Campaign.id.in_(held_then))):
        found = [one for one in held_back(session, campaign.id, now) if one.day == yesterday]
        for one in found:
            text = f"{campaign.name}: {one.posts:,} posts {one.named} were held back yesterday: over the daily budget."
            for user_id in session.scalars(_tuners()).all():
                key = f"held {campaign.id} {one.day}"
                notices.notify(session, user_id, NoticeKind.POSTS_HELD_BACK, text, _page(campaign), now, key=key)


def _page(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.id}/held"


def _tuners() -> sa.Select[int]:
    return sa.select(User.id).where(User.disabled_at.is_(None), User.role.in_((Role.ADMIN, Role.MARKETER)))
