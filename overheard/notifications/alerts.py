"""Alert rules: who wants to be told of which new leads, when and how. An alert is a delivery like any other."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from overheard.db import upsert
from overheard.desk import review_queue
from overheard.desk.review_queue import Filters
from overheard.errors import InvalidInput, NotFound
from overheard.listening.credentials import seal
from overheard.marketing import campaigns
from overheard.models import (
    AlertedLead,
    AlertRecipient,
    AlertRule,
    Campaign,
    Lead,
    OutboundDelivery,
    SavedView,
    Signal,
    User,
    Webhook,
)
from overheard.notifications import alert_recipients
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundEvent, OutboundState
from overheard.notifications.rhythms import check_hours, is_quiet, last_due
from overheard.settings import Settings
from overheard.vocabulary import DigestRhythm

MAX_RULES = 50
MAX_NAME = 80
_LONGEST_HOOK = 500
_MOST = 1000
_LOOKS_BACK = timedelta(days=14)
"""A post that is older than this when it is found is no news."""
_GAP = timedelta(minutes=2)
"""What comes in while a rule has just told of others waits so long, and is told together."""

ReadFilters = Callable[[str, User, datetime], Filters | None]
"""The filters of a saved view, for somebody at some time; None where nobody understands them any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A rule as somebody wants it."""

    name: str
    campaign_id: int | None = None
    view_id: int | None = None
    rhythm: DigestRhythm = DigestRhythm.INSTANT
    way: AlertWay = AlertWay.MAIL
    hook: str | None = None
    """Address of an incoming webhook of Slack; None keeps the one there is."""
    webhook_id: int | None = None
    hour: int = 9
    quiet_from: int | None = None
    quiet_until: int | None = None
    min_score: float | None = None
    only_hot: bool = False
    with_text: bool = False
    people: Collection[int] = ()
    """Whom it tells by mail (ids); nobody: who sets it."""


def rules(session: Session, user: User) -> Sequence[AlertRule]:
    """Somebody's own, by name."""
    statement = sa.select(AlertRule).where(AlertRule.user_id == user.id).order_by(AlertRule.name, AlertRule.id)
    return session.scalars(statement.options(_WITH_PEOPLE)).all()


_WITH_PEOPLE = selectinload(AlertRule.recipients).joinedload(AlertRecipient.user, innerjoin=True)


def get(session: Session, user: User, rule_id: int) -> AlertRule:
    """One of somebody's own; what others set for themselves is not there at all."""
    rule = session.get(AlertRule, rule_id, options=[_WITH_PEOPLE])
    if rule is None or rule.user_id != user.id:
        raise NotFound(f"You have no alert rule {rule_id}.")
    return rule


def make(session: Session, settings: Settings, user: User, wanted: Wanted, *, now: datetime) -> AlertRule:
    """A new rule; it tells of leads from now on."""
    if len(rules(session, user)) >= MAX_RULES:
        raise InvalidInput(f"You have {MAX_RULES} alert rules, which is the most: delete one first.")
    rule = AlertRule(user_id=user.id)
    session.add(rule)
    with session.no_autoflush:
        change(session, settings, rule, wanted, now=now)
    return rule


def change(session: Session, settings: Settings, rule: AlertRule, wanted: Wanted, *, now: datetime) -> None:
    """Let a rule be like this. What was due before stays untold."""
    _check(session, settings, rule, wanted)
    for name in ("campaign_id", "view_id", "rhythm", "way", "hour", "quiet_from", "quiet_until", "with_text"):
        setattr(rule, name, getattr(wanted, name))
    rule.name, rule.min_score = " ".join(wanted.name.split()), wanted.min_score
    rule.only_hot = wanted.only_hot
    rule.webhook_id = wanted.webhook_id if wanted.way is AlertWay.WEBHOOK else None
    if wanted.hook:
        rule.hook = seal(settings, {"hook": wanted.hook.strip()})
    rule.changed_at = now
    rule.paused_at = rule.failing_since = rule.resting_until = None
    session.flush()
    alert_recipients.choose(session, rule, wanted.people)
    session.refresh(rule, ["recipients"])


def delete(session: Session, rule: AlertRule) -> None:
    """Tell no more by it."""
    session.delete(rule)
    session.flush()


def _check(session: Session, settings: Settings, rule: AlertRule, wanted: Wanted) -> None:
    if not 1 <= len(" ".join(wanted.name.split())) <= MAX_NAME:
        raise InvalidInput(f"A rule's name has 1 to {MAX_NAME} characters.")
    check_hours(wanted.hour, wanted.quiet_from, wanted.quiet_until)
    if wanted.campaign_id is not None and wanted.view_id is not None:
        raise InvalidInput("A rule is about a campaign or about a saved view, not both: set the campaign in the view.")
    if wanted.campaign_id is not None and session.get(Campaign, wanted.campaign_id) is None:
        raise NotFound(f"There is no campaign {wanted.campaign_id}.")
    if wanted.view_id is not None:
        visible_view(session, rule.user_id, wanted.view_id)
    if wanted.min_score is not None and not 0 <= wanted.min_score <= 1:
        raise InvalidInput("The least score is a number from 0 to 1.")
    if wanted.min_score is not None and wanted.only_hot:
        raise InvalidInput("A rule tells of hot leads or of those from a score on, not both: choose one.")
    _check_way(session, settings, rule, wanted)
    _check_people(wanted)


def _check_people(wanted: Wanted) -> None:
    if wanted.people and wanted.way is not AlertWay.MAIL:
        raise InvalidInput("People are told by e-mail, each at their own address: choose that way, or choose nobody.")


def _check_way(session: Session, settings: Settings, rule: AlertRule, wanted: Wanted) -> None:
    if wanted.hook and (not wanted.hook.strip().startswith("https://") or len(wanted.hook) > _LONGEST_HOOK):
        raise InvalidInput("The address of a webhook begins with https://.")
    if wanted.way is AlertWay.MAIL and settings.mail.host is None:
        raise InvalidInput("No mail can be sent from here: an admin must set OVERHEARD_MAIL__HOST first.")
    if wanted.way is AlertWay.SLACK and not wanted.hook and rule.hook is None:
        raise InvalidInput("Give the address of an incoming webhook of your Slack workspace.")
    if wanted.way is AlertWay.WEBHOOK and (wanted.webhook_id is None or not session.get(Webhook, wanted.webhook_id)):
        raise InvalidInput("Say to which webhook: a marketer or an admin makes one on this page.")


def visible_view(session: Session, user_id: int, view_id: int) -> SavedView:
    """A saved view of one's own or one that is shared; `NotFound` for others."""
    view = session.get(SavedView, view_id)
    if view is None or not (view.user_id == user_id or view.is_shared):
        raise NotFound(f"There is no saved view {view_id} that you can see.")
    return view


# --- new leads -----------------------------------------------------------------------------------------------------


def gather(session: Session, settings: Settings, now: datetime, read_filters: ReadFilters) -> int:
    """Make an alert of each rule that is due and has new leads to tell of; how many. A lead is told once by a rule.

    By mail a rule goes on for those whom it tells when who set it is gone.
    """
    by_mail = AlertRule.way == AlertWay.MAIL
    statement = (
        sa.select(AlertRule)
        .options(joinedload(AlertRule.user, innerjoin=True))
        .join(User, User.id == AlertRule.user_id)
        .where(AlertRule.rhythm != DigestRhythm.OFF, AlertRule.paused_at.is_(None))
        .where(sa.or_(User.disabled_at.is_(None), by_mail))
        .order_by(AlertRule.id)
        .with_for_update(of=AlertRule, skip_locked=True)
    )
    return sum(_gather(session, settings, rule, now, read_filters) for rule in session.scalars(statement).all())


def _gather(session: Session, settings: Settings, rule: AlertRule, now: datetime, read_filters: ReadFilters) -> bool:
    due = last_due(rule.rhythm, rule.hour, settings.zone, now)
    if due is None or due <= rule.changed_at or is_quiet(rule.quiet_from, rule.quiet_until, settings.zone, now):
        return False
    at_once = rule.rhythm is DigestRhythm.INSTANT
    if rule.told_at is not None and due <= rule.told_at + (_GAP if at_once else timedelta()):
        return False
    recipients = alert_recipients.open_recipients(session, rule) if rule.way is AlertWay.MAIL else [None]
    filters = _filters(session, rule, now, read_filters) if recipients else None
    if filters is None:
        return False
    resting = campaigns.quiet(session, settings.zone, now) if at_once else []
    new = session.scalars(_new_leads(rule, filters, due, now).where(Lead.campaign_id.not_in(resting))).all()
    if not new:
        return False
    rule.told_at = due
    row = {
        "event": OutboundEvent.ALERT_LEADS,
        "rule_id": rule.id,
        "webhook_id": rule.webhook_id,
        "at": due,
        "state": OutboundState.PENDING,
        "next_at": now,
        "attempts": 0,
    }
    key = f"msg_a{rule.id}_{due:%Y%m%dT%H%M%S}"
    told = [
        {"key": f"{key}_{one.user_id}" if one else key, "recipient_id": one.id if one else None} | row
        for one in recipients
    ]
    insert = upsert(session, OutboundDelivery).values(told).on_conflict_do_nothing()
    delivery_ids = session.scalars(insert.returning(OutboundDelivery.id)).all()
    if not delivery_ids:
        return False
    leads = [{"rule_id": rule.id, "lead_id": lead_id, "delivery_id": min(delivery_ids)} for lead_id in new]
    session.execute(sa.insert(AlertedLead), leads)
    return True


def _filters(session: Session, rule: AlertRule, now: datetime, read_filters: ReadFilters) -> Filters | None:
    """What the rule looks at; None where its view cannot be seen or understood any more."""
    if rule.view_id is None:
        return Filters(campaign_id=rule.campaign_id)
    try:
        view = visible_view(session, rule.user_id, rule.view_id)
    except NotFound:
        return None
    return read_filters(view.params, rule.user, now)


def _new_leads(rule: AlertRule, filters: Filters, due: datetime, now: datetime) -> sa.Select[int]:
    """The strongest of those that have come since the rule was set, up to when it is due, and were not told of."""
    came = (rule.changed_at, due)
    signal = sa.exists().where(Signal.lead_id == Lead.id, Signal.at > came[0], Signal.at <= came[1])
    moved = sa.and_(Lead.stage_changed_at > came[0], Lead.stage_changed_at <= came[1])
    hot = sa.select(Campaign.hot_floor).where(Campaign.id == Lead.campaign_id).scalar_subquery()
    floor = hot if rule.only_hot else rule.min_score
    told = sa.exists().where(AlertedLead.rule_id == rule.id, AlertedLead.lead_id == Lead.id)
    return (
        sa.select(Lead.id)
        .where(
            Lead.id.in_(review_queue.shown(filters)),
            Lead.signalled_on >= (now - _LOOKS_BACK).date(),
            Lead.score >= floor if floor is not None else sa.true(),
            sa.or_(moved, signal),
            ~told,
        )
        .order_by(Lead.score.desc(), Lead.id)
        .limit(_MOST)
    )


def queue_address(session: Session, settings: Settings, rule: AlertRule) -> str:
    """The page of the queue that shows what a rule looks at."""
    params = ""
    if rule.view_id is not None:
        params = session.scalar(sa.select(SavedView.params).where(SavedView.id == rule.view_id)) or ""
    elif rule.campaign_id is not None:
        params = urlencode({"campaign": rule.campaign_id})
    return f"{settings.address}/queue" + (f"?{params}" if params else "")


def told_leads(session: Session, delivery: OutboundDelivery) -> Sequence[int]:
    """The leads (ids) of an alert that are still there: they are kept with one delivery of those to all its people."""
    of_one_alert = (OutboundDelivery.rule_id == delivery.rule_id, OutboundDelivery.at == delivery.at)
    together = sa.select(OutboundDelivery.id).where(*of_one_alert)
    return session.scalars(sa.select(AlertedLead.lead_id).where(AlertedLead.delivery_id.in_(together))).all()
