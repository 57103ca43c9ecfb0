"""People who work here."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base, owner
from overheard.notifications.outbound_vocabulary import DigestWay
from overheard.vocabulary import AuditAction, DigestRhythm, NoticeKind, Role, Scope

_ALL_SCOPES = " ".join(scope.value for scope in Scope)
"""What tokens had before there were scopes."""


class User(Base):
    """Somebody who works with Overheard."""

    __tablename__ = "users"
    __table_args__ = (Index(None, "oidc_subject", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[Role]
    created_at: Mapped[datetime]
    password_hash: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    affiliation: Mapped[str | None]
    """The sentence by which they say for whom they work, in every reply; none: the one of the settings."""
    oidc_subject: Mapped[str | None]
    """Who they are at the identity provider, with its address in front."""
    last_seen_at: Mapped[datetime | None]
    """None: invited, and never been here. Kept to some minutes only."""


class LoginLink(Base):
    """A link that logs somebody in once."""

    __tablename__ = "login_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id")
    token_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Login(Base):
    """A browser in which somebody is logged in."""

    __tablename__ = "logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id")
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    user_agent: Mapped[str | None]
    last_seen_at: Mapped[datetime | None]
    """Kept to some minutes only; none: not since the login was made."""

    user: Mapped[User] = relationship(lazy="raise")


class LoginFailure(Base):
    """A wrong password; too many of them close the door for a while."""

    __tablename__ = "login_failures"
    __table_args__ = (Index(None, "email_hash", "at"), Index(None, "client_hash", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    email_hash: Mapped[str]
    at: Mapped[datetime]
    client_hash: Mapped[str | None]
    """Of the network address it came from."""


class ApiToken(Base):
    """A key for `/v1`, acting for one user. Only its hash is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id")
    name: Mapped[str]
    prefix: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    scopes: Mapped[str] = mapped_column(server_default=_ALL_SCOPES)
    """What it may be used for, as words with blanks between them."""
    last_used_at: Mapped[datetime | None]
    """Kept to some minutes only."""

    user: Mapped[User] = relationship(lazy="raise")


class AuditEntry(Base):
    """Something done here that somebody may have to answer for. Append-only: triggers refuse change and deletion."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "action", "id"), Index(None, "actor_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: the system, or somebody who is not logged in."""
    door: Mapped[str | None]
    """By which way it was done where that was none of the pages: `command line`."""
    action: Mapped[AuditAction]
    subject: Mapped[str]
    """To whom or what it was done. Never a stranger's text or handle: this table outlives an erasure."""
    detail: Mapped[str]

    actor: Mapped[User | None] = relationship(lazy="raise")


class Digest(Base):
    """One sending of notices. The row is there before anything is sent, so that nothing is sent twice."""

    __tablename__ = "digests"
    __table_args__ = (UniqueConstraint("user_id", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id", index=False)
    due_at: Mapped[datetime]
    way: Mapped[DigestWay]
    begun_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    """None: it failed, or whoever sent it died; it is not sent again."""
    error: Mapped[str | None]


class DigestSetting(Base):
    """How somebody wants to be told of their notices. No row: on the pages only."""

    __tablename__ = "digest_settings"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    rhythm: Mapped[DigestRhythm]
    way: Mapped[DigestWay]
    hook: Mapped[bytes | None]
    """The address of an incoming webhook, encrypted: whoever has it can write there."""
    hour: Mapped[int]
    time_zone: Mapped[str]
    quiet_from: Mapped[int | None]
    quiet_until: Mapped[int | None]
    """Local hours between which nothing is sent; what was due then is sent after them."""
    changed_at: Mapped[datetime]


class Notice(Base):
    """Something that somebody should know, on the page of the bell."""

    __tablename__ = "notices"
    __table_args__ = (UniqueConstraint("user_id", "key"), Index(None, "user_id", "read_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id", index=False)
    kind: Mapped[NoticeKind]
    text: Mapped[str]
    link: Mapped[str | None]
    """One of our own pages."""
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    key: Mapped[str | None]
    """What it is about, where the same thing must not be told twice."""
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("digests.id"), index=True)
