"""The worker's side of the outbox: one attempt for each approved reply, no blind retry, and a look afterwards.

with sessions.begin() as session:
reply = outbox.take_next(session, guard=guard, now=now, lease=lease)      # approved -> sending
# ask for the thread afresh; outbox.recheck says what speaks against it now
# one attempt at the platform, outside of any transaction
with sessions.begin() as session:
outbox.settle(session, reply.id, Sent(remote_id, permalink), now=now)     # or Failed, or Unclear
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from overheard.errors import ReplyRefused, WrongStage
from overheard.models import ConnectedAccount, Reply, User
from overheard.replying import guardrails, reply_stops
from overheard.replying.conversations import Thread
from overheard.replying.guardrails import Guard, Moment
from overheard.replying.reply_states import Failed, Outcome, Sent, Unclear, case_of, get, move, record_sent
from overheard.text import text_hash
from overheard.vocabulary import ReplyState, SendingWay

__all__ = ["Failed", "Outcome", "Sent", "Unclear", "expire_leases", "recheck", "reconcile", "settle", "take_next"]


def take_next(session: Session, *, guard: Guard, now: datetime, lease: timedelta) -> Reply | None:
    """The next reply to send, now in `sending` for as long as the lease lasts; none: there is nothing to do.

    Of one account only one is on its way at a time, and nothing of somebody who was disabled. What guardrails refuse
    for now waits; what they refuse for good fails. A lease that has run out makes its reply ambiguous:
    nobody knows how far that worker came.
    """
    expire_leases(session, now=now)
    if guard.settings.stopped or reply_stops.standing(session):
        return None
    other = sa.orm.aliased(Reply)
    is_busy = sa.exists().where(other.account_id == Reply.account_id, other.state == ReplyState.SENDING)
    waiting = sa.select(Reply).join(ConnectedAccount, ConnectedAccount.id == Reply.account_id)
    waiting = (
        waiting.join(User, User.id == Reply.author_id)
        .where(
            Reply.state == ReplyState.APPROVED,
            Reply.way == SendingWay.DIRECT,
            ConnectedAccount.paused_at.is_(None),
            User.disabled_at.is_(None),
            ~is_busy,
        )
        .order_by(Reply.approved_at, Reply.id)
    )
    for reply in session.scalars(waiting.options(joinedload(Reply.author))).all():
        if _may_go(session, reply, guard=guard, now=now) and _claim(session, reply, until=now + lease):
            return get(session, reply.id)
    return None


def _may_go(session: Session, reply: Reply, *, guard: Guard, now: datetime) -> bool:
    """Whether a waiting reply may go out now; one that never may is failed at once."""
    if reply.approved_text_hash != text_hash("", reply.text):
        _fail(session, reply, "Its text is not the one that was approved.", now=now)
        return False
    try:
        case = case_of(session, reply, guard=guard, moment=Moment.SEND, author=reply.author, now=now)
        guardrails.refuse(case, overrides=reply.overrides)
    except ReplyRefused as refused:
        if any(refusal.not_before is None for refusal in refused.refusals):
            _fail(session, reply, str(refused), now=now)
        return False
    return True


def _claim(session: Session, reply: Reply, *, until: datetime) -> bool:
    try:
        with session.begin_nested():  # of two workers the database lets one have the account
            move(session, reply, {ReplyState.APPROVED}, ReplyState.SENDING, sending_until=until)
    except (IntegrityError, WrongStage):
        return False
    return True


def recheck(session: Session, reply_id: int, thread: Thread, *, guard: Guard, now: datetime) -> Failed | None:
    """What speaks against sending a taken reply now that its thread was asked for afresh. Settle it with that."""
    reply = get(session, reply_id)
    try:
        case = case_of(session, reply, guard=guard, moment=Moment.SEND, author=reply.author, thread=thread, now=now)
        guardrails.refuse(case, overrides=reply.overrides)
    except ReplyRefused as refused:
        return Failed(str(refused))
    return None


def expire_leases(session: Session, *, now: datetime) -> int:
    """Make ambiguous what a worker left behind; how many."""
    statement = (
        sa.update(Reply)
        .where(Reply.state == ReplyState.SENDING, Reply.sending_until <= now)
        .values(
            state=ReplyState.AMBIGUOUS,
            changed_at=now,
            error="The sending was broken off, and nobody knows how far it came.",
        )
    )
    return len(session.execute(statement.returning(Reply.id).execution_options(synchronize_session=False)).all())


def settle(session: Session, reply_id: int, outcome: Outcome, *, now: datetime) -> Reply:
    """What came of sending. A worker that was slower than its lease still tells what it knows."""
    reply = get(session, reply_id)
    if isinstance(outcome, Unclear):
        if reply.state is ReplyState.AMBIGUOUS:
            return reply
        return move(session, reply, {ReplyState.SENDING}, ReplyState.AMBIGUOUS, error=outcome.because, changed_at=now)
    from_states = {ReplyState.SENDING, ReplyState.AMBIGUOUS}
    if isinstance(outcome, Sent):
        return record_sent(session, reply, from_states, outcome, now=now)
    return move(session, reply, from_states, ReplyState.FAILED, error=outcome.because, changed_at=now)


def reconcile(session: Session, reply_id: int, found: Sent | None, *, now: datetime) -> Reply:
    """An ambiguous reply was read back: it stands there, or it surely does not."""
    reply = get(session, reply_id)
    if found is not None:
        return record_sent(session, reply, {ReplyState.AMBIGUOUS}, found, now=now)
    said = "It was looked for at the platform and does not stand there."
    return move(session, reply, {ReplyState.AMBIGUOUS}, ReplyState.FAILED, error=said, changed_at=now)


def _fail(session: Session, reply: Reply, because: str, *, now: datetime) -> None:
    move(session, reply, {ReplyState.APPROVED}, ReplyState.FAILED, error=because, changed_at=now)
