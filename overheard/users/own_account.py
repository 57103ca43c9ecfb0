"""What everybody may do about themselves: name, password, logins, API tokens."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.models import ApiToken, Login, User
from overheard.users import accounts, audit, throttle
from overheard.users.accounts import LoginThrottled
from overheard.vocabulary import AuditAction


def rename(user: User, name: str) -> None:
    """A new name, as it is shown on pages."""
    user.name = accounts.checked_name(name)


def change_password(
    session: Session, user: User, *, old: str, new: str, now: datetime, keep: str | None = None
) -> None:
    """A new password; the old one is asked for, where there is one. All logins end but the one with the secret `keep`.

    A wrong old password counts like one at the door, so raise only where that count is kept.
    """
    if user.password_hash is not None:
        if throttle.is_closed(session, user.email, None, now=now):
            raise LoginThrottled
        if not accounts.has_password(user, old):
            throttle.count_failure(session, user.email, None, now=now)
            raise WrongPassword
    accounts.set_password(session, user, new, keep=keep)
    audit.record(session, user, AuditAction.PASSWORD_CHANGED, audit.user_named(user), now=now)


class WrongPassword(InvalidInput):
    """The old password is not this one."""


def logins(session: Session, user: User, *, now: datetime) -> list[Login]:
    """The browsers in which somebody is logged in, the newest first."""
    statement = sa.select(Login).where(Login.user_id == user.id, Login.expires_at > now).order_by(Login.id.desc())
    return list(session.scalars(statement))


def end_login(session: Session, user: User, login_id: int, *, now: datetime) -> None:
    """End one of one's own logins; `NotFound` for those of others."""
    ended = sa.delete(Login).where(Login.id == login_id, Login.user_id == user.id).returning(Login.id)
    if session.scalar(ended) is None:
        raise NotFound(f"You have no login {login_id}. It may have ended already.")
    audit.record(session, user, AuditAction.LOGINS_ENDED, audit.user_named(user), "one", now=now)


def end_other_logins(session: Session, user: User, *, now: datetime, keep: str | None = None) -> int:
    """End all one's logins but the one with the secret `keep`; how many."""
    kept = accounts.find_login(session, keep, now=now) if keep else None
    others = sa.delete(Login).where(Login.user_id == user.id, Login.id != (kept.id if kept else 0))
    count = len(session.scalars(others.returning(Login.id)).all())
    audit.record(session, user, AuditAction.LOGINS_ENDED, audit.user_named(user), f"{count} others", now=now)
    return count


def tokens(session: Session, user: User) -> list[ApiToken]:
    """One's own API tokens that are not revoked, the newest first; expired ones stay to be seen."""
    mine = sa.select(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    return list(session.scalars(mine.order_by(ApiToken.id.desc())))


def revoke_token(session: Session, user: User, token_id: int, *, now: datetime) -> ApiToken:
    """End one of one's own API tokens; `NotFound` for those of others."""
    token = session.scalars(
        sa.select(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    ).one_or_none()
    if token is None:
        raise NotFound(f"You have no token {token_id}. It may be revoked already.")
    token.revoked_at = now
    audit.record(session, user, AuditAction.TOKEN_REVOKED, audit.user_named(user), f"token {token.id}", now=now)
    return token
