"""Deliveries on their way out: taken, sent, tried again, given up. Each is sent at least once, by one worker a time."""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.db import Sessions
from overheard.errors import NotFound, OverheardError, WrongStage
from overheard.models import AlertRecipient, AlertRule, OutboundDelivery, User, Webhook
from overheard.notifications import alerts, notices, webhooks
from overheard.notifications.alerts import ReadFilters
from overheard.notifications.outbound_content import Outbound, outbound
from overheard.notifications.outbound_vocabulary import OutboundState
from overheard.settings import Settings
from overheard.text import clean
from overheard.tracing import step
from overheard.vocabulary import NoticeKind

logger = logging.getLogger(__name__)

PAGE_SIZE = 50
MOST_ATTEMPTS = 12
PAUSES_AFTER = timedelta(days=3)
"""Of failures alone."""
_LEASE = timedelta(minutes=5)
"""Longer than one sending may take."""
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=6)
_KEPT = timedelta(days=30)
_LONGEST_ANSWER = 200
_GONE = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int | None = None
    """None: it went by mail."""
    said: str = ""
    retry_after: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether it has arrived."""
        return self.status is None or 200 <= self.status < 300  # noqa: PLR2004 - success, as HTTP counts it


Send = Callable[[Outbound], Answer]
"""Sends one; raises `OverheardError` when nobody answered."""


@dataclass
class Tally:
    """What one pass did."""

    delivered: int = 0
    failed: int = 0


def deliver_due(
    sessions: Sessions, settings: Settings, send: Send, read_filters: ReadFilters, *, clock: Callable[[], datetime]
) -> Tally:
    """Gather what there is to tell, and send what is due. It may be ended at any time: what was taken and not settled
    is sent again when its lease has run out, under the same id.
    """
    gathered = True
    while gathered:
        with sessions.begin() as session:
            gathered = webhooks.fan_out(session, now=clock()) > 0
    with sessions.begin() as session:
        alerts.gather(session, settings, clock(), read_filters)
    tally = Tally()
    while True:
        with sessions.begin() as session:
            taken = take(session, settings, clock())
        if taken is None:
            break
        answer, error = _sent(send, taken)
        with sessions.begin() as session:
            settle(session, taken.id, answer, error, now=clock())
        tally.delivered += error is None
        tally.failed += error is not None
    with sessions.begin() as session:
        session.execute(sa.delete(OutboundDelivery).where(OutboundDelivery.at < clock() - _KEPT))
    return tally


def _sent(send: Send, taken: Outbound) -> tuple[Answer, str | None]:
    try:
        with step("deliver", delivery=taken.id, way=taken.way):
            answer = send(taken)
    except OverheardError as refused:
        logger.warning("A delivery failed.", extra={"action": "delivery_failed", "delivery": taken.id})
        return Answer(), str(refused)
    return answer, None if answer.is_good else f"The receiver answered with {answer.status}."


def take(session: Session, settings: Settings, now: datetime) -> Outbound | None:
    """The next delivery that is due, kept from others for a while; what has nothing left to tell is dropped."""
    while (found := _next(session, now)) is not None:
        found.attempts += 1
        try:
            outgoing = outbound(session, settings, found, now)
        except OverheardError as error:  # a key that is lost
            settle(session, found.id, Answer(), str(error), now=now)
            continue
        if outgoing is not None:
            found.state, found.next_at = OutboundState.SENDING, now + _LEASE
            session.flush()
            return outgoing
        found.state = OutboundState.DROPPED
        session.flush()
    return None


def _next(session: Session, now: datetime) -> OutboundDelivery | None:
    def is_open(kind: type[Webhook | AlertRule | AlertRecipient]) -> sa.ColumnElement[bool]:
        return kind.paused_at.is_(None) & sa.or_(kind.resting_until.is_(None), kind.resting_until <= now)

    waits = OutboundDelivery.state.in_((OutboundState.PENDING, OutboundState.SENDING))
    statement = (
        sa.select(OutboundDelivery)
        .outerjoin(Webhook, Webhook.id == OutboundDelivery.webhook_id)
        .outerjoin(AlertRule, AlertRule.id == OutboundDelivery.rule_id)
        .outerjoin(AlertRecipient, AlertRecipient.id == OutboundDelivery.recipient_id)
        .where(waits, OutboundDelivery.next_at <= now, is_open(Webhook), is_open(AlertRule), is_open(AlertRecipient))
        .order_by(OutboundDelivery.next_at, OutboundDelivery.id)
        .limit(1)
        .with_for_update(of=OutboundDelivery, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).first()


def settle(session: Session, delivery_id: int, answer: Answer, error: str | None, *, now: datetime) -> None:
    """What became of a delivery. A failure is tried again later, and a receiver that fails for days is paused."""
    delivery = session.get(OutboundDelivery, delivery_id, populate_existing=True)
    if delivery is None:  # its receiver was deleted meanwhile
        return
    delivery.status, delivery.error = answer.status, error
    delivery.answer = clean(answer.said)[:_LONGEST_ANSWER] or None
    receiver = _receiver(session, delivery)
    if receiver is None:  # whom it was for is told by this rule no more
        delivery.state = OutboundState.DROPPED if error else OutboundState.DELIVERED
        return
    if error is None:
        delivery.state, delivery.sent_at = OutboundState.DELIVERED, now
        receiver.failing_since = receiver.resting_until = None
    else:
        delivery.next_at = now + _wait(delivery, answer.retry_after)
        delivery.state = OutboundState.FAILED if delivery.attempts >= MOST_ATTEMPTS else OutboundState.PENDING
        receiver.failing_since, receiver.resting_until = receiver.failing_since or now, delivery.next_at
        if answer.status == _GONE or now - receiver.failing_since >= PAUSES_AFTER:
            _pause(session, receiver, now)
    session.flush()


def _receiver(session: Session, delivery: OutboundDelivery) -> Webhook | AlertRule | AlertRecipient | None:
    """What it goes to; None: somebody whom the rule is to tell no more."""
    if delivery.webhook_id is not None:
        return session.get_one(Webhook, delivery.webhook_id)
    if delivery.recipient_id is not None:
        return session.get(AlertRecipient, delivery.recipient_id)
    return session.get_one(AlertRule, delivery.rule_id)


def _wait(delivery: OutboundDelivery, retry_after: float | None) -> timedelta:
    """Four times as long with each attempt, a fifth more or less, so that not all come back at once."""
    wait = min(_FIRST_WAIT * int(4 ** min(delivery.attempts - 1, 10)), _LONGEST_WAIT)
    jitter = random.Random(f"{delivery.key} {delivery.attempts}").uniform(0.8, 1.2)  # noqa: S311 - no secret
    return max(wait * jitter, timedelta(seconds=min(retry_after or 0, _LONGEST_WAIT.total_seconds())))


def _pause(session: Session, receiver: Webhook | AlertRule | AlertRecipient, now: datetime) -> None:
    if receiver.paused_at is not None:
        return
    receiver.paused_at = now
    if isinstance(receiver, AlertRecipient):
        to, name = receiver.user_id, f"alert {session.get_one(AlertRule, receiver.rule_id).name}"
        text = f"Mails of the {name} to you did not arrive, so none are sent any more. Ask for them again there."
    else:
        is_webhook = isinstance(receiver, Webhook)
        to = receiver.created_by_id if isinstance(receiver, Webhook) else receiver.user_id
        name = f"{'webhook' if is_webhook else 'alert'} {receiver.name}"
        text = f"The {name} is paused: what was sent there did not arrive. Mend it, then resume it."
    key = f"{receiver.__tablename__} {receiver.id} paused {now:%Y-%m-%dT%H:%M:%S}"
    notices.notify(session, to, NoticeKind.ALERTS_PAUSED, text, "/alerts", now, key=key)


# --- the log -------------------------------------------------------------------------------------------------------


def log(
    session: Session,
    user: User | None = None,
    *,
    webhook_id: int | None = None,
    state: OutboundState | None = None,
    before: int | None = None,
    limit: int = PAGE_SIZE,
) -> Sequence[OutboundDelivery]:
    """The newest deliveries, those older than `before`; one more than `limit` where there are more.

    `user`: only those of their own rules; else all.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    if user is not None:
        mine = sa.select(AlertRule.id).where(AlertRule.user_id == user.id)
        conditions.append(OutboundDelivery.rule_id.in_(mine))
    if webhook_id is not None:
        conditions.append(OutboundDelivery.webhook_id == webhook_id)
    if state is not None:
        conditions.append(OutboundDelivery.state == state)
    if before is not None:
        conditions.append(OutboundDelivery.id < before)
    statement = (
        sa.select(OutboundDelivery)
        .where(*conditions)
        .options(joinedload(OutboundDelivery.webhook), joinedload(OutboundDelivery.rule))
        .options(joinedload(OutboundDelivery.recipient).joinedload(AlertRecipient.user, innerjoin=True))
    )
    return session.scalars(statement.order_by(OutboundDelivery.id.desc()).limit(limit + 1)).all()


def replay(session: Session, delivery_id: int, *, now: datetime, of: User | None = None) -> OutboundDelivery:
    """Send one again, whatever became of it, under the same id: a receiver that has it already knows it.

    `of`: only one of their own rules'.
    """
    whom = joinedload(OutboundDelivery.recipient)
    delivery = session.get(OutboundDelivery, delivery_id, options=[whom], populate_existing=True)
    if delivery is not None and of is not None:
        rule = session.get(AlertRule, delivery.rule_id) if delivery.rule_id else None
        delivery = delivery if rule is not None and rule.user_id == of.id else None
    if delivery is None:
        raise NotFound(f"There is no delivery {delivery_id}. They are kept for {_KEPT.days} days.")
    if delivery.state in (OutboundState.PENDING, OutboundState.SENDING):
        raise WrongStage(f"Delivery {delivery_id} is on its way already.")
    receiver = _receiver(session, delivery)
    if receiver is None or (isinstance(receiver, AlertRecipient) and receiver.paused_at is not None):
        raise WrongStage("Whom this was for is told by this alert no more.")
    delivery.state, delivery.next_at, delivery.attempts = OutboundState.PENDING, now, 0
    receiver.resting_until = None
    session.flush()
    return delivery


def replay_failed(session: Session, webhook_id: int, *, now: datetime) -> int:
    """Send all again that were given up for a webhook; how many."""
    webhook = webhooks.get(session, webhook_id)
    webhook.resting_until = None
    failed = (OutboundDelivery.webhook_id == webhook_id, OutboundDelivery.state == OutboundState.FAILED)
    again = {"state": OutboundState.PENDING, "next_at": now, "attempts": 0}
    statement = sa.update(OutboundDelivery).where(*failed).values(again).returning(OutboundDelivery.id)
    return len(session.scalars(statement.execution_options(synchronize_session=False)).all())
