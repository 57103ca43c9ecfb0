"""What can go wrong on our own machine, and what others would do to it: one test for each way.

The numbers are those of docs/failure-modes.md.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from collectors import collector_class
from collectors.base import Tools
from collectors.watch import Watch
from overheard.db import make_engine, make_sessions
from overheard.errors import CollectorError, OverheardError
from overheard.listening import sources
from overheard.listening.intake import Rejected, take_in
from overheard.models import Delivery, Post, Source
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.collectors.places import (
    Meanwhile,
    assert_all_is_here,
    at,
    bodies,
    count,
    read,
    source,
    write,
    write_now,
)
from tests.factories import new_post, watch_source
from tests.fakeworld.model import NOW
from tests.fakeworld.wires import slack
from tests.histories import Life

pytestmark = pytest.mark.alternate_databases

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

FULL, READ_ONLY, LOCKED = "full", "read-only", "locked"


@contextmanager
def out_of_order(engine: Engine, kind: str) -> Iterator[None]:
    """The database of an engine cannot be written."""
    path = sa.make_url(str(engine.url)).database or ""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        (pages,) = other.execute("PRAGMA page_count").fetchone()
        pragmas = {FULL: f"max_page_count={pages}", READ_ONLY: "query_only=ON", LOCKED: "busy_timeout=1"}

        def spoil(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own
            connection.execute(f"PRAGMA {pragmas[kind]}")

        event.listen(engine, "connect", spoil)
        engine.dispose()
        if kind == LOCKED:
            other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            event.remove(engine, "connect", spoil)
            engine.dispose()


def told_of(life: Life) -> str:
    """What a pass says that could not be made."""
    try:
        return read(life).error
    except OverheardError as error:  # not even the sources could be read
        return str(error)


@on_sqlite
@at("hackernews", "slack", "bluesky")
@pytest.mark.parametrize("kind", [FULL, READ_ONLY, LOCKED])
def test_22_a_database_that_cannot_be_written_stops_the_cursor_and_says_so(life: Life, kind: str) -> None:
    read(life)
    cursor = source(life).cursor
    for _ in range(20):
        write(life, "x" * 8_000)
    life.world.advance(600)
    with out_of_order(life.engine, kind):
        assert told_of(life).startswith("The database cannot be written: ")
    assert source(life).cursor == cursor
    assert count(life, Post) == 1
    life.world.advance(3_600)
    read(life)
    assert_all_is_here(life)


@on_sqlite
@at("slack")
@pytest.mark.parametrize("kind", [FULL, READ_ONLY])
def test_22_what_was_pushed_stays_until_it_can_be_stored(life: Life, kind: str) -> None:
    read(life)
    written = write(life, "pushed " * 5_000)
    raw = json.dumps(slack.payload(life.world.changes[-1])).encode()
    account = source(life).credential_id
    assert account is not None
    with life.sessions.begin() as session:
        sources.deliver(session, credential_id=account, delivery_id="Ev1", address="C1", raw=raw, now=life.world.now)
    with out_of_order(life.engine, kind):
        assert told_of(life).startswith("The database cannot be written: ")
    with life.sessions() as session:
        kept = session.scalars(sa.select(Delivery)).one()
    assert (kept.taken_at, kept.raw) == (None, raw)
    life.world.advance(60)
    read(life)
    assert written.body.strip() in bodies(life)


@on_sqlite
@at("hackernews")
def test_22_the_watch_outlives_a_full_disk(life: Life) -> None:
    read(life)
    for _ in range(20):
        write(life, "x" * 8_000)
    watch = Watch(life.sessions, life.settings, lambda: life.world.advance(5), look_every=0.01)
    watching = threading.Thread(target=watch.run)
    try:
        with out_of_order(life.engine, FULL):
            watching.start()
            _until(lambda: (source(life).last_error or "").startswith("The database cannot be written: "))
        _until(lambda: count(life, Post) == 21)
    finally:
        watch.stop.set()
        watching.join(30)
    assert source(life).last_error is None


def _until(happened: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1_500):
        if happened():
            return
        pause.wait(0.02)
    pytest.fail("it did not come about")


# --- texts of people who mean harm ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "http://127.0.0.1:8000/", "file:///etc/passwd"])
def test_23_a_feed_leads_to_no_private_address(tmp_path: Path, address: str) -> None:
    tools = Tools(Settings(home=tmp_path), lambda: NOW, lambda _: None)
    with collector_class("rss")(tools) as feeds, pytest.raises(OverheardError):
        feeds.communities(address)


def test_23_a_link_that_runs_something_is_no_link() -> None:
    for link in ("javascript:alert(1)", "data:text/html,x", " JavaScript:alert(1)"):
        assert new_post(permalink=link).permalink is None


def test_23_no_text_of_others_reaches_a_terminal_raw(sqlite_template: Path, tmp_path: Path) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe [bold]"
    shutil.copyfile(sqlite_template, tmp_path / "overheard.db")
    engine = make_engine(f"sqlite:///{tmp_path / 'overheard.db'}")
    with make_sessions(engine).begin() as session:
        found = watch_source(session, now=NOW, community=f"place {hostile}")
        sources.record_failure(session, found.id, CollectorError(f"error {hostile}"), now=NOW)
        rejected = Rejected(f"item {hostile}", f"reason {hostile}", b"", Platform.OTHER, "1")
        take_in(session, [rejected], origin=f"origin {hostile}", now=NOW)
    engine.dispose()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}
    for words in (["sources", "list"], ["dead-letters", "list"], ["sources", "pause", hostile]):
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words], capture_output=True, text=True, timeout=120, check=False,
            env=clean | {"OVERHEARD_HOME": str(tmp_path), "COLUMNS": "400", "FORCE_COLOR": ""},
        )  # fmt: skip
        printed = done.stdout + done.stderr
        assert "[bold]" in printed, "it is shown"
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed), printed


def _watch_20_quiet_ones(life: Life, address: Callable[[int], str]) -> list[str]:
    """Sources of the same account, in each of which one post stands; their bodies."""
    with life.sessions.begin() as session:
        loud = session.scalars(sa.select(Source).where(Source.mode.is_not(None))).one()
        for number in range(20):
            life.world.write(life.place.platform, address(number), title="Which oven?", body=f"in quiet {number}")
            watch_source(
                session, now=life.world.now, mode=loud.mode or "", platform=loud.platform, community=f"quiet {number}",
                address=address(number).removeprefix("r/"), credential_id=loud.credential_id, options=loud.options,
            )  # fmt: skip
    return [f"in quiet {number}" for number in range(20)]


@contextmanager
def _watching(life: Life, *, turn: float = 30.0) -> Iterator[None]:
    watch = Watch(life.sessions, life.settings, lambda: life.world.advance(1), look_every=0.01, turn=turn)
    watching = threading.Thread(target=watch.run)
    watching.start()
    try:
        yield
    finally:
        watch.stop.set()
        watching.join(30)


@on_sqlite
@at("reddit")
def test_24_a_noisy_source_starves_no_quiet_one_of_its_account(life: Life) -> None:
    quiet = _watch_20_quiet_ones(life, lambda number: f"r/quiet{number}")
    life.world.fail("/r/bakers/", Meanwhile(lambda: [write_now(life) for _ in range(50)]), times=1_000)
    with _watching(life):
        _until(lambda: set(quiet) <= set(bodies(life)))
    asked = [request.path.split("/")[3] for request in life.world.asked("/new") if "after" not in request.query]
    assert all(f"quiet{number}" in asked for number in range(20))
    last = max(asked.index(f"quiet{number}") for number in range(20))
    assert Counter(asked[:last])["bakers"] <= 2, "the noisy one has its turn, and no more"


@on_sqlite
@at("slack")
def test_24_a_long_back_fill_makes_room_for_the_quiet_ones_and_is_ended_by_turns(life: Life) -> None:
    state, loud = life.world.state(slack.Slack), life.place.communities[0]
    state.channels |= {f"Q{number}": slack.Channel(f"quiet{number}") for number in range(20)}
    state.most = 5
    for _ in range(30):
        write(life)
    quiet = _watch_20_quiet_ones(life, lambda number: f"Q{number}")
    with _watching(life, turn=0.0):
        _until(lambda: set(quiet) <= set(bodies(life)))
        asked = [request.body.decode() for request in life.world.asked("conversations.history")]
        assert sum(f"channel={loud}" in body for body in asked) < 6, "the back-fill is still under way"
        _until(lambda: count(life, Post) >= 51)
    assert_all_is_here(life)
