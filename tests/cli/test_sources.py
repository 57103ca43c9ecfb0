"""Sources as an operator looks after them at the command line."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from overheard.vocabulary import Platform
from tests.cli.process import run_command
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def overheard(tmp_path: Path, world: World) -> Iterator[Run]:
    """Commands of one installation whose Hacker News is the fake world's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}
    with serve(world):
        environment = clean | {
            "OVERHEARD_HOME": str(tmp_path / "home"),
            "OVERHEARD_HACKERNEWS__BASE_URL": f"{world.url(Platform.HACKERNEWS)}/v0/",
        }

        def run(*words: str) -> "subprocess.CompletedProcess[str]":
            return run_command(words, environment=environment, cwd=tmp_path)

        yield run


def test_the_life_of_a_source(overheard: Run, world: World) -> None:
    world.write(Platform.HACKERNEWS, "Hacker News", body="Which CRM for a bakery?")
    added = overheard("sources", "add", "hackernews")
    assert added.returncode == 0, added.stderr
    assert "1 items so far" in added.stdout
    assert "Permission: None: the API is public." in added.stdout
    assert "Watching Hacker News." in added.stdout
    assert "1 new" in overheard("collect").stdout
    listed = overheard("sources", "list").stdout
    assert "Hacker News" in listed
    assert "watching" in listed
    assert overheard("sources", "check").stdout.startswith("Hacker News: good.")

    assert overheard("sources", "pause", "Hacker News").returncode == 0
    world.write(Platform.HACKERNEWS, "Hacker News", body="Nobody reads this yet.")
    assert "new" not in overheard("collect").stdout
    assert "paused" in overheard("sources", "list").stdout
    assert overheard("sources", "enable", "1").returncode == 0
    assert "1 new" in overheard("collect").stdout

    assert "Its posts stay" in overheard("sources", "remove", "Hacker News").stdout
    assert "not read live" in overheard("sources", "list").stdout
    receipt = json.loads(overheard("erase", "--source", "Hacker News", "--yes", "--json").stdout)
    assert (receipt["kind"], receipt["counts"]["posts"]) == ("source", 2)
    assert "Hacker News" not in overheard("sources", "list").stdout


def test_of_a_platform_that_is_purged_nothing_is_left(overheard: Run, world: World, tmp_path: Path) -> None:
    world.write(Platform.HACKERNEWS, "Hacker News", body="A canary called quetzalcoatl.")
    overheard("collect")
    held = [path for path in (tmp_path / "home").rglob("*") if b"quetzalcoatl" in path.read_bytes()]
    assert held, "the canary is there before"
    assert overheard("sources", "purge", "hackernews").returncode != 0, "it asks first"
    done = overheard("sources", "purge", "hackernews", "--yes")
    assert "Hacker News: 1 sources with 1 posts were erased." in done.stdout, done.stderr
    [receipt] = json.loads(overheard("erasures", "--json").stdout)
    assert f"Receipt {receipt['receipt']}" in done.stdout
    assert not [path for path in (tmp_path / "home").rglob("*") if b"quetzalcoatl" in path.read_bytes()]


def test_where_nothing_was_chosen_hacker_news_is_read_and_that_is_said(overheard: Run, world: World) -> None:
    world.write(Platform.HACKERNEWS, "Hacker News")
    collected = overheard("collect")
    assert "No source was chosen yet: Hacker News is read" in collected.stdout
    assert "1 new" in collected.stdout


def test_what_is_asked_without_a_mode_is_a_list_of_modes_with_what_each_needs(overheard: Run) -> None:
    done = overheard("sources", "add")
    assert done.returncode == 1
    assert "hackernews" in done.stdout
    assert "LinkedIn opens posts of others to nobody" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["facebook", "linkedin", "quora"])
def test_what_is_closed_is_said_with_the_way_by_hand(overheard: Run, closed: str) -> None:
    done = overheard("sources", "add", closed)
    assert done.returncode == 1
    assert "overheard posts add" in done.stderr
    assert "overheard sources add mailbox" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sources", "add", "myspace"], "'myspace' cannot be read live; what can:"),
        (["sources", "add", "hackernews", "--set", "colour=red"], "nothing is asked under this name"),
        (["sources", "add", "hackernews", "--set", "colour"], "write name=value"),
        (["sources", "pause", "Hacker News"], "There is no source 'Hacker News'. Sources: none yet."),
        (["sources", "suggest", "Rye"], "There is no campaign 'Rye'"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_what_to_do(overheard: Run, words: list[str], told: str) -> None:
    done = overheard(*words)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_platform_that_does_not_answer_is_not_added(overheard: Run, world: World) -> None:
    world.fail("maxitem", faults.Answer(status=503), times=10)
    done = overheard("sources", "add", "hackernews")
    assert done.returncode == 1
    assert "Hacker News answered 503" in done.stderr
    assert "Hacker News" not in overheard("sources", "list").stdout


def test_somebody_elses_collector_is_found_by_its_entry_point(overheard: Run, tmp_path: Path) -> None:
    (tmp_path / "lobsters.py").write_text(
        """
from collectors.base import Collector, Found, Page
from overheard.listening.posts import NewPost
from overheard.listening.terms import Terms
from overheard.vocabulary import Platform

class Lobsters(Collector):
    platform = Platform.OTHER
    terms = Terms(permission="None: the site is public.")

    def communities(self, address=None):
        return [Found(address or "newest", "Lobsters", "public")]

    def pages(self, source, reading):
        yield Page(
            [NewPost(Platform.OTHER, "lobsters:1", source.community, "Which CRM?", "For a bakery.")], cursor="1"
        )
""",
        encoding="utf-8",
    )
    package = tmp_path / "lobsters-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: lobsters\nVersion: 1.0\n", encoding="utf-8")
    (package / "entry_points.txt").write_text(
        "[overheard.collectors]\nlobsters = lobsters:Lobsters\n", encoding="utf-8"
    )
    added = overheard("sources", "add", "lobsters", "newest")
    assert "Watching Lobsters." in added.stdout, added.stderr
    assert "Lobsters: 1 new" in overheard("collect").stdout
