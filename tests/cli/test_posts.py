"""Posts given by hand from the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

URL = "https://www.reddit.com/r/bakers/comments/1abc2d/which_crm/"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERHEARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_a_post_is_added_with_its_text_from_an_option_or_from_standard_input() -> None:
    runner = CliRunner()
    first = runner.invoke(app, ["posts", "add", URL, "--text", "Looking for a CRM", "--author", "u/flour_power"])
    assert (first.exit_code, "Taken in (Reddit, r/bakers)" in first.output) == (0, True)
    again = runner.invoke(app, ["posts", "add", URL], input="Looking for a CRM\n")
    assert (again.exit_code, "is here already" in again.output) == (0, True)


def test_no_text_and_no_address_are_errors() -> None:
    runner = CliRunner()
    assert "nothing to read" in str(runner.invoke(app, ["posts", "add", URL], input=" \n").exception)
    assert "no web address" in str(runner.invoke(app, ["posts", "add", "bakers", "--text", "CRM"]).exception)
