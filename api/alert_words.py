"""How alerts, webhooks and deliveries are said to a person."""

from overheard.models import AlertRule, OutboundDelivery, Receiver, User
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundEvent, OutboundState
from overheard.vocabulary import DigestRhythm

RHYTHMS = {
    DigestRhythm.INSTANT: "At once",
    DigestRhythm.HOURLY: "Every hour",
    DigestRhythm.DAILY: "Every day",
    DigestRhythm.WEEKDAYS: "Monday to Friday",
    DigestRhythm.WEEKLY: "On Mondays",
    DigestRhythm.OFF: "Never",
}

WAYS = {AlertWay.MAIL: "e-mail", AlertWay.SLACK: "Slack", AlertWay.WEBHOOK: "a webhook"}

EVENTS = {
    OutboundEvent.LEAD_QUALIFIED: "A post made somebody a lead.",
    OutboundEvent.LEAD_PROMOTED: "A person said that they are worth an answer.",
    OutboundEvent.LEAD_DISQUALIFIED: "A person put them out.",
    OutboundEvent.LEAD_REPLIED: "Somebody answered them.",
    OutboundEvent.LEAD_PROSPECT: "They answered positively.",
    OutboundEvent.LEAD_WON: "They bought.",
    OutboundEvent.LEAD_LOST: "They did not.",
    OutboundEvent.LEAD_MOVED_BACK: "A step was taken back.",
    OutboundEvent.LEAD_ERASED: "The lead is gone: erase what you have of it.",
}

_STATES = {
    OutboundState.PENDING: "waiting",
    OutboundState.SENDING: "on its way",
    OutboundState.DELIVERED: "delivered",
    OutboundState.FAILED: "failed",
    OutboundState.DROPPED: "nothing left to tell",
}


def state(delivery: OutboundDelivery) -> str:
    """Where a delivery stands."""
    if delivery.state is OutboundState.PENDING and delivery.attempts:
        return "to be tried again"
    return _STATES[delivery.state]


def rule_line(rule: AlertRule) -> str:
    """When and how a rule tells, in one line."""
    parts = [RHYTHMS[rule.rhythm]]
    if rule.rhythm in (DigestRhythm.DAILY, DigestRhythm.WEEKDAYS, DigestRhythm.WEEKLY):
        parts[0] += f" at {rule.hour:02}:00"
    parts.append(f"by {WAYS[rule.way]}")
    if rule.only_hot:
        parts.append("hot leads only")
    if rule.min_score is not None:
        parts.append(f"from a score of {rule.min_score:.0%} on")
    if rule.quiet_from is not None and rule.quiet_until is not None:
        parts.append(f"not between {rule.quiet_from:02}:00 and {rule.quiet_until:02}:00")
    if rule.with_text:
        parts.append("with texts")
    return ", ".join(parts)


def people_line(rule: AlertRule, viewer: User) -> str:
    """Whom a rule tells, in one line."""
    names = {
        row.user_id: row.user.name for row in rule.recipients if row.paused_at is None and not row.user.disabled_at
    }
    yours = ["you"] if names.pop(viewer.id, None) else []
    return ", ".join(yours + sorted(names.values())) or "nobody any more"


def receiver(rule: AlertRule, viewer: User) -> Receiver:
    """What shows who set a rule whether it arrives: their own mails, or the channel that all of them share."""
    return next((row for row in rule.recipients if row.user_id == viewer.id), rule)
