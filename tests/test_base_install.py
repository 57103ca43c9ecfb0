"""What `make demo` installs is enough to serve, listen, judge and send: clients of single platforms are extras, and so
is what only training needs.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_SCRIPT = """
import sys
for name in ("praw", "prawcore", "slack_sdk", "mastodon", "authlib", "joserfc", "hubspot", "simple_salesforce", "mcp"):
    sys.modules[name] = None  # cannot be imported, as where it is not installed
from unittest import TestCase
import api.app, api.server, collectors.reachability, collectors.run, collectors.watch, collectors.web
import collectors.replying.listening, collectors.replying.outbox
import cli.main
from collectors.conversations import PlatformConversations
from collectors import conversations
from overheard.errors import CollectorError
from overheard.vocabulary import Platform
for platform in (Platform.REDDIT, Platform.SLACK, Platform.MASTODON):
    with TestCase().assertRaisesRegex(CollectorError, "the package .* is not installed"):
        PlatformConversations(None, None, None).read(platform, "x", None, None)
from collectors.crm import open_crm
from overheard.notifications.outbound_vocabulary import CrmPlatform
for platform in (CrmPlatform.HUBSPOT, CrmPlatform.SALESFORCE):
    with TestCase().assertRaisesRegex(CollectorError, "the package .* is not installed"):
        open_crm(platform, "", {}, timeout=1)
print("served")
"""


_TRAINING = ("torch", "transformers", "sklearn", "scipy")

_WITHOUT_TRAINING = f"""
import sys
for name in {_TRAINING}:
    sys.modules[name] = None  # cannot be imported, as where it is not installed
from cli.main import main
main()
"""


def _without_training(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", _WITHOUT_TRAINING, *arguments]
    environment = os.environ | {"OVERHEARD_HOME": str(home), "OVERHEARD_PORT": "0"} | settings
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def test_pages_and_workers_start_without_the_clients_of_single_platforms() -> None:
    command = [sys.executable, "-W", "ignore", "-c", _SCRIPT]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (run.stdout.strip(), run.stderr) == ("served", "")


def test_posts_are_judged_and_explained_without_what_only_training_needs(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text(
        '{"platform": "reddit", "id": "t3_a1", "title": "Which CRM for a bakery?", "body": "We are three. Any tips?"}\n'
    )
    done = _without_training(
        tmp_path, "score", str(tmp_path / "posts.jsonl"), "--output", str(tmp_path / "scores"), "--explain"
    )
    assert done.returncode == 0, done.stderr
    assert "Scored 1 posts" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (("train", "--data", "{file}", "--output", "{file}.model"), {}),
        (("retrain", "--dry-run"), {}),
        (("listen",), {"OVERHEARD_RETRAIN_AFTER": "50"}),
    ],
)
def test_what_learns_says_what_to_install(tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str]) -> None:
    (tmp_path / "labelled.jsonl").touch()
    done = _without_training(
        tmp_path, *(part.format(file=tmp_path / "labelled.jsonl") for part in arguments), **settings
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: This learns, .* make install, or pip install .* '\.\[train\]'\n", done.stderr)


def test_what_only_training_needs_is_an_extra() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.split(r"[^\w-]", line)[0] for line in project["dependencies"]}
    extra = {re.split(r"[^\w-]", line)[0] for line in project["optional-dependencies"]["train"]}
    assert extra == {"torch", "transformers", "scikit-learn", "scipy"}
    assert named.isdisjoint(extra)
