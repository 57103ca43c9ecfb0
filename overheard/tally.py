"""What was done today: by one person, and by all of them together."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.days import begins, day_of
from overheard.models import Label, Reply, User
from overheard.vocabulary import ReplyState


@dataclass(frozen=True, slots=True)
class Tally:
    """Decisions that stand, and replies that went out."""

    promoted: int = 0
    disqualified: int = 0
    replied: int = 0


@dataclass(frozen=True, slots=True)
class Today:
    """The day of a person and of the team."""

    mine: Tally
    team: Tally


def today(session: Session, user: User, now: datetime, *, zone: tzinfo = UTC) -> Today:
    """Since midnight in the team's time zone. What was taken back does not count."""
    midnight = begins(day_of(now, zone), zone)
    own, promoted = Label.actor_id == user.id, Label.reason.is_(None)
    labels = sa.select(_number(promoted & own), _number(~promoted & own), _number(promoted), _number(~promoted)).where(
        Label.at >= midnight, Label.withdrawn_at.is_(None)
    )
    replies = sa.select(_number(Reply.author_id == user.id), sa.func.count()).where(
        Reply.state == ReplyState.SENT, Reply.sent_at >= midnight
    )
    my_promoted, my_disqualified, all_promoted, all_disqualified = session.execute(labels).one()
    my_replies, all_replies = session.execute(replies).one()
    return Today(Tally(my_promoted, my_disqualified, my_replies), Tally(all_promoted, all_disqualified, all_replies))


def _number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)
