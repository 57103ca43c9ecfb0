"""Answers kept for a day by the transaction that does the work, so that a request sent twice is done once."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.models import StoredAnswer

KEPT = timedelta(hours=24)


def lock(session: Session, key_hash: str) -> bool:
    """Whether nobody else works under this key just now, in whatever process; nobody will until this transaction ends.

    The lock is PostgreSQL's own, so whoever dies lets go of it. SQLite needs none: a second transaction that may write
    begins when the first has ended, and finds its answer.
    """
    if session.get_bind().dialect.name != "postgresql":
        return True
    number = int.from_bytes(bytes.fromhex(key_hash)[:8], signed=True)
    return bool(session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(number))))


def take(session: Session, key_hash: str, request_hash: str, *, now: datetime) -> StoredAnswer | None:
    """Take a key for this transaction; what is kept under it, where it is taken already.

    What is older than a day is forgotten on the way.
    """
    session.execute(sa.delete(StoredAnswer).where(StoredAnswer.at < now - KEPT))
    row = {"key_hash": key_hash, "request_hash": request_hash, "at": now}
    statement = upsert(session, StoredAnswer).values(**row).on_conflict_do_nothing().returning(StoredAnswer.id)
    if session.scalar(statement) is not None:
        return None
    return session.scalars(sa.select(StoredAnswer).where(StoredAnswer.key_hash == key_hash)).one()


def known(session: Session, key_hash: str, *, now: datetime) -> StoredAnswer | None:
    """What is kept under a key by a transaction that has ended; nothing is taken."""
    kept = sa.select(StoredAnswer).where(StoredAnswer.key_hash == key_hash, StoredAnswer.at >= now - KEPT)
    return session.scalars(kept).one_or_none()


def forget(session: Session) -> None:
    """Keep none of the answers, as nobody can look into them for what was erased. What was done is not done again."""
    session.execute(sa.update(StoredAnswer).where(StoredAnswer.sealed.is_not(None)).values(sealed=None))


def keep(session: Session, key_hash: str, *, status: int, media_type: str | None, sealed: bytes) -> None:
    """Keep the answer under the key that this transaction has taken."""
    answer = {"status": status, "media_type": media_type, "sealed": sealed}
    session.execute(sa.update(StoredAnswer).where(StoredAnswer.key_hash == key_hash).values(**answer))
