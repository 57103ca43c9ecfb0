"""What a delivery says, made when it is sent: what is gone by then is not told."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads.lead_summaries import LeadSummary, summaries
from overheard.listening.credentials import open_sealed
from overheard.models import AlertRecipient, AlertRule, OutboundDelivery, User, Webhook
from overheard.notifications import alerts, webhooks
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundEvent
from overheard.settings import Settings

_SHOWN = 10
"""Of the leads of an alert, the strongest."""
_LONGEST_TEXT = 500
_LONGEST_BODY = 10_000


@dataclass(frozen=True, slots=True)
class Outbound:
    """A delivery on its way."""

    id: int
    way: AlertWay
    to: str
    """An e-mail address, or the address of a webhook."""
    subject: str
    text: str
    """Of a webhook: the JSON that is signed."""
    headers: dict[str, str]


def outbound(session: Session, settings: Settings, delivery: OutboundDelivery, now: datetime) -> Outbound | None:
    """The delivery as it goes out now; None where there is nothing left to tell."""
    webhook = session.get(Webhook, delivery.webhook_id) if delivery.webhook_id else None
    rule = session.get(AlertRule, delivery.rule_id) if delivery.rule_id else None
    if webhook is None:
        return None if rule is None else _letter(session, settings, delivery, rule)
    data = _data(session, settings, delivery, webhook, rule)
    if data is None:
        return None
    body = json.dumps({"type": delivery.event.value, "timestamp": _time(delivery.at), "data": data}, ensure_ascii=False)
    address, headers = webhooks.signed(settings, webhook, delivery.key, body, now=now)
    return Outbound(delivery.id, AlertWay.WEBHOOK, address, "", body, headers)


# --- for programs --------------------------------------------------------------------------------------------------


def _data(
    session: Session, settings: Settings, delivery: OutboundDelivery, webhook: Webhook, rule: AlertRule | None
) -> dict[str, object] | None:
    if delivery.event is OutboundEvent.WEBHOOK_TEST:
        return {"text": "This is a test."}
    if delivery.event is OutboundEvent.LEAD_ERASED:
        return {"lead_id": delivery.lead_id, "campaign_id": delivery.campaign_id}
    if rule is not None:
        told = summaries(session, alerts.told_leads(session, delivery))
        with_text = rule.with_text and webhook.with_text
        return (
            None
            if not told
            else {
                "rule": {"id": rule.id, "name": rule.name},
                "count": len(told),
                "queue": alerts.queue_address(session, settings, rule),
                "leads": [_as_json(settings, one, with_text=with_text) for one in told[:_SHOWN]],
            }
        )
    told = summaries(session, [delivery.lead_id] if delivery.lead_id else [])
    return (
        None
        if not told
        else _as_json(settings, told[0], with_text=webhook.with_text)
        | {
            "stage": delivery.to_stage,
            "previous_stage": delivery.from_stage,
        }
    )


def _as_json(settings: Settings, told: LeadSummary, *, with_text: bool) -> dict[str, object]:
    lead = told.lead
    kept: dict[str, object] = {
        "lead_id": lead.id,
        "campaign": {"id": lead.campaign_id, "name": told.campaign},
        "stage": lead.stage,
        "score": round(lead.score, 4),
        "intent": lead.intent,
        "platform": lead.platform,
        "community": told.community,
        "posted_at": _time(told.posted_at),
        "need": told.need or None,
        "permalink": told.permalink,
        "url": f"{settings.address}/leads/{lead.id}",
    }
    if with_text and (told.title or told.text):
        kept |= {"author": told.author, "title": told.title, "text": told.text[:_LONGEST_BODY]}
    return kept


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# --- for people ----------------------------------------------------------------------------------------------------


def _letter(session: Session, settings: Settings, delivery: OutboundDelivery, rule: AlertRule) -> Outbound | None:
    user = _reader(session, delivery, rule)
    told = summaries(session, alerts.told_leads(session, delivery))
    if user is None or not told:
        return None
    is_slack = rule.way is AlertWay.SLACK and rule.hook is not None
    lines = "\n\n".join(_lines(settings, one, with_text=rule.with_text) for one in told[:_SHOWN])
    count = f"{len(told)} new lead{'s' if len(told) > 1 else ''}"
    more = f"\n\nAnd {len(told) - _SHOWN} more." if len(told) > _SHOWN else ""
    queue = alerts.queue_address(session, settings, rule)
    chosen = "" if user.id == rule.user_id else "Somebody chose you for it; you can stop it for yourself there.\n"
    text = (
        f"{_escaped(lines) if is_slack else lines}{more}\n\n"
        f"The queue: {queue}\nThis alert: {settings.address}/alerts\n{chosen}"
    )
    to = user.email
    if is_slack and rule.hook is not None:
        to = open_sealed(settings, rule.hook, "the alert's webhook", anew="on the page of alerts")["hook"]
    return Outbound(delivery.id, rule.way, to, f"Overheard: {count}, {rule.name}", text, {})


def _reader(session: Session, delivery: OutboundDelivery, rule: AlertRule) -> User | None:
    """Who reads it: whom it is mailed to, or who set the rule; None where they are switched off, or told no more."""
    reader_id: int | None = rule.user_id
    if rule.way is AlertWay.MAIL:
        chosen = session.get(AlertRecipient, delivery.recipient_id) if delivery.recipient_id else None
        reader_id = None if chosen is None else chosen.user_id
    return session.scalars(sa.select(User).where(User.id == reader_id, User.disabled_at.is_(None))).first()


def _lines(settings: Settings, told: LeadSummary, *, with_text: bool) -> str:
    lead = told.lead
    lines = [f"{lead.score:.2f}  {told.campaign}, {lead.platform.display}, {_one_line(told.community)}, {lead.intent}"]
    if told.need:
        lines.append(f"“{_one_line(told.need)}”")
    if with_text and (told.title or told.text):
        lines.append(_one_line(f"{told.author or 'somebody'}: {told.title} {told.text}")[:_LONGEST_TEXT])
    lines += [address for address in (told.permalink, f"{settings.address}/leads/{lead.id}") if address]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    """A stranger's text cannot begin a line of its own, or a letter of its own."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _escaped(text: str) -> str:
    """As Slack wants it: nobody is called, and no address hides behind other words."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
