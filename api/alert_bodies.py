"""What `/v1` takes and gives about alert rules, webhooks and deliveries."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from api.bodies import Body
from api.deps import MAX_ID, Text
from overheard.models import AlertRecipient, AlertRule, OutboundDelivery, Webhook
from overheard.notifications import alerts, webhooks
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundEvent, OutboundState
from overheard.vocabulary import DigestRhythm, Stage

_WITH_TEXT = "Whether posts' texts and authors go along where their source's terms allow it."
_CAMPAIGN = "Of one campaign; null: of all."


class NewAlert(Body):
    """How one wants to be told of new leads."""

    name: Text = Field(min_length=1, max_length=alerts.MAX_NAME)
    campaign_id: int | None = Field(None, ge=1, le=MAX_ID, description=_CAMPAIGN)
    view_id: int | None = Field(None, ge=1, le=MAX_ID, description="Of a saved view, instead of a campaign.")
    rhythm: DigestRhythm = DigestRhythm.INSTANT
    way: AlertWay = AlertWay.MAIL
    hook: Text | None = Field(
        None, max_length=500, description="Address of an incoming webhook of Slack; null keeps what there is."
    )
    webhook_id: int | None = Field(None, ge=1, le=MAX_ID, description="To which webhook; for admins and marketers.")
    hour: int = Field(9, ge=0, le=23, description="Hour of a daily or weekly alert, in the team's time zone.")
    quiet_from: int | None = Field(None, ge=0, le=23, description="Hours between which nothing is sent.")
    quiet_until: int | None = Field(None, ge=0, le=23)
    min_score: float | None = Field(None, ge=0, le=1, description="Only leads from this score on.")
    only_hot: bool = Field(
        False, description="Only leads from their campaign's `hot_floor` on, instead of from a score."
    )
    with_text: bool = Field(False, description=_WITH_TEXT)
    people: list[Annotated[int, Field(ge=1, le=MAX_ID)]] = Field(
        [], max_length=1000, description="Whom it tells, each by mail to their own address; empty: yourself."
    )

    @property
    def wanted(self) -> alerts.Wanted:
        """As the rules take it."""
        return alerts.Wanted(**self.model_dump())


class AlertBody(BaseModel):
    """An alert rule. The address of its Slack webhook is not given out again."""

    id: int
    name: str
    campaign_id: int | None
    view_id: int | None
    rhythm: DigestRhythm
    way: AlertWay
    webhook_id: int | None
    hour: int
    quiet_from: int | None
    quiet_until: int | None
    min_score: float | None
    only_hot: bool
    with_text: bool
    told_at: datetime | None = Field(description="When its last alert was due.")
    paused_at: datetime | None = Field(description="Paused since: what was sent did not arrive for days.")
    people: list[int] = Field(description="Whom it tells by mail.")
    stopped: list[int] = Field(description="Who wanted to hear of it no more, or whom nothing reached for days.")

    @classmethod
    def of(cls, rule: AlertRule) -> Self:
        """From the row, with whom it tells."""
        told = {row.user_id: row.paused_at is None for row in rule.recipients}
        people, stopped = [one for one in told if told[one]], [one for one in told if not told[one]]
        row = {name: getattr(rule, name) for name in cls.model_fields if name not in ("people", "stopped")}
        return cls(**row, people=people, stopped=stopped)


class ToldBody(BaseModel):
    """A rule of somebody else that tells oneself by mail."""

    rule_id: int
    name: str
    campaign_id: int | None
    rhythm: DigestRhythm
    owner: str = Field(description="Name of who set it.")
    stopped_at: datetime | None = Field(description="Since when nothing comes: stopped, or it did not arrive for days.")

    @classmethod
    def of(cls, told: AlertRecipient) -> Self:
        """From the row, with its rule and who set that."""
        rule = told.rule
        return cls(
            rule_id=rule.id,
            name=rule.name,
            campaign_id=rule.campaign_id,
            rhythm=rule.rhythm,
            owner=rule.user.name,
            stopped_at=told.paused_at,
        )


class NewWebhook(Body):
    """An address to which signed events are posted."""

    name: Text = Field(min_length=1, max_length=webhooks.MAX_NAME)
    address: Text | None = Field(None, max_length=500, description="Null keeps what there is.")
    events: list[OutboundEvent] = Field(list(webhooks.EVENTS), min_length=1, description="What it is told of.")
    campaign_id: int | None = Field(None, ge=1, le=MAX_ID, description=_CAMPAIGN)
    with_text: bool = Field(False, description=_WITH_TEXT)

    @property
    def wanted(self) -> webhooks.Wanted:
        """As the webhooks take it."""
        return webhooks.Wanted(**self.model_dump())


class WebhookBody(BaseModel):
    """A webhook. Its address and its secret are not given out again."""

    id: int
    name: str
    host: str
    events: list[OutboundEvent]
    campaign_id: int | None
    with_text: bool
    created_at: datetime
    paused_at: datetime | None
    failing_since: datetime | None
    former_until: datetime | None = Field(description="Until when the secret before signs too.")

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        """From the row."""
        kept = {name: getattr(webhook, name) for name in cls.model_fields}
        return cls(**kept | {"events": webhook.events.split()})


class WebhookSecretBody(BaseModel):
    """A webhook, and the secret by which its receiver knows us. It is given once."""

    webhook: WebhookBody
    secret: str


class DeliveryBody(BaseModel):
    """One thing that was told to one receiver, or will be."""

    id: int
    key: str = Field(description="The `webhook-id` it is sent under, in every attempt.")
    event: OutboundEvent
    webhook_id: int | None
    rule_id: int | None
    user_id: int | None = Field(description="To whom it is mailed.")
    lead_id: int | None
    to_stage: Stage | None
    at: datetime
    state: OutboundState
    attempts: int
    next_at: datetime = Field(description="When it is tried, while it is pending.")
    status: int | None = Field(description="HTTP status of the last answer.")
    answer: str | None = Field(description="Its first words.")
    error: str | None
    sent_at: datetime | None

    @classmethod
    def of(cls, delivery: OutboundDelivery) -> Self:
        """From the row."""
        recipient = delivery.recipient
        row = {name: getattr(delivery, name) for name in cls.model_fields if name != "user_id"}
        return cls(**row, user_id=None if recipient is None else recipient.user_id)
