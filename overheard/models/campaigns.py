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
    meaning_threshold: Mapped[float | None]
    """The relevance from which a post that no query met is relevant by its meaning; none: queries alone decide."""

    hot_floor: Mapped[float | None]
    """The score from which a lead is hot and told at once; none: nothing is."""
    daily_budget: Mapped[int | None]
    """How many posts may come into the queue a day; what is beyond is held back. None: all."""
    samples_a_day: Mapped[int] = mapped_column(default=5, server_default="5")
    """How many posts that are not shown are drawn to be shown blind; 0: none."""

    random_share: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """How likely a lead is put high in the queue whatever its score, so that the queue can be measured."""
    uncertain_share: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """The same for a lead whose score is 0.5, and the less likely the surer the score is."""

    languages: Mapped[str | None]
    """ISO 639 codes with blanks between them; posts in others do not qualify. None: posts in any do."""
    quiet_from: Mapped[int | None]
    quiet_until: Mapped[int | None]
    """Hours, in the team's time zone, in which alerts tell of none of its leads at once. None: there are none."""
    archived_at: Mapped[datetime | None]
    """Nobody becomes its lead any more."""

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
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Who wrote this version; none: it was written at the command line, or before it was kept."""
    note: Mapped[str | None]
    """Why, in the author's words."""


class Match(Base):
    """A query version met a post, and where: spans are `[field, start, end]`."""

    __tablename__ = "matches"
    __table_args__ = (UniqueConstraint("post_id", "query_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = owner("posts.id", index=False)
    query_id: Mapped[int] = owner("queries.id")
    spans: Mapped[list[list[str | int]]] = mapped_column(sa.JSON)


class Embedding(Base):
    """Where a post that may be a lead stands in the space of meaning in which posts and offers are compared."""

    __tablename__ = "embeddings"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), unique=True)
    space: Mapped[str]
    """The fingerprint of what placed it: vectors of two spaces cannot be compared."""
    vector: Mapped[bytes]
    """Of length one, in half precision, the least significant byte first."""


class PostRelevance(Base):
    """How well a post fits a campaign's offer in meaning. It says nothing once the offer has changed."""

    __tablename__ = "relevances"
    __table_args__ = (UniqueConstraint("post_id", "campaign_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = owner("posts.id", index=False)
    campaign_id: Mapped[int] = owner("campaigns.id")
    space: Mapped[str]
    offer_hash: Mapped[str]
    """Of the offer that it is about."""
    relevance: Mapped[float]
    sentence: Mapped[list[str | int] | None] = mapped_column(sa.JSON(none_as_null=True))
    """The sentence closest to the offer, `[field, start, end]`; empty: there is none; null: not looked for."""
    at: Mapped[datetime]
