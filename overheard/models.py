"""The tables. A row is data; what may happen to it stands in the module named after the thing."""

import enum
from datetime import date, datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column, relationship

from overheard.db import UtcDateTime
from overheard.vocabulary import DisqualifyReason, Intent, LeadAction, Platform, PostKind, Role, Stage


def _words(kind: type[enum.StrEnum]) -> sa.Enum:
    """Enums are kept as their words: readable in any tool, and a new member needs no migration."""
    return sa.Enum(kind, native_enum=False, length=32, values_callable=lambda members: [m.value for m in members])


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text(),
        datetime: UtcDateTime(),
        **{kind: _words(kind) for kind in (DisqualifyReason, Intent, LeadAction, Platform, PostKind, Role, Stage)},
    }


def _owner(column: str, *, index: bool = True) -> MappedColumn[int]:
    """A foreign key whose row goes when its owner goes: this is how an erasure takes all that was derived with it."""
    return mapped_column(ForeignKey(column, ondelete="CASCADE"), index=index)


# --- where posts come from ---------------------------------------------------------------------------------------


class Source(Base):
    """One community that we watch or have imported, and how far it has been read."""

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("platform", "community"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[Platform]
    community: Mapped[str]
    created_at: Mapped[datetime]
    cursor: Mapped[str | None]
    """Opaque to all but the source's collector."""
    read_at: Mapped[datetime | None]


class Gap(Base):
    """A range of a source that is known to be missed."""

    __tablename__ = "gaps"
    __table_args__ = (UniqueConstraint("source_id", "first", "last"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = _owner("sources.id", index=False)
    first: Mapped[str]
    last: Mapped[str]
    reason: Mapped[str]
    found_at: Mapped[datetime]


class Revisit(Base):
    """An item that a collector must ask for again, because it could not be read when its turn came."""

    __tablename__ = "revisits"
    __table_args__ = (UniqueConstraint("source_id", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = _owner("sources.id", index=False)
    external_id: Mapped[str]
    first_asked_at: Mapped[datetime]


class FileImport(Base):
    """One file being read, and how far. The cursor of an import."""

    __tablename__ = "imports"
    __table_args__ = (UniqueConstraint("sha256", "options"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    options: Mapped[str]
    """How the file was read (column map and the like): the same bytes read another way are another import."""
    file_name: Mapped[str]
    started_at: Mapped[datetime]
    records_read: Mapped[int] = mapped_column(default=0)
    finished_at: Mapped[datetime | None]


class DeadLetter(Base):
    """An item that could not be taken in, kept whole with the reason, so that nothing is lost."""

    __tablename__ = "dead_letters"
    __table_args__ = (UniqueConstraint("origin", "locator", "raw_sha256"), Index(None, "platform", "external_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str]
    """The file or collector it came from."""
    locator: Mapped[str]
    """Where in the origin it stands: "line 17", "item 4711"."""
    reason: Mapped[str]
    raw: Mapped[bytes]
    raw_sha256: Mapped[str]
    at: Mapped[datetime]
    platform: Mapped[Platform | None]
    external_id: Mapped[str | None]
    """Platform and id where they could be read, so that an erasure finds it."""


# --- posts ---------------------------------------------------------------------------------------------------------


class Post(Base):
    """Anything written: submission, comment or message."""

    __tablename__ = "posts"
    __table_args__ = (UniqueConstraint("platform", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[Platform]
    external_id: Mapped[str]
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), index=True)
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
    is_truncated: Mapped[bool] = mapped_column(default=False)

    source: Mapped[Source] = relationship(lazy="raise")


class Tombstone(Base):
    """What was erased, without any content: a later delivery of the same post is refused by it."""

    __tablename__ = "tombstones"
    __table_args__ = (UniqueConstraint("platform", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[Platform]
    external_id: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


# --- what we listen for --------------------------------------------------------------------------------------------


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
    campaign_id: Mapped[int] = _owner("campaigns.id", index=False)
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
    post_id: Mapped[int] = _owner("posts.id", index=False)
    query_id: Mapped[int] = _owner("queries.id")
    spans: Mapped[list[list[str | int]]] = mapped_column(sa.JSON)


class Prediction(Base):
    """The machine's word about a post: one per model version."""

    __tablename__ = "predictions"
    __table_args__ = (UniqueConstraint("post_id", "model_version"), Index(None, "model_version", "score"))

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = _owner("posts.id", index=False)
    model_version: Mapped[str]
    score: Mapped[float]
    intent: Mapped[Intent]
    probabilities: Mapped[dict[str, float]] = mapped_column(sa.JSON)
    evidence: Mapped[list[list[str | int | float]]] = mapped_column(sa.JSON)
    """`[field, start, end, weight]`, character offsets into the post's title or body."""
    at: Mapped[datetime]


# --- people who may buy --------------------------------------------------------------------------------------------


class Lead(Base):
    """One author in one campaign. `overheard.funnel` is the only writer of `stage`."""

    __tablename__ = "leads"
    __table_args__ = (
        UniqueConstraint("campaign_id", "platform", "author"),
        Index("ix_leads_queue", "stage", "signalled_on", "score", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = _owner("campaigns.id", index=False)
    platform: Mapped[Platform]
    author: Mapped[str]
    """The author's key; a post whose author is unknown stands for itself."""
    stage: Mapped[Stage]
    stage_changed_at: Mapped[datetime]
    qualified_at: Mapped[datetime]
    top_post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id", ondelete="SET NULL"), index=True)
    """The strongest signal's post. This and the next three are copied from the signals, for the queue's index."""
    signalled_on: Mapped[date]
    score: Mapped[float]
    intent: Mapped[Intent]

    campaign: Mapped[Campaign] = relationship(lazy="raise")


class Signal(Base):
    """A post that made (or strengthens) a lead."""

    __tablename__ = "signals"
    __table_args__ = (UniqueConstraint("lead_id", "post_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = _owner("leads.id", index=False)
    post_id: Mapped[int] = _owner("posts.id")
    score: Mapped[float]
    intent: Mapped[Intent]
    model_version: Mapped[str]
    signalled_on: Mapped[date]
    at: Mapped[datetime]


class LeadEvent(Base):
    """One step of a lead. Append-only: the migration's triggers refuse any change."""

    __tablename__ = "lead_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = _owner("leads.id")
    action: Mapped[LeadAction]
    to_stage: Mapped[Stage]
    at: Mapped[datetime]
    from_stage: Mapped[Stage | None]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: the system itself."""
    reason: Mapped[DisqualifyReason | None]
    note: Mapped[str | None]
    model_version: Mapped[str | None]

    actor: Mapped["User | None"] = relationship(lazy="raise")


class Label(Base):
    """The person's word about a post, and what they saw when they said it."""

    __tablename__ = "labels"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = _owner("posts.id")
    lead_id: Mapped[int] = _owner("leads.id")
    event_id: Mapped[int] = _owner("lead_events.id")
    is_lead: Mapped[bool | None]
    """None: the person decided, but not about intent."""
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    text_hash: Mapped[str]
    model_version: Mapped[str]
    score: Mapped[float]
    reason: Mapped[DisqualifyReason | None]
    position: Mapped[int | None]
    """Place on the queue page, from 1; none when it was not decided from the queue."""
    shown_because: Mapped[str] = mapped_column(default="top")
    withdrawn_at: Mapped[datetime | None]


# --- people who work here ------------------------------------------------------------------------------------------


class User(Base):
    """Somebody who works with Overheard."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[Role]
    created_at: Mapped[datetime]
    password_hash: Mapped[str | None]
    disabled_at: Mapped[datetime | None]


class LoginLink(Base):
    """A link that logs somebody in once."""

    __tablename__ = "login_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = _owner("users.id")
    token_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Login(Base):
    """A browser in which somebody is logged in."""

    __tablename__ = "logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = _owner("users.id")
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="raise")


class LoginFailure(Base):
    """A wrong password; too many of them close the door for a while."""

    __tablename__ = "login_failures"
    __table_args__ = (Index(None, "email_hash", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email_hash: Mapped[str]
    at: Mapped[datetime]


class ApiToken(Base):
    """A key for `/v1`, acting for one user. Only its hash is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = _owner("users.id")
    name: Mapped[str]
    prefix: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")
