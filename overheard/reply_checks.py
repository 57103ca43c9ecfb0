"""Looking whether what we sent still stands there, soon after and a day later. Some platforms hide in silence."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard import connected_accounts
from overheard.guardrails import Guard
from overheard.models import Reply
from overheard.vocabulary import ReplyState

_GIVEN_UP_AFTER = timedelta(days=7)  # what could not be read by then is asked for no more


def due_checks(session: Session, *, guard: Guard, now: datetime) -> list[Reply]:
    """The replies whose platform is to be asked now whether they still stand there, longest waiting first."""
    soon = timedelta(minutes=guard.settings.recheck_minutes)
    late = timedelta(hours=guard.settings.recheck_hours)
    rows = session.scalars(
        sa.select(Reply)
        .where(
            Reply.state == ReplyState.SENT,
            Reply.remote_id.is_not(None),
            Reply.removed_at.is_(None),
            Reply.sent_at <= now - soon,
            Reply.sent_at > now - _GIVEN_UP_AFTER,
        )
        .order_by(Reply.sent_at, Reply.id)
    )
    return [reply for reply in rows if _is_due(reply, late, now)]


def _is_due(reply: Reply, late: timedelta, now: datetime) -> bool:
    if reply.sent_at is None or reply.checked_at is None:
        return True
    return reply.checked_at < reply.sent_at + late <= now


def record_check(session: Session, reply_id: int, *, still_there: bool, now: datetime) -> None:
    """What the platform said. A reply that was taken away pauses its account, and closes its community for a while."""
    seen = sa.update(Reply).where(Reply.id == reply_id, Reply.removed_at.is_(None)).values(checked_at=now)
    if still_there:
        session.execute(seen)
        return
    removed = session.execute(seen.values(removed_at=now).returning(Reply.account_id, Reply.community)).one_or_none()
    if removed is not None and removed.account_id is not None:
        because = f"A reply in {removed.community} was taken away there."
        connected_accounts.pause(session, removed.account_id, because=because, now=now)
