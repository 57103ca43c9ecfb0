"""Posts, and what is left of those that are gone."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base
from overheard.models.sources import Source
from overheard.vocabulary import Platform, PostKind


class Post(Base):
    """Anything written: submission, comment or message."""

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("platform", "external_id"),
        Index(None, "source_id", "id"),
        Index(None, "source_id", "checked_at"),
        Index(None, "platform", "author"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[Platform]
    external_id: Mapped[str]
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    kind: Mapped[PostKind]
    title: Mapped[str]
    body: Mapped[str]
    text_hash: Mapped[str]
    collected_at: Mapped[datetime]
    author: Mapped[str | None]
    """The platform's own key of the writer: a handle or an id."""
    author_name: Mapped[str | None]
    permalink: Mapped[str | None]
    parent_external_id: Mapped[str | None]
    posted_at: Mapped[datetime | None]
    as_of: Mapped[datetime | None]
    """When this text was current at the platform; an edit applies only if it is newer."""
    checked_at: Mapped[datetime | None]
    """When the platform last showed it to us."""
    recheck_at: Mapped[datetime | None]
    """When it is to be asked for again, as no lead's; none: it never has been."""
    is_truncated: Mapped[bool] = mapped_column(default=False)

    source: Mapped[Source] = relationship(lazy="raise")


class UnjudgedPost(Base):
    """A post that no model has judged as it stands: written with the post and with each edit, gone with the verdict.

    So nobody has to look through all posts to find what is left to do.
    """

    __tablename__ = "unjudged_posts"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)


class TakenPost(Base):
    """A post that a worker judges just now: until then no other one takes it."""

    __tablename__ = "taken_posts"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    until: Mapped[datetime]


class Tombstone(Base):
    """What was erased, without any content: a later delivery of the same post is refused by it."""

    __tablename__ = "tombstones"
    __table_args__ = (UniqueConstraint("platform", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[Platform]
    external_id: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
