"""Whom and where a campaign does not want to hear, and who works on it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from overheard.models.base import Base, owner
from overheard.vocabulary import ExclusionKind, Platform

campaign_members = sa.Table(
    "campaign_members",
    Base.metadata,
    sa.Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
)


class Exclusion(Base):
    """An author, or a community, of whom nothing becomes a lead of a campaign."""

    __tablename__ = "exclusions"
    __table_args__ = (UniqueConstraint("campaign_id", "platform", "kind", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = owner("campaigns.id", index=False)
    platform: Mapped[Platform]
    kind: Mapped[ExclusionKind]
    name: Mapped[str]
    """In small letters, as case does not tell two authors or communities apart."""
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
