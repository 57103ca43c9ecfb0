"""Feeds: the leads of a view at a secret address, for a reader that cannot log in."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.errors import InvalidInput, NotFound
from overheard.models import QueueFeed, SavedView, User
from overheard.notifications.alerts import visible_view
from overheard.users import audit
from overheard.vocabulary import AuditAction

MAX_FEEDS = 20
ENTRIES = 50


def make(
    session: Session, user: User, *, view_id: int | None, with_text: bool = False, now: datetime
) -> tuple[QueueFeed, str]:
    """A new feed of a saved view, or of the whole queue, and the secret of its address, which is shown once."""
    if view_id is not None:
        visible_view(session, user.id, view_id)
    if len(own(session, user)) >= MAX_FEEDS:
        raise InvalidInput(f"You have {MAX_FEEDS} feeds, which is the most: revoke one first.")
    token = secrets.token_urlsafe(32)
    feed = QueueFeed(
        user_id=user.id,
        view_id=view_id,
        token_hash=_digest(token),
        prefix=token[:6],
        with_text=with_text,
        created_at=now,
    )
    session.add(feed)
    session.flush()
    told = f"feed {feed.id} ({feed.prefix}…)"
    audit.record(session, user, AuditAction.FEED_MADE, audit.user_named(user), told, now=now)
    return feed, token


def own(session: Session, user: User) -> Sequence[QueueFeed]:
    """Somebody's feeds that are not revoked, the oldest first."""
    mine = (QueueFeed.user_id == user.id, QueueFeed.revoked_at.is_(None))
    return session.scalars(sa.select(QueueFeed).where(*mine).order_by(QueueFeed.id)).all()


def revoke(session: Session, user: User, feed_id: int, *, now: datetime) -> None:
    """Nothing is read at its address any more."""
    feed = session.get(QueueFeed, feed_id)
    if feed is None or feed.user_id != user.id or feed.revoked_at is not None:
        raise NotFound(f"You have no feed {feed_id}.")
    feed.revoked_at = now
    session.flush()


def find(session: Session, token: str) -> tuple[QueueFeed, SavedView | None]:
    """The feed at an address and its view; `NotFound` when it is revoked, or its maker may not see it any more."""
    statement = (
        sa.select(QueueFeed)
        .join(User, User.id == QueueFeed.user_id)
        .where(QueueFeed.token_hash == _digest(token), QueueFeed.revoked_at.is_(None), User.disabled_at.is_(None))
        .options(joinedload(QueueFeed.user, innerjoin=True))
    )
    feed = session.scalars(statement).one_or_none()
    if feed is None:
        raise NotFound("There is no feed at this address, or it was revoked.")
    return feed, visible_view(session, feed.user_id, feed.view_id) if feed.view_id is not None else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
