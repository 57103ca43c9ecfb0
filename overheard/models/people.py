"""People who work here."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base, owner
from overheard.vocabulary import Role


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
    affiliation: Mapped[str | None]
    """The sentence by which they say for whom they work, in every reply; none: the one of the settings."""


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
    user_id: Mapped[int] = owner("users.id")
    name: Mapped[str]
    prefix: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")
