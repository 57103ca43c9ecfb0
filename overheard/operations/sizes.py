"""How large the database is and what it is, told without reading the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Base


@dataclass(frozen=True, slots=True)
class DatabaseSize:
    """The database as a whole."""

    version: str
    """`SQLite 3.40.1` or `PostgreSQL 15.4`."""
    bytes: int
    free: int
    """Bytes of it that hold nothing and are used again; 0 on PostgreSQL, which tells of none cheaply."""


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table with its indexes."""

    name: str
    rows: int
    """About. On SQLite the highest number given so far, so that removed rows still count."""
    bytes: int | None
    """None on SQLite, where all pages would have to be read to tell."""


def database_size(session: Session) -> DatabaseSize:
    """In three cheap questions."""
    if _is_postgresql(session):
        version = session.scalar(sa.text("SHOW server_version")) or ""
        size = session.scalar(sa.select(sa.func.pg_database_size(sa.func.current_database()))) or 0
        return DatabaseSize(f"PostgreSQL {version.split()[0]}", size, 0)
    version = session.scalar(sa.select(sa.func.sqlite_version()))
    page, pages, free = (
        session.scalar(sa.text(f"PRAGMA {name}")) or 0 for name in ("page_size", "page_count", "freelist_count")
    )
    return DatabaseSize(f"SQLite {version}", page * pages + _beside(session), page * free)


def table_sizes(session: Session, *, limit: int = 12) -> Sequence[TableSize]:
    """The largest tables, the largest first."""
    if _is_postgresql(session):
        statement = sa.text(
            "SELECT relname, CASE WHEN reltuples < 0 THEN pg_stat_get_live_tuples(oid) ELSE reltuples::bigint END, "
            "pg_total_relation_size(oid) FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 3 DESC, 1 LIMIT :limit"
        )
        return [TableSize(*row) for row in session.execute(statement, {"limit": limit})]
    number: sa.ColumnElement[int] = sa.func.coalesce(sa.func.max(sa.literal_column("rowid")), 0)
    found = [
        TableSize(table.name, session.scalar(sa.select(number).select_from(table)) or 0, None)
        for table in Base.metadata.sorted_tables
    ]
    return sorted(found, key=lambda table: (-table.rows, table.name))[:limit]


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _beside(session: Session) -> int:
    """Bytes of the write-ahead log."""
    log = Path(f"{session.connection().engine.url.database}-wal")
    return log.stat().st_size if log.exists() else 0
