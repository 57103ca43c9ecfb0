"""Users, tokens and digests on the command line."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from overheard.db import make_engine, make_sessions
from overheard.models import ApiToken, AuditEntry
from tests.cli.process import run_command

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def overheard(tmp_path: Path) -> Run:
    """Run a command with its home in a temporary folder, in which there is one user."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}

    def run(*words: str, stdin: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = clean | {"OVERHEARD_HOME": str(tmp_path / "home")} | settings
        return run_command(words, environment=environment, cwd=tmp_path, stdin=stdin)

    added = run("users", "add", "pat@example.org", "--name", "Pat", "--role", "admin", stdin="a long enough password\n")
    assert added.returncode == 0, added.stderr
    return run


def test_a_token_takes_scopes_and_an_end_and_all_is_written_down(overheard: Run, tmp_path: Path) -> None:
    made = overheard("token", "pat@example.org", "--scope", "decide", "--scope", "read", "--expires", "30")
    assert made.stdout.startswith("ovh_")
    assert overheard("token", "pat@example.org", "--scope", "everything").returncode == 2
    address = {"OVERHEARD_PUBLIC_URL": "https://overheard.example"}
    assert overheard("login-link", "pat@example.org", **address).stdout.startswith("https://overheard.example/login/")
    assert overheard("digest").stdout == "0 digests were sent.\n"
    engine = make_engine(f"sqlite:///{tmp_path}/home/overheard.db")
    with make_sessions(engine)() as session:
        token = session.scalars(sa.select(ApiToken)).one()
        assert token.scopes == "read decide"
        assert token.expires_at is not None
        assert (token.expires_at - token.created_at).days == 30
        told = [entry.action.value for entry in session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))]
    engine.dispose()
    assert told == ["user_invited", "token_made", "login_link_made"]
