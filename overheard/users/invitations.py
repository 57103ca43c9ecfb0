"""Inviting somebody: a user without a password, and a link by which they choose one."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.models import User
from overheard.users import accounts, audit
from overheard.users.accounts import Secret
from overheard.vocabulary import AuditAction, Role

LIFETIME = timedelta(days=7)


def invite(session: Session, *, email: str, name: str, role: Role, actor: User, now: datetime) -> tuple[User, Secret]:
    """A new user, and the token of the link by which they come in, once, within a week."""
    user = accounts.add_user(session, email=email, name=name, role=role, now=now)
    secret = accounts.make_login_link(session, user, now=now, lifetime=LIFETIME)
    audit.record(session, actor, AuditAction.USER_INVITED, audit.user_named(user), f"as {role.value}", now=now)
    return user, secret


def accept(session: Session, token: str, *, name: str, password: str, now: datetime) -> User:
    """Come in: the link is used up, the password kept. Opening the page alone uses nothing up, as mail scanners do."""
    user = accounts.use_login_link(session, token, now=now)
    if user.password_hash is not None:
        raise InvalidInput("You have a password already: log in with it, or change it on your own page.")
    user.name = accounts.checked_name(name)
    accounts.set_password(session, user, password)
    return user


def text_of(user: User, address: str, *, invited_by: str) -> str:
    """The mail to somebody who is invited."""
    return (
        f"Hello {user.name},\n\n{invited_by} invites you to Overheard. Choose a password here:\n\n{address}\n\n"
        f"The link works once, for {LIFETIME.days} days. If you did not expect it, do nothing.\n"
    )
