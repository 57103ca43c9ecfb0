"""SDRs' own accounts at platforms, by which we send what they approved. Encrypted as credentials are."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.errors import NotFound
from overheard.listening import credentials
from overheard.models import ConnectedAccount, User
from overheard.settings import Settings
from overheard.users import audit
from overheard.vocabulary import AuditAction, Platform

ME = "me"
"""Under this name the secrets hold the account's key, as the author of its posts."""

SENDS = (
    Platform.REDDIT,
    Platform.SLACK,
    Platform.MASTODON,
    Platform.BLUESKY,
    Platform.GITHUB,
    Platform.DISCOURSE,
)
"""Where replies can be sent from here."""


def connect(
    session: Session,
    settings: Settings,
    user: User,
    *,
    platform: Platform,
    name: str,
    secrets: Mapping[str, str],
    address: str = "",
    now: datetime,
) -> int:
    """Keep an account; connected once more, it gets the new secrets and goes on where it was paused. Its id."""
    renewed = {
        "sealed": credentials.seal(settings, secrets), "address": address, "connected_at": now, "paused_at": None,
        "paused_because": None,
    }  # fmt: skip
    statement = upsert(session, ConnectedAccount).values(user_id=user.id, platform=platform, name=name, **renewed)
    session.execute(statement.on_conflict_do_update(index_elements=["user_id", "platform", "name"], set_=renewed))
    audit.record(session, user, AuditAction.ACCOUNT_CONNECTED, f"{platform.display}: {name}", now=now)
    here = sa.select(ConnectedAccount.id).filter_by(user_id=user.id, platform=platform, name=name)
    return session.scalars(here).one()


def of_user(session: Session, user: User) -> Sequence[ConnectedAccount]:
    """What somebody has connected."""
    own = sa.select(ConnectedAccount).filter_by(user_id=user.id)
    return session.scalars(own.order_by(ConnectedAccount.platform, ConnectedAccount.name)).all()


def unseal(settings: Settings, account: ConnectedAccount) -> dict[str, str]:
    """What opens an account. For senders only."""
    whose = f"{account.name} ({account.platform.display})"
    return credentials.open_sealed(settings, account.sealed, whose, anew="connect the account again")


def own_keys(session: Session, settings: Settings, platform: Platform) -> list[str]:
    """Our accounts at a platform, as authors of posts."""
    accounts = session.scalars(sa.select(ConnectedAccount).filter_by(platform=platform))
    return [key for account in accounts if (key := unseal(settings, account).get(ME))]


def pause(session: Session, account_id: int, *, because: str, now: datetime) -> None:
    """Send nothing more by this account until a person has looked. What it was paused for first stays."""
    running = sa.update(ConnectedAccount).where(ConnectedAccount.id == account_id, ConnectedAccount.paused_at.is_(None))
    pausing = running.values(paused_at=now, paused_because=because[:500])
    if session.scalar(pausing.returning(ConnectedAccount.id)) is not None:
        audit.record(session, None, AuditAction.ACCOUNT_PAUSED, f"connected account {account_id}", now=now)


def resume(session: Session, account_id: int, user: User) -> None:
    """The person has looked, and lets their account go on."""
    account = _of(session, account_id, user)
    account.paused_at = account.paused_because = None


def disconnect(session: Session, account_id: int, user: User) -> None:
    """Forget an account with all that opens it. What it sent stays known."""
    session.delete(_of(session, account_id, user))


def _of(session: Session, account_id: int, user: User) -> ConnectedAccount:
    """Somebody's own account: nobody touches another's."""
    account = session.get(ConnectedAccount, account_id)
    if account is None or account.user_id != user.id:
        raise NotFound("You have no such connected account.")
    return account
