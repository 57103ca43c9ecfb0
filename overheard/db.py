"""The database: engine, sessions, column types. Transactions are begun and committed at a door and nowhere else."""

import sqlite3
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from zlib import crc32

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from overheard.errors import OverheardError

Sessions = sessionmaker[Session]

MIGRATIONS = Path(__file__).parent / "migrations"

# Seconds that a writer waits for another one on SQLite; the longest write we do is one batch of an import (< 1 s).
_BUSY_TIMEOUT = 30

TROUBLE = (OperationalError, InternalError)
"""What is nobody's bug: a full disk, a lock that is held too long, a database that may only be read."""

_MERGED_PAGES = 500  # pages of the search index that are merged in one go: a tenth of a second

_MIGRATION_LOCK = 0x0EA4D  # any constant will do, as long as nothing else in the database uses it


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware UTC time in Python; SQLite keeps no zone, so it is put back on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"a time without a zone cannot be stored: {value!r}"
            raise ValueError(message)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def make_engine(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL; nothing is connected yet.

    Parameters are hidden: an error message that reaches the log must not carry a post's text.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            hide_parameters=True,
            max_overflow=25,  # a worker that reads many accounts asks from as many threads, each shortly
        )
    if parsed.get_backend_name() != "sqlite":
        message = f"The database {parsed.get_backend_name()!r} is not supported: use a sqlite:/// or postgresql:// URL."
        raise OverheardError(message)
    engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    connection.isolation_level = None  # we begin transactions ourselves, see _begin_sqlite
    _turn_on_wal(connection)
    for pragma in (
        "foreign_keys=ON",
        "synchronous=NORMAL",
        "secure_delete=ON",  # an erased text must not stay readable in a free page
    ):
        connection.execute(f"PRAGMA {pragma}")


def _turn_on_wal(connection: Any) -> None:  # noqa: ANN401 - the driver's own connection
    """The one pragma that does not wait its turn: while another process makes the file's first tables, it fails."""
    deadline = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails at once with "database is locked" when
    # somebody committed in between, however long the busy timeout. So whoever may write takes the lock first.
    reads_only = connection.get_execution_options().get("overheard_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def make_sessions(engine: Engine) -> Sessions:
    """Sessions that may write."""
    return sessionmaker(engine, expire_on_commit=False)


def make_reading_sessions(engine: Engine) -> Sessions:
    """Sessions for reading only: on SQLite they never wait for a writer."""
    return sessionmaker(engine.execution_options(overheard_reads_only=True), expire_on_commit=False)


def rows(session: Session, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """Plain rows of a statement that is run often: the mapper would take as long again."""
    session.flush()  # what was changed by the mapper is seen here too
    return session.connection().execute(statement, values).all()


_SNAPSHOT = sa.text("SELECT CAST(pg_current_snapshot() AS text)")


class Watch:
    """Tells one state of the database from another: as long as it is the same, nobody has committed anything.

    On SQLite by `PRAGMA data_version`, which tells a connection what others did; so it is asked on one that never
    writes. On PostgreSQL by the snapshot: what transactions of this moment can see.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._connection: Any = None

    def state(self) -> Hashable:
        """Of this moment. What is read after the call is as new as that, or newer."""
        if self._engine.dialect.name == "postgresql":
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                return str(connection.scalar(_SNAPSHOT))
        with self._lock:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
                self._connection.detach()  # it is nobody else's: the pool must not give it to a writer
            return int(self._connection.dbapi_connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Let its connection go."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def alone(session: Session, doing: str) -> None:
    """Wait until no other transaction is doing this, and keep others out until this one ends. On SQLite whoever writes
    is alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK, crc32(doing.encode()) - 2**31)))


def scrub(sessions: Sessions) -> None:
    """Make what was erased unreadable on disk too: on SQLite the write-ahead log and the search index still hold it
    (the tables do not: `secure_delete`). On PostgreSQL that is autovacuum's work.
    """
    engine = sessions.kw["bind"]
    if engine.dialect.name == "sqlite":
        connection = engine.raw_connection()  # SQLAlchemy would begin a transaction, in which this cannot be done
        try:
            _merge_search_index(connection.driver_connection)
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()


def vacuum(sessions: Sessions) -> None:
    """On PostgreSQL: let what was erased be written over, and its words leave the planner's statistics, now and not
    when autovacuum finds that enough has changed. Others go on working. SQLite needs none: `scrub`.
    """
    engine = sessions.kw["bind"]
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM (ANALYZE)"))


def _merge_search_index(connection: Any) -> None:  # noqa: ANN401 - the driver's own connection
    """FTS5 drops words of removed rows only as it merges its parts. In small steps: nobody waits long for the lock.

    Its option `secure-delete` would do so at once, but SQLite before 3.42, which most systems have, does not know it.
    """
    merge = "INSERT INTO post_search (post_search, rank) VALUES ('merge', ?)"
    pages = -_MERGED_PAGES  # less than none: everything is to become one part
    while True:
        before = connection.total_changes
        connection.execute(merge, (pages,))
        if connection.total_changes - before < 2:  # noqa: PLR2004 - so says FTS5's manual: nothing was left to merge
            return
        pages = _MERGED_PAGES


def migration_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, kept in code so that it works from any folder."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def is_behind(connection: Connection) -> bool:
    """Whether the tables are older than this code. Newer ones are none of its business: while versions are changed one
    process after the other, the old ones go on with them.
    """
    return MigrationContext.configure(connection).get_current_revision() in _older_forms()


@cache
def head_revision() -> str:
    """The newest migration that this code knows."""
    return ScriptDirectory.from_config(migration_config()).get_current_head() or ""


@cache
def _older_forms() -> frozenset[str | None]:
    known = {script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()}
    return frozenset({None, *known}) - {head_revision()}


def upgrade(engine: Engine) -> None:
    """Bring the tables to the newest form. Two processes that do so at once wait for each other. Tables that are newer
    than this code stay as they are: an old worker that starts again goes on with them.
    """
    with _migration_lock(engine) as connection:
        if is_behind(connection):
            command.upgrade(migration_config(connection), "head")


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        message = (
            f"The database cannot be opened: {first_line(error)}. Check OVERHEARD_DATABASE_URL and OVERHEARD_HOME."
        )
        raise OverheardError(message) from error
    with connection, connection.begin():  # on SQLite BEGIN IMMEDIATE is the lock
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        yield connection


def told(error: SQLAlchemyError) -> str:
    """`TROUBLE` in plain words."""
    return f"The database cannot be written: {first_line(error)}. See to its disk: nothing is lost meanwhile."


def first_line(error: Exception) -> str:
    """What the database said, without what comes after it: statements and advice. It ends without a full stop."""
    return str(error.__cause__ or error).strip().splitlines()[0].rstrip(".")


def upsert(session: Session, table: type[Any] | sa.Table) -> Any:  # noqa: ANN401 - the two dialects share no base with on_conflict
    """An INSERT of the session's dialect, which has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
