"""CRM connections: to which leads are pushed, and from which won and lost come back."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.alerts import Receiver
from overheard.models.base import Base, owner
from overheard.notifications.outbound_vocabulary import CrmDeed, CrmPlatform, OutboundState
from overheard.vocabulary import Stage


class CrmConnection(Receiver, Base):
    """An account at a CRM to which leads are pushed."""

    __tablename__ = "crm_connections"

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[CrmPlatform]
    name: Mapped[str]
    address: Mapped[str]
    sealed: Mapped[bytes]
    """What opens it, encrypted."""
    remote_stages: Mapped[list[list[str]]] = mapped_column(sa.JSON)
    """`[id, name, kind]` of each stage there, in its order, as it was told last."""
    stages_out: Mapped[dict[str, str]] = mapped_column(sa.JSON)
    """Our stage: the stage there that a lead of it is given."""
    stages_in: Mapped[dict[str, str]] = mapped_column(sa.JSON)
    """A stage there: what it says of our lead."""
    push_from: Mapped[Stage]
    """Leads come there from this stage on."""
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    """None: of all campaigns."""
    with_text: Mapped[bool]
    """Whether posts' texts go along where their terms allow it."""
    with_notes: Mapped[bool]
    """Whether what people here noted about a lead goes along."""
    with_contact: Mapped[bool]
    """Whether a contact is made of who wrote the post."""
    last_error: Mapped[str | None]
    polled_at: Mapped[datetime | None]
    """When it was last asked what has moved there."""
    created_at: Mapped[datetime]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


class CrmLink(Base):
    """A lead and its record at a CRM, and whether there is something to push."""

    __tablename__ = "crm_links"
    __table_args__ = (
        UniqueConstraint("connection_id", "lead_id"),
        Index(None, "state", "next_at"),
        Index(None, "lead_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = owner("crm_connections.id", index=False)
    lead_id: Mapped[int]
    """No foreign key: what was told of a lead that is gone has to be taken back."""
    campaign_id: Mapped[int]
    state: Mapped[OutboundState]
    version: Mapped[int] = mapped_column(default=1)
    """One more with each thing that happens to the lead, so that nothing is missed while a push is on its way."""
    next_at: Mapped[datetime]
    """Not tried before; while it is being sent: taken for lost from then on."""
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    remote_id: Mapped[str | None]
    contact_id: Mapped[str | None]
    note_id: Mapped[str | None]
    pushed_hash: Mapped[str | None]
    """Of what was pushed last: the same is not sent again."""
    pushed_stage: Mapped[Stage | None]
    """Our stage that the CRM knows of."""
    pushed_at: Mapped[datetime | None]
    remote_stage: Mapped[str | None]
    """The stage there, as it was seen last."""

    connection: Mapped[CrmConnection] = relationship(lazy="raise")


class CrmEntry(Base):
    """One thing that happened between us and a CRM. It quotes nobody: it outlives an erasure."""

    __tablename__ = "crm_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = owner("crm_connections.id")
    lead_id: Mapped[int | None]
    deed: Mapped[CrmDeed]
    told: Mapped[str | None]
    at: Mapped[datetime]

    connection: Mapped[CrmConnection] = relationship(lazy="raise")
