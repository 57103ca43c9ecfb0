"""Webhooks: who is told what of leads, signed as the Standard Webhooks specification says."""

import base64
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
import standardwebhooks
from sqlalchemy.orm import Session

from overheard.crm import pushes
from overheard.db import upsert
from overheard.errors import InvalidInput, NotFound
from overheard.listening.credentials import open_sealed, seal
from overheard.models import Campaign, LeadNews, OutboundDelivery, User, Webhook
from overheard.notifications.outbound_vocabulary import OutboundEvent, OutboundState
from overheard.settings import Settings
from overheard.users import audit
from overheard.vocabulary import AuditAction, LeadAction

MAX_WEBHOOKS = 50
MAX_NAME = 80
_LONGEST_ADDRESS = 500
_SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)
"""For how long the secret before signs too."""
_BATCH = 500

EVENTS = tuple(event for event in OutboundEvent if event.is_chosen)

EVENT_OF = {
    LeadAction.QUALIFY: OutboundEvent.LEAD_QUALIFIED,
    LeadAction.PROMOTE: OutboundEvent.LEAD_PROMOTED,
    LeadAction.DISQUALIFY: OutboundEvent.LEAD_DISQUALIFIED,
    LeadAction.RECORD_REPLY: OutboundEvent.LEAD_REPLIED,
    LeadAction.MAKE_PROSPECT: OutboundEvent.LEAD_PROSPECT,
    LeadAction.WIN: OutboundEvent.LEAD_WON,
    LeadAction.LOSE: OutboundEvent.LEAD_LOST,
    LeadAction.PUSH_BACK: OutboundEvent.LEAD_MOVED_BACK,
    LeadAction.REOPEN: OutboundEvent.LEAD_MOVED_BACK,
    LeadAction.UNDO: OutboundEvent.LEAD_MOVED_BACK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A webhook as somebody wants it."""

    name: str
    address: str | None = None
    """None keeps the one there is."""
    events: Collection[OutboundEvent] = EVENTS
    campaign_id: int | None = None
    with_text: bool = False


def everything(session: Session) -> Sequence[Webhook]:
    """All webhooks, by name."""
    return session.scalars(sa.select(Webhook).order_by(Webhook.name, Webhook.id)).all()


def get(session: Session, webhook_id: int) -> Webhook:
    """The webhook; `NotFound` when there is none."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise NotFound(f"There is no webhook {webhook_id}.")
    return webhook


def make(session: Session, settings: Settings, wanted: Wanted, *, actor: User, now: datetime) -> tuple[Webhook, str]:
    """A new webhook, and the secret by which its receiver knows us. It is told what happens from now on."""
    if wanted.address is None:
        raise InvalidInput("Give the address to which events are posted.")
    if len(everything(session)) >= MAX_WEBHOOKS:
        raise InvalidInput(f"There are {MAX_WEBHOOKS} webhooks, which is the most: delete one first.")
    _check(session, settings, wanted)
    secret = _new_secret()
    webhook = Webhook(created_at=now, created_by_id=actor.id, sealed=b"")
    _fill(settings, webhook, wanted, {"address": wanted.address.strip(), "secret": secret})
    session.add(webhook)
    session.flush()
    _record(session, actor, webhook, "made", now)
    return webhook, secret


def change(
    session: Session, settings: Settings, webhook: Webhook, wanted: Wanted, *, actor: User, now: datetime
) -> None:
    """Let a webhook be like this. Its secret stays."""
    _check(session, settings, wanted)
    kept = _opened(settings, webhook)
    _fill(settings, webhook, wanted, kept | ({"address": wanted.address.strip()} if wanted.address else {}))
    _record(session, actor, webhook, "changed", now)


def rotate(session: Session, settings: Settings, webhook: Webhook, *, actor: User, now: datetime) -> str:
    """A new secret. For a day the one before signs too, so that the receiver can take its time."""
    kept, secret = _opened(settings, webhook), _new_secret()
    webhook.sealed = seal(settings, {"address": kept["address"], "secret": secret, "former": kept["secret"]})
    webhook.former_until = now + OVERLAP
    _record(session, actor, webhook, "given a new secret", now)
    return secret


def pause(session: Session, webhook: Webhook, *, actor: User, now: datetime) -> None:
    """Send nothing until it is resumed. What happens meanwhile waits."""
    webhook.paused_at = webhook.paused_at or now
    _record(session, actor, webhook, "paused", now)


def resume(session: Session, webhook: Webhook, *, actor: User, now: datetime) -> None:
    """Send again, what waited too."""
    webhook.paused_at = webhook.failing_since = webhook.resting_until = None
    _record(session, actor, webhook, "resumed", now)


def delete(session: Session, webhook: Webhook, *, actor: User, now: datetime) -> None:
    """Forget it, with its deliveries and the alert rules that use it."""
    _record(session, actor, webhook, "deleted", now)
    session.delete(webhook)
    session.flush()


def test(session: Session, webhook: Webhook, *, now: datetime) -> None:
    """Send an event that means nothing."""
    key = f"msg_t{webhook.id}_{now:%Y%m%dT%H%M%S%f}"
    _deliver(session, [_row(webhook, key, OutboundEvent.WEBHOOK_TEST, at=now, now=now)])


def _record(session: Session, actor: User, webhook: Webhook, what: str, now: datetime) -> None:
    session.flush()
    told = f"webhook {webhook.id} ({webhook.host})"
    audit.record(session, actor, AuditAction.WEBHOOK_CHANGED, told, what, now=now)


def _check(session: Session, settings: Settings, wanted: Wanted) -> None:
    if not 1 <= len(" ".join(wanted.name.split())) <= MAX_NAME:
        raise InvalidInput(f"A webhook's name has 1 to {MAX_NAME} characters.")
    if not wanted.events or not set(wanted.events) <= set(EVENTS):
        raise InvalidInput("Say of which events the webhook is told: " + ", ".join(EVENTS) + ".")
    if wanted.campaign_id is not None and session.get(Campaign, wanted.campaign_id) is None:
        raise NotFound(f"There is no campaign {wanted.campaign_id}.")
    if wanted.address is not None:
        _check_address(settings, wanted.address.strip())


def _check_address(settings: Settings, address: str) -> None:
    """What can be told without asking. Where its host is, is looked at whenever something is sent."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"{address[:100]!r} is no web address.") from error
    schemes = ("https", "http") if settings.allow_private_addresses else ("https",)
    if parts.scheme not in schemes or not host or len(address) > _LONGEST_ADDRESS or not address.isprintable():
        raise InvalidInput("The address of a webhook begins with https:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("The address holds a password: leave it out, our signature says who we are.")


def _fill(settings: Settings, webhook: Webhook, wanted: Wanted, opened: dict[str, str]) -> None:
    webhook.name, webhook.host = " ".join(wanted.name.split()), urlsplit(opened["address"]).hostname or ""
    webhook.events = " ".join(event.value for event in EVENTS if event in wanted.events)
    webhook.campaign_id, webhook.with_text = wanted.campaign_id, wanted.with_text
    webhook.sealed = seal(settings, opened)


def _opened(settings: Settings, webhook: Webhook) -> dict[str, str]:
    return open_sealed(settings, webhook.sealed, f"the webhook {webhook.name}", anew="make the webhook anew")


# --- signing -------------------------------------------------------------------------------------------------------


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed(settings: Settings, webhook: Webhook, key: str, body: str, *, now: datetime) -> tuple[str, dict[str, str]]:
    """The address, and the headers by which the receiver knows that this body is ours and how old it is."""
    opened = _opened(settings, webhook)
    valid = [opened["secret"]]
    if "former" in opened and webhook.former_until is not None and now < webhook.former_until:
        valid.append(opened["former"])
    signatures = [standardwebhooks.Webhook(secret).sign(key, now, body) for secret in valid]
    return opened["address"], {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


# --- from what happened to deliveries ------------------------------------------------------------------------------


def fan_out(session: Session, *, now: datetime) -> int:
    """Make deliveries of what has happened to leads since; how much there was, at most a batch.

    The news goes in the transaction in which its deliveries come, so nothing is lost and nothing comes twice.
    """
    statement = sa.select(LeadNews).order_by(LeadNews.id).limit(_BATCH).with_for_update(skip_locked=True)
    news = session.scalars(statement).all()
    webhooks = everything(session) if news else []
    rows: list[dict[str, object]] = []
    for one in news:
        event = OutboundEvent.LEAD_ERASED if one.action is None else EVENT_OF.get(one.action)
        if event is OutboundEvent.LEAD_ERASED:
            _forget(session, one.lead_id)
            rows = [row for row in rows if row["lead_id"] != one.lead_id or row["event"] is event]
        for webhook in webhooks:
            if event is not None and _wants(webhook, event, one.campaign_id):
                key = f"msg_e{one.id}_{webhook.id}"
                rows.append(_row(webhook, key, event, at=one.at, now=now, news=one))
    _deliver(session, rows)
    pushes.heard(session, news, now=now)
    session.execute(sa.delete(LeadNews).where(LeadNews.id.in_([one.id for one in news])))
    return len(news)


def _wants(webhook: Webhook, event: OutboundEvent, campaign_id: int) -> bool:
    return event.value in webhook.events.split() and webhook.campaign_id in (None, campaign_id)


def _row(
    webhook: Webhook, key: str, event: OutboundEvent, *, at: datetime, now: datetime, news: LeadNews | None = None
) -> dict[str, object]:
    return {
        "key": key,
        "event": event,
        "webhook_id": webhook.id,
        "lead_id": news.lead_id if news else None,
        "campaign_id": news.campaign_id if news else None,
        "from_stage": news.from_stage if news else None,
        "to_stage": news.to_stage if news else None,
        "at": at,
        "state": OutboundState.PENDING,
        "next_at": now,
        "attempts": 0,
    }


def _deliver(session: Session, rows: list[dict[str, object]]) -> None:
    if rows:
        session.execute(upsert(session, OutboundDelivery).on_conflict_do_nothing(), rows)


def _forget(session: Session, lead_id: int) -> None:
    """Nothing more is told of a lead that is gone but that it is gone, and no answer is kept that may repeat it."""
    about = sa.update(OutboundDelivery).where(OutboundDelivery.lead_id == lead_id)
    waiting = OutboundDelivery.state.in_((OutboundState.PENDING, OutboundState.FAILED))
    unsaid = OutboundDelivery.event != OutboundEvent.LEAD_ERASED
    session.execute(about.values(answer=None))
    session.execute(about.where(waiting, unsaid).values(state=OutboundState.DROPPED))
