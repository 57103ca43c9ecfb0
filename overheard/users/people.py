"""What an admin does about the people who work here: who they are, what they may do, whether they may come in."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.models import ApiToken, Login, LoginLink, User
from overheard.users import accounts, audit
from overheard.users.accounts import Secret
from overheard.vocabulary import AuditAction, Role


class LastAdmin(InvalidInput):
    """The last admin cannot be disabled, nor given another role. Make somebody else an admin first."""


def everybody(session: Session) -> list[User]:
    """All users, by name; those who are disabled last."""
    return list(
        session.scalars(sa.select(User).order_by(User.disabled_at.is_not(None), sa.func.lower(User.name), User.id))
    )


def get(session: Session, user_id: int) -> User:
    """A user; `NotFound` when there is none."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    return user


def change_role(session: Session, user_id: int, role: Role, *, actor: User, now: datetime) -> User:
    """Let somebody do other things from now on."""
    user = get(session, user_id)
    if user.role is role:
        return user
    if role is not Role.ADMIN:
        _keep_an_admin(session, user)
    before, user.role = user.role, role
    told = f"{before.value} to {role.value}"
    audit.record(session, actor, AuditAction.ROLE_CHANGED, audit.user_named(user), told, now=now)
    return user


def disable(session: Session, user_id: int, *, actor: User, now: datetime) -> User:
    """Let somebody in no more: their logins, links and API tokens end at once. What they did stays theirs."""
    user = get(session, user_id)
    if user.disabled_at is not None:
        return user
    _keep_an_admin(session, user)
    user.disabled_at = now
    session.execute(sa.delete(Login).where(Login.user_id == user.id))
    session.execute(sa.delete(LoginLink).where(LoginLink.user_id == user.id, LoginLink.used_at.is_(None)))
    working = (ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    session.execute(sa.update(ApiToken).where(*working).values(revoked_at=now))
    audit.record(session, actor, AuditAction.USER_DISABLED, audit.user_named(user), now=now)
    return user


def enable(session: Session, user_id: int, *, actor: User, now: datetime) -> User:
    """Let somebody in again, with their old password or a new link; their tokens stay revoked."""
    user = get(session, user_id)
    if user.disabled_at is not None:
        user.disabled_at = None
        audit.record(session, actor, AuditAction.USER_ENABLED, audit.user_named(user), now=now)
    return user


def new_login_link(session: Session, user_id: int, *, actor: User | None, now: datetime) -> tuple[User, Secret]:
    """A link that logs somebody in once, within the hour, to be handed to them by a safe way."""
    user = get(session, user_id)
    if user.disabled_at is not None:
        raise InvalidInput(f"{user.name} is disabled. Enable them first.")
    secret = accounts.make_login_link(session, user, now=now)
    audit.record(session, actor, AuditAction.LOGIN_LINK_MADE, audit.user_named(user), now=now)
    return user, secret


def _keep_an_admin(session: Session, user: User) -> None:
    """`LastAdmin` if nobody else could let people in. Rows are locked: two admins may do it to each other at once."""
    admins = sa.select(User.id).where(User.role == Role.ADMIN, User.disabled_at.is_(None)).order_by(User.id)
    working = session.scalars(admins.with_for_update()).all()
    if set(working) <= {user.id}:
        raise LastAdmin
