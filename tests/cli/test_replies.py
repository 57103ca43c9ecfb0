"""The do-not-contact list and the kill switch from the command line."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cli.main import app
from overheard.db import make_engine, make_sessions
from overheard.models import AuditEntry
from tests.conftest import NOW
from tests.factories import watch_source


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERHEARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_somebody_is_written_down_listed_exported_and_taken_in_again(tmp_path: Path) -> None:
    runner = CliRunner()
    added = runner.invoke(app, ["do-not-contact", "add", "reddit", "u/flour_power", "--reason", "asked by mail"])
    assert (added.exit_code, "Nobody writes to u/flour_power at Reddit" in added.output) == (0, True)
    assert "1 on the list" in runner.invoke(app, ["do-not-contact", "list"]).output
    exported = runner.invoke(app, ["do-not-contact", "export"]).output
    assert exported.startswith("hash,reason,at,unheard,key\n")
    assert "flour" not in exported
    file = tmp_path / "list.csv"
    file.write_text(exported + "nonsense,,\n")
    again = runner.invoke(app, ["do-not-contact", "import", str(file)])
    assert "Written down: 0. Known before: 1. Not taken: 1." in again.output
    assert "line 3: a hash is 64 digits" in again.output


def test_what_is_done_on_the_command_line_stands_in_the_audit_log(tmp_path: Path) -> None:
    runner = CliRunner()
    runner.invoke(app, ["init"])
    engine = make_engine(f"sqlite:///{tmp_path}/home/overheard.db")
    with make_sessions(engine).begin() as session:
        watch_source(session, now=NOW)
    for words in (
        ["do-not-contact", "add", "reddit", "flour_power"],
        ["do-not-contact", "export"],
        ["campaigns", "add", "Rye", "--offer", "Invoices for bakers.", "--query", "invoice"],
        ["campaigns", "query", "Rye", "billing", "--name", "more"],
        ["campaigns", "meaning", "Rye", "--from", "30"],
        ["sources", "pause", "Hacker News"],
        ["replies", "stop", "A moderator wrote to us."],
    ):
        result = runner.invoke(app, words)
        assert result.exit_code == 0, (words, result.output, result.exception)
    with make_sessions(engine)() as session:
        told = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()
    engine.dispose()
    assert {entry.door for entry in told} == {"command line"}
    assert [entry.action.value for entry in told] == [
        "do_not_contact_added", "exported", "campaign_created", "query_saved", "campaign_changed",
        "source_paused", "replies_stopped",
    ]  # fmt: skip
    assert "flour" not in " ".join(entry.subject + entry.detail for entry in told)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    runner = CliRunner()
    assert "cannot be read" in str(runner.invoke(app, ["do-not-contact", "import", "nowhere.csv"]).exception)
    (tmp_path / "latin.csv").write_bytes(b"platform,handle\nreddit,b\xe4cker\n")
    assert "UTF-8" in str(runner.invoke(app, ["do-not-contact", "import", "latin.csv"]).exception)


def test_all_replies_are_stopped_and_let_go_on() -> None:
    runner = CliRunner()
    assert "All replies are stopped" in runner.invoke(app, ["replies", "stop", "A moderator wrote to us."]).output
    assert runner.invoke(app, ["replies", "go"]).output == "Replies go on.\n"
    assert runner.invoke(app, ["replies", "go"]).output == "Replies were not stopped.\n"
    assert "Say why" in str(runner.invoke(app, ["replies", "stop", " "]).exception)
