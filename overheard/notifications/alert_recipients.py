"""Whom an alert rule tells by mail: who set it, or whomever they chose. Everybody may stop hearing of it."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.errors import InvalidInput, NotFound
from overheard.models import AlertRecipient, AlertRule, OutboundDelivery, User
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundState
from overheard.vocabulary import DigestRhythm


def tellable(session: Session) -> Sequence[User]:
    """Who can be told of leads, by name: all who work here, as every role may read every campaign's queue."""
    working = sa.select(User).where(User.disabled_at.is_(None))
    return session.scalars(working.order_by(sa.func.lower(User.name), User.id)).all()


def choose(session: Session, rule: AlertRule, user_ids: Collection[int]) -> None:
    """Let the rule tell these; nobody chosen: who set it. Who stopped it for themselves is not told again by that."""
    wanted = (set(user_ids) or {rule.user_id}) if rule.way is AlertWay.MAIL else set()
    if not wanted <= {user.id for user in tellable(session)}:
        raise InvalidInput("Somebody whom this alert is to tell does not work here any more: choose again.")
    there = {row.user_id: row for row in _rows(session, rule)}
    for user_id, row in there.items():
        if user_id == rule.user_id and user_id in wanted:
            row.paused_at = row.failing_since = row.resting_until = None
        elif user_id not in wanted and row.paused_at is None:
            _drop_waiting(session, row)
            session.delete(row)
    session.add_all(AlertRecipient(rule_id=rule.id, user_id=user_id) for user_id in sorted(wanted - there.keys()))
    session.flush()
    session.expire(rule, ["recipients"])


def open_recipients(session: Session, rule: AlertRule) -> list[AlertRecipient]:
    """Who is told by it now: neither switched off, nor paused."""
    return [row for row in _rows(session, rule) if row.paused_at is None and row.user.disabled_at is None]


def _rows(session: Session, rule: AlertRule) -> Sequence[AlertRecipient]:
    statement = sa.select(AlertRecipient).where(AlertRecipient.rule_id == rule.id).order_by(AlertRecipient.id)
    return session.scalars(statement.options(joinedload(AlertRecipient.user, innerjoin=True))).all()


# --- for who is told -----------------------------------------------------------------------------------------------


def from_others(session: Session, user: User) -> Sequence[AlertRecipient]:
    """Which rules of others tell somebody, or told them until they stopped it."""
    statement = (
        sa.select(AlertRecipient)
        .join(AlertRecipient.rule)
        .where(
            AlertRecipient.user_id == user.id,
            AlertRule.user_id != user.id,
            AlertRule.way == AlertWay.MAIL,
            AlertRule.rhythm != DigestRhythm.OFF,
        )
        .options(joinedload(AlertRecipient.rule, innerjoin=True).joinedload(AlertRule.user, innerjoin=True))
        .order_by(AlertRule.name, AlertRule.id)
    )
    return session.scalars(statement).all()


def stop(session: Session, user: User, rule_id: int, *, now: datetime) -> AlertRecipient:
    """Hear of leads by that rule no more; what is on its way to them is dropped. Others are told as before."""
    row = _own(session, user, rule_id)
    row.paused_at = row.paused_at or now
    _drop_waiting(session, row)
    return row


def hear_again(session: Session, user: User, rule_id: int) -> AlertRecipient:
    """Hear of what comes from now on."""
    row = _own(session, user, rule_id)
    row.paused_at = row.failing_since = row.resting_until = None
    session.flush()
    return row


def _drop_waiting(session: Session, row: AlertRecipient) -> None:
    waiting = (OutboundDelivery.rule_id == row.rule_id, OutboundDelivery.recipient_id == row.id)
    pending = OutboundDelivery.state == OutboundState.PENDING
    session.execute(sa.update(OutboundDelivery).where(*waiting, pending).values(state=OutboundState.DROPPED))


def _own(session: Session, user: User, rule_id: int) -> AlertRecipient:
    statement = sa.select(AlertRecipient).where(AlertRecipient.rule_id == rule_id, AlertRecipient.user_id == user.id)
    options = joinedload(AlertRecipient.rule, innerjoin=True).joinedload(AlertRule.user, innerjoin=True)
    row = session.scalars(statement.options(options)).one_or_none()
    if row is None:
        raise NotFound(f"No alert rule {rule_id} tells you.")
    return row
