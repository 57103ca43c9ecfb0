"""What was done today: by one person, and by all of them together."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.days import begins, day_of
from overheard.db import UtcDateTime, rows
from overheard.labelling.labels import BLIND
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
    [numbers] = rows(session, _TODAY, {"user_id": user.id, "midnight": begins(day_of(now, zone), zone)})
    return Today(Tally(*numbers[:3]), Tally(*numbers[3:]))


def _number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _statement() -> sa.Executable:
    """Both tallies in one row, mine first."""
    user_id, midnight = sa.bindparam("user_id", type_=sa.Integer()), sa.bindparam("midnight", type_=UtcDateTime())
    own, promoted = Label.actor_id == user_id, Label.reason.is_(None)
    decided = sa.and_(Label.at >= midnight, Label.withdrawn_at.is_(None), Label.shown_because != BLIND)
    wrote = sa.and_(Reply.state == ReplyState.SENT, Reply.sent_at >= midnight)
    numbers = (promoted & own, ~promoted & own, promoted, ~promoted)
    labels = sa.select(*(_number(which).label(f"n{at}") for at, which in enumerate(numbers))).where(decided).subquery()
    mine, all_of_them = _number(Reply.author_id == user_id).label("mine"), sa.func.count().label("all")
    replies = sa.select(mine, all_of_them).where(wrote).subquery()
    numbers_of_all = (labels.c.n0, labels.c.n1, replies.c.mine, labels.c.n2, labels.c.n3, replies.c["all"])
    return sa.select(*numbers_of_all).select_from(labels.join(replies, sa.true()))


_TODAY = _statement()
