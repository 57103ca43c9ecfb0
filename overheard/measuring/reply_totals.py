"""How replying goes: how soon, how often it is answered, how often well."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Answer, Post, Reply
from overheard.vocabulary import AnswerKind, ReplyState


@dataclass(frozen=True, slots=True)
class ReplyTotals:
    """Of the replies that went out in a span of days."""

    days: int
    sent: int
    answered: int
    """Of those sent, how many the person answered."""
    positive: int
    """Of those sent, how many a person called answered positively."""
    removed: int
    minutes_to_reply: float | None
    """From a post to our first reply to its writer, the median; none: there was none."""

    @property
    def reply_rate(self) -> float | None:
        """The share that was answered; none: nothing was sent."""
        return self.answered / self.sent if self.sent else None

    @property
    def positive_rate(self) -> float | None:
        """The share that was answered positively."""
        return self.positive / self.sent if self.sent else None


def reply_totals(session: Session, *, now: datetime, days: int = 30, user_id: int | None = None) -> ReplyTotals:
    """The totals of everybody, or of one SDR."""
    these = [Reply.state == ReplyState.SENT, Reply.sent_at > now - timedelta(days=days)]
    if user_id is not None:
        these.append(Reply.author_id == user_id)
    theirs = sa.exists().where(Answer.reply_id == Reply.id, Answer.is_recipient)
    is_positive = sa.exists().where(Answer.reply_id == Reply.id, Answer.confirmed == AnswerKind.POSITIVE)
    counted = sa.select(
        sa.func.count(),
        sa.func.count().filter(theirs),
        sa.func.count().filter(is_positive),
        sa.func.count(Reply.removed_at),
    )
    sent, answered, positive, removed = session.execute(counted.where(*these)).one()
    minutes = _minutes(session, *these)
    return ReplyTotals(days, sent, answered, positive, removed, median(minutes) if minutes else None)


def minutes_to_first_reply(session: Session, lead_id: int) -> float | None:
    """From a lead's post to our first reply; none: there was none, or the post is gone."""
    minutes = _minutes(session, Reply.lead_id == lead_id, Reply.state == ReplyState.SENT)
    return minutes[0] if minutes else None


def _minutes(session: Session, *these: sa.ColumnElement[bool]) -> Sequence[float]:
    """Of each lead, how long the first of these replies took."""
    asked_at = sa.func.coalesce(Post.posted_at, Post.collected_at)
    statement = (
        sa.select(Reply.lead_id, Reply.sent_at, asked_at)
        .join(Post, Post.id == Reply.post_id)
        .where(Reply.target == Post.external_id, *these)
        .order_by(Reply.sent_at)
    )
    first: dict[int | None, float] = {}
    for lead_id, sent_at, at in session.execute(statement):
        if sent_at is not None:
            first.setdefault(lead_id, max((sent_at - at).total_seconds(), 0) / 60)
    return list(first.values())
