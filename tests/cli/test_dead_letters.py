"""`overheard dead-letters` as an operator types it, over items of a platform and lines of a file."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from overheard.db import Sessions
from overheard.models import AuditEntry, DeadLetter, Post
from overheard.vocabulary import AuditAction, Platform
from tests.cli.process import run_command
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def overheard(tmp_path: Path, world: World, database_url: str) -> Iterator[Run]:
    """Commands of one installation whose Hacker News is the fake world's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}
    with serve(world):
        environment = clean | {
            "OVERHEARD_HOME": str(tmp_path / "home"),
            "OVERHEARD_DATABASE_URL": database_url,
            "OVERHEARD_TIME_ZONE": "Europe/Berlin",
            "OVERHEARD_HACKERNEWS__BASE_URL": f"{world.url(Platform.HACKERNEWS)}/v0/",
        }

        def run(*words: str) -> "subprocess.CompletedProcess[str]":
            return run_command(words, environment=environment, cwd=tmp_path)

        yield run


def _spoil(world: World, *numbers: int) -> None:
    """From now on Hacker News says of these items what cannot be read."""
    for number in numbers:
        answer = json.dumps({"id": number, "type": "[b]song[/]", "by": "rita"}).encode()
        world.fail(rf"/item/{number}\.", faults.Answer(200, answer), times=9)


def _numbers(sessions: Sessions) -> dict[str, str]:
    """The number of each letter, by where it stands in its origin."""
    with sessions() as session:
        return {letter.locator: str(letter.id) for letter in session.scalars(sa.select(DeadLetter))}


def test_dead_letters_of_every_kind_are_listed_tried_again_and_dropped(
    overheard: Run, world: World, sessions: Sessions, tmp_path: Path
) -> None:
    assert "None: all that came in could be read." in overheard("dead-letters", "list").stdout
    for number in range(1, 5):
        world.write(Platform.HACKERNEWS, "Hacker News", title=f"Oven {number}", body="Which one?")
    _spoil(world, 1, 2, 4)
    assert "1 new" in overheard("collect", "--platform", "hackernews").stdout
    rows = [{"platform": "reddit", "community": "r/bakers", "id": "t3_1", "title": "Fine"}, {"platform": "reddit"}]
    (tmp_path / "posts.jsonl").write_text("\n".join([*map(json.dumps, rows), "{no json"]))
    overheard("import", "posts.jsonl")

    listed = overheard("dead-letters", "list", "--limit", "4").stdout
    assert "Hacker News: Hacker News" in listed
    assert "type '[b]song[/]' is not known" in listed
    assert "posts.jsonl" in listed
    assert "CET" in listed, "times are the team's"
    assert "1 older ones: --limit 5" in listed

    world.heal()
    _spoil(world, 2)
    world.fail(r"/item/4\.", faults.Answer(503), times=20)
    numbers = _numbers(sessions)
    mended, unreadable, away = (numbers[f"item {number}"] for number in (1, 2, 4))
    line, no_json = numbers["line 2"], numbers["line 3"]
    retried = overheard("dead-letters", "retry", "4711", away, no_json, unreadable, line, mended)
    assert retried.returncode == 1
    assert f"{mended}: taken in." in retried.stdout
    assert f"{unreadable}: still cannot be read" in retried.stdout
    assert f"{line}: still cannot be read" in retried.stdout
    assert "4711: There is no dead letter 4711: it was taken in, dropped or erased." in retried.stderr
    assert f"{away}: Hacker News answered 503" in retried.stderr
    assert f"{no_json}: line 3 of" in retried.stderr
    assert "mend it there and import it with --again" in retried.stderr
    assert "5 of 6 could not be taken in and stay." in retried.stderr
    assert "Traceback" not in retried.stderr
    with sessions() as session:
        assert "Oven 1" in set(session.scalars(sa.select(Post.title)))
    left = _numbers(sessions)
    assert set(left) == {"item 2", "item 4", "line 2", "line 3"}

    dropped = overheard("dead-letters", "drop", left["item 2"], mended, left["line 3"])
    assert dropped.returncode == 1
    assert f"{mended}: There is no dead letter {mended}" in dropped.stderr
    assert f"{left['line 3']}: dropped." in dropped.stdout
    assert set(_numbers(sessions)) == {"item 4", "line 2"}
    with sessions() as session:
        told = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(2)).all()
    assert {(entry.action, entry.subject) for entry in told} == {
        (AuditAction.DROPPED, f"dead letter {left['item 2']}"),
        (AuditAction.DROPPED, f"dead letter {left['line 3']}"),
    }
    world.heal()
    assert overheard("dead-letters", "retry", left["item 4"]).returncode == 0
    assert overheard("dead-letters", "drop", left["line 2"]).returncode == 0
