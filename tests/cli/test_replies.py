"""The do-not-contact list and the kill switch from the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app


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
    assert exported.startswith("hash,reason,at\n")
    assert "flour" not in exported
    file = tmp_path / "list.csv"
    file.write_text(exported + "nonsense,,\n")
    again = runner.invoke(app, ["do-not-contact", "import", str(file)])
    assert "Written down: 0. Known before: 1. Not taken: 1." in again.output
    assert "line 3: a hash is 64 digits" in again.output


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
