"""Who works here: users, logins, one-time links, API tokens. Of every secret only a hash is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from pwdlib import PasswordHash
from sqlalchemy.orm import Session, joinedload

from overheard.errors import InvalidInput, NotFound, OverheardError
from overheard.models import ApiToken, Login, LoginFailure, LoginLink, User
from overheard.vocabulary import Role

MIN_PASSWORD = 12
MAX_PASSWORD = 1_000
LINK_LIFETIME = timedelta(hours=1)
TOKEN_PREFIX = "ovh_"  # noqa: S105 - not a secret: how a leaked token is recognised

# Five wrong passwords for one address close it for a quarter of an hour: hopeless for guessing, bearable for a typist.
MAX_FAILURES = 5
FAILURE_WINDOW = timedelta(minutes=15)


class LoginRefused(OverheardError):
    """This e-mail address and password do not fit together."""


class LoginThrottled(LoginRefused):
    """Too many wrong passwords. Wait a quarter of an hour, or ask an admin for a login link."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A new secret in clear text: shown once, never stored."""

    token: str
    expires_at: datetime | None


def add_user(
    session: Session, *, email: str, name: str, role: Role, now: datetime, password: str | None = None
) -> User:
    """A new user; without a password they log in by a link."""
    email = _normal(email)
    name = name.strip()
    if "@" not in email[1:-1] or len(email) > 254:  # noqa: PLR2004 - the longest address SMTP can carry
        raise InvalidInput(f"{email!r} is not an e-mail address.")
    if not name or len(name) > 120:  # noqa: PLR2004 - what a page has room for
        raise InvalidInput("A user's name has 1 to 120 characters.")
    if session.scalar(sa.select(User.id).where(User.email == email)):
        raise InvalidInput(f"There is a user {email} already.")
    user = User(email=email, name=name, role=role, created_at=now)
    if password is not None:
        user.password_hash = _hashed(password)
    session.add(user)
    session.flush()
    return user


def set_password(session: Session, user: User, password: str) -> None:
    """Give a user a new password and end all their logins."""
    user.password_hash = _hashed(password)
    session.execute(sa.delete(Login).where(Login.user_id == user.id))


def user_by_email(session: Session, email: str) -> User:
    """The user with that address; `NotFound` when there is none."""
    user = session.scalars(sa.select(User).where(User.email == _normal(email))).one_or_none()
    if user is None:
        raise NotFound(f"There is no user {email}.")
    return user


def _normal(email: str) -> str:
    return email.strip().lower()


def _hashed(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidInput(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    return _hasher().hash(password)


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()  # argon2id with the parameters of RFC 9106's second choice


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe())


# --- logging in ----------------------------------------------------------------------------------------------------


def check_password(session: Session, *, email: str, password: str, now: datetime) -> User | None:
    """The user, or None when address and password do not fit; the failure is then counted (commit it!).

    Raises `LoginThrottled` when there were too many failures. An unknown address takes as long as a wrong password.
    """
    email = _normal(email)
    if _failures(session, email, now=now) >= MAX_FAILURES:
        raise LoginThrottled
    user = session.scalars(sa.select(User).where(User.email == email, User.disabled_at.is_(None))).one_or_none()
    stored = user.password_hash if user and user.password_hash else _nobodys_hash()
    fits = len(password) <= MAX_PASSWORD and _hasher().verify(password, stored)
    if user and user.password_hash and fits:
        session.execute(sa.delete(LoginFailure).where(LoginFailure.email_hash == _digest(email)))
        return user
    session.add(LoginFailure(email_hash=_digest(email), at=now))
    return None


def _failures(session: Session, email: str, *, now: datetime) -> int:
    statement = sa.select(sa.func.count()).where(
        LoginFailure.email_hash == _digest(email), LoginFailure.at > now - FAILURE_WINDOW
    )
    return session.scalar(statement) or 0


def make_login_link(session: Session, user: User, *, now: datetime) -> Secret:
    """The token of a link that logs this user in once, within the hour."""
    secret = Secret(secrets.token_urlsafe(32), now + LINK_LIFETIME)
    session.add(LoginLink(user_id=user.id, token_hash=_digest(secret.token), expires_at=now + LINK_LIFETIME))
    return secret


def use_login_link(session: Session, token: str, *, now: datetime) -> User:
    """Use up a login link; `LoginRefused` when it was used, is too old or never was."""
    user_id = session.scalar(
        sa.update(LoginLink)
        .where(LoginLink.token_hash == _digest(token), LoginLink.used_at.is_(None), LoginLink.expires_at > now)
        .values(used_at=now)
        .returning(LoginLink.user_id)
    )
    user = session.get(User, user_id) if user_id is not None else None
    if user is None or user.disabled_at is not None:
        raise LoginRefused("This login link was used already or is too old. Make a new one: overheard login-link")
    return user


def start_login(session: Session, user: User, *, lifetime: timedelta, now: datetime) -> Secret:
    """Log a user in; the secret goes into the browser's cookie."""
    secret = Secret(secrets.token_urlsafe(32), now + lifetime)
    session.add(Login(user_id=user.id, token_hash=_digest(secret.token), created_at=now, expires_at=now + lifetime))
    return secret


def logged_in(session: Session, token: str, *, now: datetime) -> User | None:
    """Whose login this secret is; None when it ended."""
    login = session.scalars(
        sa.select(Login)
        .where(Login.token_hash == _digest(token), Login.expires_at > now)
        .options(joinedload(Login.user))
    ).one_or_none()
    return login.user if login and login.user.disabled_at is None else None


def end_login(session: Session, token: str) -> None:
    """Log out."""
    session.execute(sa.delete(Login).where(Login.token_hash == _digest(token)))


# --- API tokens ----------------------------------------------------------------------------------------------------


def make_token(session: Session, user: User, *, name: str, now: datetime, lifetime: timedelta | None = None) -> Secret:
    """A new token for `/v1`, with the rights of its user."""
    secret = Secret(TOKEN_PREFIX + secrets.token_urlsafe(32), now + lifetime if lifetime else None)
    session.add(
        ApiToken(
            user_id=user.id,
            name=name.strip() or "token",
            prefix=secret.token[: len(TOKEN_PREFIX) + 6],
            token_hash=_digest(secret.token),
            created_at=now,
            expires_at=secret.expires_at,
        )
    )
    return secret


def token_user(session: Session, token: str, *, now: datetime) -> User | None:
    """Whose API token this is; None when it is unknown, revoked or expired."""
    found = session.scalars(
        sa.select(ApiToken)
        .where(
            ApiToken.token_hash == _digest(token),
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at.is_(None) | (ApiToken.expires_at > now),
        )
        .options(joinedload(ApiToken.user))
    ).one_or_none()
    return found.user if found and found.user.disabled_at is None else None


def _digest(secret: str) -> str:
    # Plain SHA-256 is right for 256 random bits: there is nothing to guess that a slow hash would slow down.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
