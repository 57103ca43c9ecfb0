"""The words of what goes out: notices by digest, alerts, webhooks and their deliveries, as closed lists."""

from enum import StrEnum


class DigestWay(StrEnum):
    """By what they are sent."""

    MAIL = "mail"
    SLACK = "slack"


class AlertWay(StrEnum):
    """By what new leads are told of."""

    MAIL = "mail"
    SLACK = "slack"
    WEBHOOK = "webhook"


class OutboundEvent(StrEnum):
    """What a webhook is told of. `docs/alerts.md` says what comes with each."""

    LEAD_QUALIFIED = "lead.qualified"
    LEAD_PROMOTED = "lead.promoted"
    LEAD_DISQUALIFIED = "lead.disqualified"
    LEAD_REPLIED = "lead.replied"
    LEAD_PROSPECT = "lead.prospect"
    LEAD_WON = "lead.won"
    LEAD_LOST = "lead.lost"
    LEAD_MOVED_BACK = "lead.moved_back"
    """Handed back, reopened, or a step was taken back."""
    LEAD_ERASED = "lead.erased"
    ALERT_LEADS = "alert.leads"
    """New leads of an alert rule."""
    WEBHOOK_TEST = "webhook.test"

    @property
    def is_chosen(self) -> bool:
        """Whether a webhook names it among the events it wants; the others come because somebody asked for them."""
        return self not in (OutboundEvent.ALERT_LEADS, OutboundEvent.WEBHOOK_TEST)


class OutboundState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up after the last attempt; a person can send it again."""
    DROPPED = "dropped"
    """There was nothing left to tell."""


class CrmPlatform(StrEnum):
    """Whose customer relationship management leads are pushed to."""

    HUBSPOT = "hubspot"
    SALESFORCE = "salesforce"
    PIPEDRIVE = "pipedrive"

    @property
    def display(self) -> str:
        """The name as a person reads it."""
        return "HubSpot" if self is CrmPlatform.HUBSPOT else self.value.title()


class CrmDeed(StrEnum):
    """What happened between us and a CRM, in its log."""

    PUSHED = "pushed"
    REFUSED = "refused"
    """It did not arrive; it is tried again, or given up."""
    MOVED = "moved"
    """The CRM moved its record onwards, and our lead went with it."""
    KEPT = "kept"
    """The CRM moved its record, and our lead stayed where it was."""
    GONE = "gone"
    """Somebody deleted the record there."""
    ERASED = "erased"
    """What we had told of a lead was taken back."""
