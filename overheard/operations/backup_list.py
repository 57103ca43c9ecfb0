"""Which backups were written and may still be there: what is erased now stands in them until they are removed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.models import Backup


def write_down(session: Session, path: Path, *, at: datetime, expires_at: datetime | None = None) -> None:
    """There is a backup now at this path."""
    values = {"path": str(path.resolve()), "at": at, "expires_at": expires_at, "gone_at": None}
    statement = upsert(session, Backup).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["path"], set_=values))


def standing(session: Session) -> Sequence[Backup]:
    """Those of which nobody saw that they are gone. A folder that is away just now may hold them all the same."""
    known = session.scalars(sa.select(Backup).where(Backup.gone_at.is_(None)).order_by(Backup.at)).all()
    return [backup for backup in known if not _is_seen_gone(backup)]


def look(session: Session, *, now: datetime) -> None:
    """Write down which are there no more."""
    for backup in session.scalars(sa.select(Backup).where(Backup.gone_at.is_(None))):
        if _is_seen_gone(backup):
            backup.gone_at = now
    session.flush()


def last_end(backups: Iterable[Backup]) -> datetime | None:
    """When the last of them is removed; none: there are none, or of one nobody said when."""
    ends = [backup.expires_at for backup in backups]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def folders(session: Session) -> list[Path]:
    """Where backups were written."""
    paths = session.scalars(sa.select(Backup.path).where(Backup.gone_at.is_(None))).all()
    return sorted({Path(path).parent for path in paths})


def _is_seen_gone(backup: Backup) -> bool:
    path = Path(backup.path)
    return path.parent.is_dir() and not path.exists()
