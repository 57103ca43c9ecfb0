"""Answers kept for a day by the transaction that does the work, so that a request sent twice is done once."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.models import StoredAnswer

KEPT = timedelta(hours=24)


def take(session: Session, key_hash: str, request_hash: str, *, now: datetime) -> StoredAnswer | None:
    """Take a key for this transaction; what is kept under it, where it is taken already.

    Another transaction that has just taken it is waited for. What is older than a day is forgotten on the way.
    """
    session.execute(sa.delete(StoredAnswer).where(StoredAnswer.at < now - KEPT))
    row = {"key_hash": key_hash, "request_hash": request_hash, "at": now}
    statement = upsert(session, StoredAnswer).values(**row).on_conflict_do_nothing().returning(StoredAnswer.id)
    if session.scalar(statement) is not None:
        return None
    return session.scalars(sa.select(StoredAnswer).where(StoredAnswer.key_hash == key_hash)).one()


def keep(session: Session, key_hash: str, *, status: int, media_type: str | None, sealed: bytes) -> None:
    """Keep the answer under the key that this transaction has taken."""
    answer = {"status": status, "media_type": media_type, "sealed": sealed}
    session.execute(sa.update(StoredAnswer).where(StoredAnswer.key_hash == key_hash).values(**answer))
