"""The kill switch: while a stop stands, no reply is approved and none is sent."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.models import ReplyStop, User
from overheard.users import audit
from overheard.vocabulary import AuditAction

_MAX_REASON = 500


def stop(session: Session, *, because: str, actor: User | None, now: datetime) -> ReplyStop:
    """Let nothing go out from now on. Without an actor the system itself pulled it."""
    because = because.strip()[:_MAX_REASON]
    if not because:
        raise InvalidInput("Say why replies are stopped, so that whoever lets them go on knows.")
    row = ReplyStop(because=because, at=now, actor_id=actor.id if actor else None)
    session.add(row)
    session.flush()
    audit.record(session, actor, AuditAction.REPLIES_STOPPED, "all replies", because, now=now)
    return row


def lift(session: Session, *, now: datetime, actor: User | None = None) -> int:
    """Let replies go on; how many stops stood in the way."""
    statement = sa.update(ReplyStop).where(ReplyStop.lifted_at.is_(None)).values(lifted_at=now)
    lifted = len(session.execute(statement.returning(ReplyStop.id)).all())
    if lifted:
        audit.record(session, actor, AuditAction.REPLIES_RESUMED, "all replies", now=now)
    return lifted


def standing(session: Session) -> list[ReplyStop]:
    """The stops that hold now, oldest first."""
    return list(session.scalars(sa.select(ReplyStop).where(ReplyStop.lifted_at.is_(None)).order_by(ReplyStop.id)))
