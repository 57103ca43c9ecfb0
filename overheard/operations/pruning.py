"""Rows that nobody needs any more go after a time. What goes with its post, its lead or its user is not told here, nor
what its own module prunes; docs/privacy.md lists them all.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.listening.erasure import KEPT_FOR
from overheard.modelling.vocabulary import ModelState
from overheard.models import (
    DeadLetter,
    Delivery,
    Login,
    LoginLink,
    ModelVersion,
    Notice,
    ShadowPrediction,
    Source,
    StoredAnswer,
    Tombstone,
)
from overheard.settings import KeepSettings
from overheard.stored_answers import KEPT

_AT_ONCE = 5_000  # rows in one transaction: others wait no longer for the lock than for a batch of an import
_LINKS = timedelta(days=30)
_SHADOWS = timedelta(days=30)
# Longer than any platform delivers an event again (Slack: about five minutes; a socket's backlog: hours).
_DELIVERIES = timedelta(hours=48)


def prune(session: Session, keep: KeepSettings, *, now: datetime) -> int:
    """Remove some of what is old enough; how many rows. 0: nothing is left to remove."""
    return sum(_remove(session, table, old) for table, old in _old(keep, now).items())


def _old(keep: KeepSettings, now: datetime) -> dict[type[object], sa.ColumnElement[bool]]:
    """By table which rows go."""
    shadows = sa.select(ModelVersion.id).where(ModelVersion.state == ModelState.SHADOW)
    to_it = (Source.credential_id == Delivery.credential_id) & (Source.address == Delivery.address)
    is_read = sa.exists().where(to_it)  # what was pushed for a source that was removed is taken in by nobody
    old: dict[type[object], sa.ColumnElement[bool]] = {
        StoredAnswer: StoredAnswer.at < now - KEPT,
        LoginLink: LoginLink.expires_at < now - _LINKS,
        Login: Login.expires_at < now,
        Delivery: (Delivery.taken_at < now - _DELIVERIES) | (Delivery.received_at < now - _DELIVERIES) & ~is_read,
        ShadowPrediction: (ShadowPrediction.at < now - _SHADOWS) & ShadowPrediction.version_id.not_in(shadows),
    }
    if keep.dead_letters_days:
        old[DeadLetter] = DeadLetter.at < now - timedelta(days=keep.dead_letters_days)
    if keep.notices_days:
        old[Notice] = Notice.at < now - timedelta(days=keep.notices_days)
    if keep.expired_days:
        # What was deleted at its source, or erased on request, stays away for ever.
        is_expired = Tombstone.reason.startswith(KEPT_FOR, autoescape=True)
        old[Tombstone] = is_expired & (Tombstone.at < now - timedelta(days=keep.expired_days))
    return old


def _remove(session: Session, table: type[object], old: sa.ColumnElement[bool]) -> int:
    key = sa.inspect(table).primary_key[0]
    some = sa.select(key).where(old).order_by(key).limit(_AT_ONCE)
    gone = sa.delete(table).where(key.in_(some)).returning(key)
    return len(session.scalars(gone, execution_options={"synchronize_session": False}).all())
