"""Who comes in by an identity provider: found by their subject there, else by the verified address of an invitation."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import User
from overheard.settings import OidcSettings
from overheard.users import accounts, audit
from overheard.users.accounts import LoginRefused
from overheard.vocabulary import AuditAction


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, as their provider says it and signs it."""

    issuer: str
    subject: str
    email: str
    is_verified: bool
    """Whether the provider knows that the address is theirs."""
    name: str

    @property
    def key(self) -> str:
        """A subject means something at its issuer only."""
        return f"{self.issuer} {self.subject}"


class NotInvited(LoginRefused):
    """Nobody has invited you yet. Ask an admin to do so, with the address that your provider knows."""


class NotVerified(LoginRefused):
    """Your provider does not say that this e-mail address is yours. Have it verified there, then try again."""


def user_of(session: Session, identity: Identity, settings: OidcSettings, *, now: datetime) -> User:
    """The user that this is; `LoginRefused` says why it is nobody.

    An address alone is taken from nobody who has come in by another subject before: addresses are given out anew.
    """
    user = session.scalars(sa.select(User).where(User.oidc_subject == identity.key)).one_or_none()
    if user is None:
        user = _by_address(session, identity, settings, now=now)
        user.oidc_subject = identity.key
    if user.disabled_at is not None:
        raise LoginRefused("Your account here is disabled. Ask an admin.")
    return user


def _by_address(session: Session, identity: Identity, settings: OidcSettings, *, now: datetime) -> User:
    if not identity.is_verified or not identity.email:
        raise NotVerified
    email = identity.email.strip().lower()
    user = session.scalars(sa.select(User).where(User.email == email)).one_or_none()
    if user is not None:
        if user.oidc_subject is not None:
            raise LoginRefused("This e-mail address belongs to another account of your provider. Ask an admin.")
        return user
    if not settings.domain or email.rpartition("@")[2] != settings.domain.strip().lower():
        raise NotInvited
    name = identity.name.strip()[:120] or email.partition("@")[0]
    user = accounts.add_user(session, email=email, name=name, role=settings.default_role, now=now)
    told = f"by the domain {settings.domain}, as {user.role.value}"
    audit.record(session, None, AuditAction.USER_INVITED, audit.user_named(user), told, now=now)
    return user
