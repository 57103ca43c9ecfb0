"""The commands as a person types them: a process of its own, a folder of its own."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.process import run_command

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def overheard(home: Path, tmp_path: Path) -> Run:
    """Run a command with its home in a temporary folder; what stands in the environment is not looked at."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}

    def run(*words: str, stdin: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = clean | {"OVERHEARD_HOME": str(home), "HF_HUB_OFFLINE": "1"} | settings
        return run_command(words, environment=environment, cwd=tmp_path, stdin=stdin)

    return run


def test_init_prepares_home_and_database_without_asking_and_again_without_harm(overheard: Run, home: Path) -> None:
    for _ in range(2):
        done = overheard("init")
        assert done.returncode == 0, done.stderr
        assert (home / "overheard.db").exists()
    assert "Next: overheard users add" in done.stdout


def test_the_way_from_nothing_to_a_login_link(overheard: Run) -> None:
    added = overheard("users", "add", "ann@example.org", "--name", "Ann", "--role", "admin", stdin="a long password\n")
    assert added.returncode == 0, added.stderr
    assert "ann@example.org" in overheard("users", "list").stdout
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/login/\S{40,}\n", overheard("login-link", "ann@example.org").stdout)
    assert overheard("token", "ann@example.org").stdout.startswith("ovh_")
    changed = overheard("users", "password", "ann@example.org", stdin="another long password\n")
    assert changed.returncode == 0, changed.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["login-link", "nobody@example.org"], "There is no user nobody@example.org."),
        (["campaigns", "query", "None", "crm"], "There is no campaign 'None'."),
        (["campaigns", "meaning", "None", "--off"], "There is no campaign 'None'."),
        (["campaigns", "meaning", "None"], "either how close"),
        (["campaigns", "meaning", "None", "--from", "30", "--off"], "either how close"),
        (["campaigns", "quiet", "None"], "either when it is quiet"),
        (["campaigns", "quiet", "None", "--from", "20"], "There is no campaign 'None'."),
        (["campaigns", "add", "A", "--offer", "o", "--query", '"open'], "not closed"),
        (["campaigns", "add", "A", "--offer", "o", "--query", "*", "--source", "reddit"], "platform:community"),
        (["campaigns", "add", "A", "--offer", "o", "--query", "x" * 121, "--query", "x" * 122], "names would be one"),
        (["users", "add", "ann@example.org", "--name", "Ann"], "No password was given."),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(overheard: Run, words: list[str], said: str) -> None:
    done = overheard(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_does_not_exist_is_said_before_anything_is_done(overheard: Run, home: Path) -> None:
    done = overheard("init", OVERHEARD_PROT="1")
    assert (done.returncode, home.exists()) == (1, False)
    assert "OVERHEARD_PROT is no setting" in done.stderr


def test_a_campaign_can_be_made_listed_and_changed(overheard: Run) -> None:
    assert overheard("campaigns", "add", "Rye", "--offer", "CRM", "--query", "crm -hiring").returncode == 0
    assert "version 2" in overheard("campaigns", "query", "Rye", "crm", "--name", "crm -hiring").stdout
    assert "Rye" in overheard("campaigns", "list").stdout
    assert "from 30 %" in overheard("campaigns", "list").stdout
    on = overheard("campaigns", "meaning", "Rye", "--from", "62.5")
    assert "by meaning too, from 62.5 % on" in on.stdout
    assert "by its queries alone" in overheard("campaigns", "meaning", "Rye", "--off").stdout
    assert (
        "Rye: quiet from 20:00 to 07:00."
        in overheard("campaigns", "quiet", "Rye", "--from", "20", "--until", "7").stdout
    )
    assert "an end: give both" in overheard("campaigns", "quiet", "Rye", "--from", "20").stderr
    assert "Rye: no quiet hours." in overheard("campaigns", "quiet", "Rye", "--off").stdout


def test_a_query_is_explained_and_tried_before_it_is_saved(overheard: Run, tmp_path: Path) -> None:
    told = overheard("query", "explain", "crm or erp")
    assert "“crm”" in told.stdout
    assert "Character 5: “or” is a word to look for here" in told.stdout
    wrong = overheard("query", "explain", 'crm "open')
    assert (wrong.returncode, "at character 5" in wrong.stderr) == (1, True)
    post = {"platform": "reddit", "community": "r/bakers", "body": "b"}
    rows = [
        post | {"id": f"t3_{n}", "title": title, "url": f"https://example.org/{n}"}
        for n, title in enumerate(("Which crm?", "Which oven?", "A crm for a bakery?"))
    ]
    (tmp_path / "posts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert overheard("import", "posts.jsonl").returncode == 0
    assert overheard("campaigns", "add", "Rye", "--offer", "CRM", "--query", "oven").returncode == 0
    for scope in ([], ["--campaign", "Rye"]):
        lines = overheard("query", "test", "crm", *scope).stdout.splitlines()
        assert lines[0].startswith("2 stored posts of 30 days")
        assert lines[1:] == ["https://example.org/2", "https://example.org/0"]
    assert "There is no campaign 'None'" in overheard("query", "test", "crm", "--campaign", "None").stderr


def test_importing_five_bad_rows_among_many_stores_the_others_and_tells(overheard: Run, tmp_path: Path) -> None:
    rows = [
        json.dumps({"id": f"t3_{n}", "platform": "reddit", "community": "r/bakers", "title": f"Post {n}", "body": "b"})
        for n in range(95)
    ]
    rows[10:10] = ["{", "[]", '{"id": null}', '{"platform": "reddit"}', "\ufffd"]
    (tmp_path / "posts.jsonl").write_text("\n".join(rows))
    done = overheard("import", "posts.jsonl")
    assert done.returncode == 1
    assert "95 new" in done.stdout
    assert "5 records could not be read" in done.stderr
    letters = overheard("dead-letters", "list").stdout
    assert all(f"line {n}" in letters for n in range(11, 16))
    again = overheard("import", "posts.jsonl")
    assert "imported already" in again.stdout


def test_a_taken_port_is_told_with_the_way_out(overheard: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for words in (["serve"], ["demo", "--offline"]):
            done = overheard(*words, "--port", str(port))
            assert done.returncode == 1
            assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
            assert f"make demo PORT={port + 1}" in done.stderr


def test_check_prints_the_settings_and_keeps_secrets(overheard: Run, tmp_path: Path) -> None:
    done = overheard("check", OVERHEARD_SECRET_KEY="do-not-show", OVERHEARD_ENCODER_PATH=str(tmp_path / "nowhere"))
    assert "do-not-show" not in done.stdout + done.stderr
    assert "OVERHEARD_HACKERNEWS__BASE_URL" in done.stdout
    assert done.returncode == 1
    assert "encoder:" in done.stderr


def test_help_does_not_wait_for_the_model() -> None:
    code = (
        "import sys, cli.main; sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'spacy', 'sklearn')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
