"""How much waits in the queue, for everybody at once, and a cheap look at whether that may have changed."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Lead, LeadEvent
from overheard.vocabulary import CLOSED_STAGES, Stage

Fingerprint = tuple[int | None, int | None, str]

_LAST_EVENT = sa.select(sa.func.max(LeadEvent.id))
_NEWEST_LEAD = sa.select(sa.func.max(Lead.id))


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """What waits: for all, and by the user whose it is."""

    to_review: int
    """MQL, not counting those that are snoozed."""
    mine: dict[int, int]
    """Leads that somebody works on, by assignee."""
    due: dict[int, int]
    """Those of them whose follow-up is due today or was before, by assignee."""
    newest_lead: int | None


def fingerprint(session: Session, today: date) -> Fingerprint:
    """What changes when a lead comes, a person does something, or a day begins: two looks at the end of an index."""
    return session.scalar(_LAST_EVENT), session.scalar(_NEWEST_LEAD), today.isoformat()


def count_queue(session: Session, now: datetime, today: date) -> QueueCounts:
    """Count, in a few statements however many users there are, none of which looks at every lead's row."""
    review = Lead.stage == Stage.MARKETING_QUALIFIED
    away = _ids(Lead.snoozed_until > now).union(_ids(Lead.merged_into_id.is_not(None)))
    all_of_them, of_them_away = sa.select(sa.func.count()).where(review), Lead.id.in_(away)
    theirs = (
        sa.select(Lead.assignee_id, sa.func.count())
        .where(Lead.stage.not_in(CLOSED_STAGES), Lead.merged_into_id.is_(None))
        .group_by(Lead.assignee_id)
    )
    return QueueCounts(
        to_review=(session.scalar(all_of_them) or 0) - (session.scalar(all_of_them.where(of_them_away)) or 0),
        mine=_by_user(session, theirs.where(Lead.id.in_(_ids(Lead.assignee_id.is_not(None))))),
        due=_by_user(session, theirs.where(Lead.id.in_(_ids(Lead.follow_up_on <= today)))),
        newest_lead=session.scalar(_NEWEST_LEAD),
    )


def _ids(condition: sa.ColumnElement[bool]) -> sa.Select[int]:
    """The few that an index gives: asked for apart, as SQLite would else choose an index that gives nearly all."""
    return sa.select(Lead.id).where(condition)


def _by_user(session: Session, statement: sa.Select[int | None, int]) -> dict[int, int]:
    return {user_id: number for user_id, number in session.execute(statement) if user_id is not None}
