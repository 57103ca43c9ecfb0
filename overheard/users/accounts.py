"""Who works here: users, logins, one-time links, API tokens. Of every secret only a hash is kept."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from pwdlib import PasswordHash
from sqlalchemy.orm import Session, joinedload

from overheard.errors import InvalidInput, NotFound, OverheardError
from overheard.models import ApiToken, Login, LoginLink, User
from overheard.users import audit, throttle
from overheard.vocabulary import AuditAction, Role, Scope

MIN_PASSWORD = 12
MAX_PASSWORD = 1_000
LINK_LIFETIME = timedelta(hours=1)
MAX_TOKEN_NAME = 120
TOKEN_PREFIX = "ovh_"  # noqa: S105 - not a secret: how a leaked token is recognised

SEEN_EVERY = timedelta(minutes=5)
"""When somebody was last here is kept to this: more exactly would be a write with every page."""
_LONGEST_AGENT = 400
_LINK_IS_OVER = "This login link was used already or is too old. Ask an admin for a new one, or: overheard login-link"


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
    email = _checked_email(email)
    name = checked_name(name)
    if session.scalar(sa.select(User.id).where(User.email == email)):
        raise InvalidInput(f"There is a user {email} already.")
    user = User(email=email, name=name, role=role, created_at=now)
    if password is not None:
        user.password_hash = _hashed(password)
    session.add(user)
    session.flush()
    return user


def checked_name(name: str) -> str:
    """A user's name as it may be stored; `InvalidInput` when it is none."""
    name = name.strip()
    if not name or len(name) > 120 or not name.isprintable():  # noqa: PLR2004 - what a page has room for
        raise InvalidInput("A user's name has 1 to 120 characters, and no control characters.")
    return name


def _checked_email(email: str) -> str:
    email = _normal(email)
    if (
        "@" not in email[1:-1] or len(email) > 254 or not email.isprintable() or " " in email  # noqa: PLR2004 - the longest address SMTP can carry
    ):
        raise InvalidInput(f"{email[:300]!r} is not an e-mail address.")
    return email


def set_password(session: Session, user: User, password: str, *, keep: str | None = None) -> None:
    """Give a user a new password and end all their logins, but for the one with the secret `keep`."""
    user.password_hash = _hashed(password)
    kept = Login.token_hash != _digest(keep) if keep else sa.true()
    session.execute(sa.delete(Login).where(Login.user_id == user.id, kept))


def has_password(user: User, password: str) -> bool:
    """Whether this is the user's password."""
    stored = user.password_hash or _nobodys_hash()
    return len(password) <= MAX_PASSWORD and _hasher().verify(password, stored) and user.password_hash is not None


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


def check_password(
    session: Session, *, email: str, password: str, now: datetime, client: str | None = None
) -> User | None:
    """The user, or None when address and password do not fit; the failure is then counted (commit it!).

    Raises `LoginThrottled` when there were too many failures. An unknown address takes as long as a wrong password.
    `client`: the network address that asks.
    """
    email = _normal(email)
    if throttle.is_closed(session, email, client, now=now):
        raise LoginThrottled
    user = session.scalars(sa.select(User).where(User.email == email, User.disabled_at.is_(None))).one_or_none()
    if has_password(user or User(), password):
        throttle.forget(session, email)
        return user
    failures = throttle.count_failure(session, email, client, now=now)
    # What was typed is not written down: people type passwords into the wrong field.
    subject = audit.user_named(user) if user else "an unknown address"
    audit.record(session, None, AuditAction.LOGIN_FAILED, subject, f"{failures} within 15 minutes", now=now)
    return None


def make_login_link(session: Session, user: User, *, now: datetime, lifetime: timedelta = LINK_LIFETIME) -> Secret:
    """The token of a link that logs this user in once, within the hour."""
    secret = Secret(secrets.token_urlsafe(32), now + lifetime)
    session.add(LoginLink(user_id=user.id, token_hash=_digest(secret.token), expires_at=now + lifetime))
    return secret


def link_user(session: Session, token: str, *, now: datetime) -> User:
    """Whom a login link is for, without using it up; `LoginRefused` when it opens nothing."""
    link = sa.select(LoginLink.user_id).where(
        LoginLink.token_hash == _digest(token), LoginLink.used_at.is_(None), LoginLink.expires_at > now
    )
    user = session.scalars(sa.select(User).where(User.id.in_(link), User.disabled_at.is_(None))).one_or_none()
    if user is None:
        raise LoginRefused(_LINK_IS_OVER)
    return user


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
        raise LoginRefused(_LINK_IS_OVER)
    return user


def start_login(
    session: Session,
    user: User,
    *,
    lifetime: timedelta,
    now: datetime,
    user_agent: str | None = None,
    how: str = "by a link",
) -> Secret:
    """Log a user in; the secret goes into the browser's cookie. `how` stands in the audit log."""
    secret = Secret(secrets.token_urlsafe(32), now + lifetime)
    login = Login(user_id=user.id, token_hash=_digest(secret.token), created_at=now, expires_at=now + lifetime)
    login.user_agent = user_agent[:_LONGEST_AGENT] if user_agent else None
    session.execute(sa.delete(Login).where(Login.user_id == user.id, Login.expires_at <= now))
    session.add(login)
    session.execute(sa.update(User).where(User.id == user.id).values(last_seen_at=now))
    audit.record(session, user, AuditAction.LOGGED_IN, audit.user_named(user), how, now=now)
    return secret


_LOGIN = (  # built once: it is asked for with every page
    sa.select(Login).where(Login.token_hash == sa.bindparam("digest")).options(joinedload(Login.user))
)


def find_login(session: Session, token: str, *, now: datetime, idle: timedelta | None = None) -> Login | None:
    """The login with this secret; None when it ended, or was not used for longer than `idle`."""
    login = session.scalars(_LOGIN, {"digest": _digest(token)}).one_or_none()
    return login if login and is_open(login, now=now, idle=idle) else None


def is_open(login: Login, *, now: datetime, idle: timedelta | None = None) -> bool:
    """Whether it has not ended, as time went by or with its user; `idle`: for how long it may be left unused."""
    is_used = idle is None or (login.last_seen_at or login.created_at) > now - idle
    return login.expires_at > now and is_used and login.user.disabled_at is None


def logged_in(session: Session, token: str, *, now: datetime) -> User | None:
    """Whose login this secret is; None when it ended."""
    login = find_login(session, token, now=now)
    return login.user if login else None


def touch_login(session: Session, login: Login, *, now: datetime) -> None:
    """Somebody is here."""
    session.execute(sa.update(Login).where(Login.id == login.id).values(last_seen_at=now))
    session.execute(sa.update(User).where(User.id == login.user_id).values(last_seen_at=now))


def is_stale(seen_at: datetime | None, now: datetime) -> bool:
    """Whether it is time to write down again that somebody is here."""
    return seen_at is None or seen_at <= now - SEEN_EVERY


def end_login(session: Session, token: str) -> None:
    """Log out."""
    session.execute(sa.delete(Login).where(Login.token_hash == _digest(token)))


# --- API tokens ----------------------------------------------------------------------------------------------------


def make_token(
    session: Session,
    user: User,
    *,
    name: str,
    now: datetime,
    lifetime: timedelta | None = None,
    scopes: Collection[Scope] = tuple(Scope),
) -> Secret:
    """A new token for `/v1`, with the rights of its user as far as the scopes go."""
    if not scopes:
        raise InvalidInput(f"Choose what the token may be used for: {', '.join(Scope)}.")
    secret = Secret(TOKEN_PREFIX + secrets.token_urlsafe(32), now + lifetime if lifetime else None)
    token = ApiToken(
        user_id=user.id,
        name=name.strip()[:MAX_TOKEN_NAME] or "token",
        prefix=secret.token[: len(TOKEN_PREFIX) + 6],
        token_hash=_digest(secret.token),
        created_at=now,
        expires_at=secret.expires_at,
        scopes=" ".join(scope.value for scope in Scope if scope in scopes),
    )
    session.add(token)
    session.flush()
    told = f"token {token.id} ({token.prefix}…): {token.scopes}"
    audit.record(session, user, AuditAction.TOKEN_MADE, audit.user_named(user), told, now=now)
    return secret


def find_token(session: Session, token: str, *, now: datetime) -> ApiToken | None:
    """The API token with this secret; None when it is unknown, revoked or expired."""
    found = session.scalars(
        sa.select(ApiToken)
        .where(
            ApiToken.token_hash == _digest(token),
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at.is_(None) | (ApiToken.expires_at > now),
        )
        .options(joinedload(ApiToken.user))
    ).one_or_none()
    return found if found and found.user.disabled_at is None else None


def token_user(session: Session, token: str, *, now: datetime) -> User | None:
    """Whose API token this is; None when it is unknown, revoked or expired."""
    found = find_token(session, token, now=now)
    return found.user if found else None


def touch_token(session: Session, token: ApiToken, *, now: datetime) -> None:
    """It was used."""
    session.execute(sa.update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))


def _digest(secret: str) -> str:
    # Plain SHA-256 is right for 256 random bits: there is nothing to guess that a slow hash would slow down.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
