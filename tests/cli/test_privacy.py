"""Requests of people who are stored, as an operator types them."""

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.process import run_command

Run = Callable[..., "subprocess.CompletedProcess[str]"]

POSTS = """
{"id": "t3_1", "platform": "reddit", "community": "r/bakers", "author": "rosa_rye", "body": "We need one."}
{"id": "t3_2", "platform": "reddit", "community": "r/bakers", "author": "mia", "body": "Thanks, rosa_rye!"}
""".strip()


@pytest.fixture
def overheard(tmp_path: Path) -> Run:
    """Run a command with its home in a temporary folder, into which two posts were imported."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}

    def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = clean | {"OVERHEARD_HOME": str(tmp_path / "home")} | settings
        return run_command(words, environment=environment, cwd=tmp_path)

    (tmp_path / "posts.jsonl").write_text(POSTS)
    assert run("import", "posts.jsonl").returncode == 0
    return run


def test_an_author_is_told_what_is_held_is_erased_and_stays_erased_after_a_restore(
    overheard: Run, tmp_path: Path
) -> None:
    assert overheard("backup", "kept", "--keep", "14").returncode == 0
    told = overheard("export-person", "--author", "reddit:rosa_rye", "--to", "rosa.json")
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "rosa.json").stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "rosa.json").read_text())["posts"][0]["text"] == "We need one."
    assert "text: We need one." in (tmp_path / "rosa.txt").read_text()
    assert overheard("export-person", "--author", "reddit:rosa_rye", "--to", "rosa.json").returncode == 1

    dry = overheard("erase", "--author", "reddit:u/Rosa_Rye", "--dry-run")
    assert "rosa_rye or Rosa_Rye at Reddit" in dry.stdout
    assert " posts " in dry.stdout
    assert overheard("erase", "--author", "reddit:rosa_rye").returncode == 1, "nobody said yes"
    done = overheard("erase", "--author", "reddit:rosa_rye", "--reason", "A letter.", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert (receipt["counts"]["posts"], receipt["backups_that_still_hold_it"]) == (1, 1)
    assert "posts (1)" in done.stderr, "another one says the name"
    assert json.loads(overheard("erasures", "--json").stdout) == [receipt]
    assert receipt["receipt"] in overheard("erasures").stdout

    [archive] = (tmp_path / "kept").glob("*.zst")
    again = overheard("restore", str(archive), OVERHEARD_HOME=str(tmp_path / "new"))
    assert "Erased again, as it was erased since: 1." in again.stdout, again.stderr
    (tmp_path / "kept" / "erasures.jsonl").unlink()
    lost = overheard("restore", str(archive), OVERHEARD_HOME=str(tmp_path / "other"))
    assert "No list of erasures" in lost.stderr
    nobody = overheard("erase", "--author", "reddit:rosa_rye", "--dry-run", OVERHEARD_HOME=str(tmp_path / "new"))
    assert "Nothing of this author is here." in nobody.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Say what to erase"),
        (["--author", "reddit:a", "--post", "1"], "one of them"),
        (["--post", "reddit:t3_1", "--for-good"], "--for-good is for authors"),
        (["--source", "r/nowhere"], "There is no source"),
    ],
)
def test_what_cannot_be_erased_is_one_line(overheard: Run, words: list[str], said: str) -> None:
    done = overheard("erase", *words, "--yes")
    assert done.returncode == 1
    assert said in done.stderr


def test_the_audit_log_leaves_as_lines_and_as_a_table_without_formulas(overheard: Run) -> None:
    overheard("campaigns", "add", "=1+1", "--offer", "A CRM.", "--query", "crm")
    lines = [json.loads(line) for line in overheard("audit", "export").stdout.splitlines()]
    assert [line["action"] for line in lines] == ["campaign_created", "exported"]
    table = list(csv.DictReader(io.StringIO(overheard("audit", "export", "--format", "csv").stdout)))
    assert [row["action"] for row in table] == ["campaign_created", "exported", "exported"]
    assert overheard("audit", "export", "--until", "2020-01-01").stdout == ""
    assert overheard("audit", "export", "--since", "2021-01-01", "--until", "2020-01-01").returncode == 1
