"""What we listen for."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base, owner
from overheard.models.sources import Source

campaign_sources = sa.Table(
    "campaign_sources",
    Base.metadata,
    sa.Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
)


class Campaign(Base):
    """What we sell and to whom."""

    __tablename__ = "campaigns"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    offer: Mapped[str]
    created_at: Mapped[datetime]
    threshold: Mapped[float | None]
    """The score from which a post is put before a person; none means the model's own threshold."""

    sources: Mapped[list[Source]] = relationship(secondary=campaign_sources, lazy="raise")
    """Empty means all sources."""


class Query(Base):
    """One version of a saved keyword expression. The version in force is the one that is not retired."""

    __tablename__ = "queries"
    __table_args__ = (UniqueConstraint("campaign_id", "name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = owner("campaigns.id", index=False)
    name: Mapped[str]
    version: Mapped[int]
    expression: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Match(Base):
    """A query version met a post, and where: spans are `[field, start, end]`."""

    __tablename__ = "matches"
    __table_args__ = (UniqueConstraint("post_id", "query_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = owner("posts.id", index=False)
    query_id: Mapped[int] = owner("queries.id")
    spans: Mapped[list[list[str | int]]] = mapped_column(sa.JSON)
