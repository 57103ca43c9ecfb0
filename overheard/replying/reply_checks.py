"""What a look at a sent reply says: it stands there, it was taken away, or people vote it down."""

import logging
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Reply
from overheard.replying import connected_accounts
from overheard.vocabulary import ReplyState

logger = logging.getLogger(__name__)

_IN_A_ROW = 2


def record_look(session: Session, reply_id: int, *, is_there: bool, score: int | None = None, now: datetime) -> None:
    """Write down what was seen. Whoever sent it by an account of theirs looks why, before anything more goes out by it.

    A reply that was taken away pauses its account, and closes its community for a while; so do two in a row that were
    voted below zero or taken away. `score`: of its votes, where the platform has any.
    """
    reply = session.get_one(Reply, reply_id)
    reply.checked_at = now
    was_liked = reply.score is None or reply.score >= 0
    reply.score = reply.score if score is None else score
    if not is_there and reply.removed_at is None:
        reply.removed_at = now
        logger.warning("a reply was removed", extra={"action": "reply_removed", "reply_id": reply.id})
        because = f"A reply in {reply.community} does not stand there any more: it was removed, or hidden from others."
    elif was_liked and _is_bad(reply) and _are_last_ones_bad(session, reply):
        because = "Two replies in a row were voted below zero there, or taken away."
    else:
        because = None
    session.flush()
    if because and reply.account_id is not None:
        connected_accounts.pause(session, reply.account_id, because=because, now=now)


def _is_bad(reply: Reply) -> bool:
    return reply.removed_at is not None or (reply.score is not None and reply.score < 0)


def _are_last_ones_bad(session: Session, reply: Reply) -> bool:
    """Whether this is one of the last of its account of which anything is known, and all of these are bad."""
    session.flush()
    known = sa.or_(Reply.score.is_not(None), Reply.removed_at.is_not(None))
    sent = sa.select(Reply).where(Reply.account_id == reply.account_id, Reply.state == ReplyState.SENT, known)
    last = session.scalars(sent.order_by(Reply.sent_at.desc(), Reply.id.desc()).limit(_IN_A_ROW)).all()
    return len(last) == _IN_A_ROW and reply in last and all(map(_is_bad, last))
