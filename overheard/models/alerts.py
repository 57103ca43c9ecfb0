"""What goes out: alert rules, webhooks, feeds, and the deliveries of them all."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base, owner
from overheard.models.people import User
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundEvent, OutboundState
from overheard.vocabulary import DigestRhythm, LeadAction, Stage


class Receiver:
    """What both have to which something is delivered."""

    paused_at: Mapped[datetime | None]
    """Since when nothing is sent: by hand, or because nothing has arrived for days."""
    failing_since: Mapped[datetime | None]
    resting_until: Mapped[datetime | None]
    """After a failure nothing else is tried before."""


class Webhook(Receiver, Base):
    """An address to which signed events are posted."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    host: Mapped[str]
    """Of the address, for people to see."""
    sealed: Mapped[bytes]
    """The address, the secret that signs and the one before it, encrypted."""
    former_until: Mapped[datetime | None]
    """Until when the secret before signs too."""
    events: Mapped[str]
    """What it is told of, as words with blanks between them."""
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    """None: of all campaigns."""
    with_text: Mapped[bool]
    """Whether posts' texts and authors go along where their terms allow it; else their need and address only."""
    created_at: Mapped[datetime]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


class AlertRule(Receiver, Base):
    """How somebody wants to be told of new leads."""

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id")
    name: Mapped[str]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    view_id: Mapped[int | None] = mapped_column(ForeignKey("saved_views.id", ondelete="CASCADE"), index=True)
    """Of a campaign or of a saved view; of neither: all leads."""
    rhythm: Mapped[DigestRhythm]
    way: Mapped[AlertWay]
    hook: Mapped[bytes | None]
    """The address of an incoming webhook of Slack, encrypted."""
    webhook_id: Mapped[int | None] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), index=True)
    hour: Mapped[int]
    """In the team's time zone, as the quiet hours are."""
    quiet_from: Mapped[int | None]
    quiet_until: Mapped[int | None]
    min_score: Mapped[float | None]
    """Only leads from this score on."""
    only_hot: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    """Only leads from the hot floor of their campaign on."""
    with_text: Mapped[bool]
    changed_at: Mapped[datetime]
    """What was a lead before is not told."""
    told_at: Mapped[datetime | None]
    """When the last alert was due."""

    user: Mapped[User] = relationship(lazy="raise")
    recipients: Mapped[list["AlertRecipient"]] = relationship(
        lazy="raise", back_populates="rule", order_by="AlertRecipient.id", passive_deletes="all"
    )


class AlertRecipient(Receiver, Base):
    """Somebody whom an alert rule tells by mail. Who wants to hear no more of it pauses it for themselves."""

    __tablename__ = "alert_recipients"
    __table_args__ = (
        UniqueConstraint("rule_id", "user_id"),
        {"sqlite_autoincrement": True},  # deliveries hold its number: it stands for one person and rule for ever
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = owner("alert_rules.id", index=False)
    user_id: Mapped[int] = owner("users.id")

    rule: Mapped[AlertRule] = relationship(lazy="raise", back_populates="recipients")
    user: Mapped[User] = relationship(lazy="raise")


class LeadNews(Base):
    """Something happened to a lead and no webhook knows it yet. Triggers on `lead_events` and `leads` write these
    rows in the transaction in which it happens, while there is a webhook; fanned out they go.
    """

    __tablename__ = "lead_news"
    __table_args__ = ({"sqlite_autoincrement": True},)  # a number stands for one thing for ever

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int]
    campaign_id: Mapped[int]
    action: Mapped[LeadAction | None]
    """None: the lead is gone."""
    from_stage: Mapped[Stage | None]
    to_stage: Mapped[Stage | None]
    at: Mapped[datetime]


class OutboundDelivery(Base):
    """One thing to tell one receiver. Its content is made when it is sent, so that nothing that was erased is told."""

    __tablename__ = "outbound_deliveries"
    __table_args__ = (Index(None, "state", "next_at"), Index(None, "lead_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """What it is, in the `webhook-id`: the same in every attempt."""
    event: Mapped[OutboundEvent]
    webhook_id: Mapped[int | None] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), index=True)
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("alert_rules.id", ondelete="CASCADE"), index=True)
    recipient_id: Mapped[int | None]
    """Whom a rule tells by it, if by mail. No foreign key: SQLite adds none to a table that others point to."""
    lead_id: Mapped[int | None]
    campaign_id: Mapped[int | None]
    """Neither is a foreign key: that a lead is gone is told too."""
    from_stage: Mapped[Stage | None]
    to_stage: Mapped[Stage | None]
    at: Mapped[datetime]
    """When it happened."""
    state: Mapped[OutboundState]
    next_at: Mapped[datetime]
    """Not tried before; while it is being sent: taken for lost from then on."""
    attempts: Mapped[int] = mapped_column(default=0)
    status: Mapped[int | None]
    answer: Mapped[str | None]
    """The first words of the last answer."""
    error: Mapped[str | None]
    sent_at: Mapped[datetime | None]

    webhook: Mapped[Webhook | None] = relationship(lazy="raise")
    rule: Mapped[AlertRule | None] = relationship(lazy="raise")
    recipient: Mapped[AlertRecipient | None] = relationship(
        primaryjoin="foreign(OutboundDelivery.recipient_id) == AlertRecipient.id", viewonly=True, lazy="raise"
    )


class AlertedLead(Base):
    """A lead that a rule has told of, which it does once."""

    __tablename__ = "alerted_leads"
    __table_args__ = (UniqueConstraint("rule_id", "lead_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = owner("alert_rules.id", index=False)
    lead_id: Mapped[int] = owner("leads.id")
    delivery_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbound_deliveries.id", ondelete="SET NULL"), index=True
    )


class QueueFeed(Base):
    """An address at which the leads of a view are read as a feed, by whoever has it. Only its hash is kept."""

    __tablename__ = "queue_feeds"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id")
    view_id: Mapped[int | None] = mapped_column(ForeignKey("saved_views.id", ondelete="CASCADE"), index=True)
    """None: the whole queue."""
    token_hash: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str]
    with_text: Mapped[bool]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")
