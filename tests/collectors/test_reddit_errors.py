"""What Reddit answers when it does not give what was asked for, and what becomes of it."""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from collectors.base import Found
from collectors.reddit.collector import Reddit
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.listening.intake import Intake
from overheard.models import Post, Source, Usage
from overheard.vocabulary import Platform, SourceState
from tests.collectors.reddit_watcher import BAKERS, SECRETS, Watcher, settings_for, submit
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import reddit as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

JSON, HTML = {"Content-Type": "application/json"}, {"Content-Type": "text/html"}
BLOCK_PAGE = b"<!doctype html><title>Blocked</title>"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watcher(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Watcher]:
    with serve(world):
        watcher = Watcher(sessions, world, settings_for(world.url(Platform.REDDIT), tmp_path))
        watcher.watch(backfill="1000")
        yield watcher


def refused(status: int, **answer: object) -> faults.Answer:
    return faults.Answer(status, json.dumps({"error": status, "message": "no", **answer}).encode(), JSON)


# --- what passes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", faults.PASSING, ids=repr)
@pytest.mark.parametrize("route", ["access_token", "/new", "/comments"])
def test_a_fault_that_passes_costs_nothing(watcher: Watcher, world: World, fault: faults.Fault, route: str) -> None:
    submit(world, 5)
    world.fail(route, fault, times=3)
    summary = watcher.collect()
    assert (summary.error, summary.intake) == (None, Intake(new=5))
    assert len(watcher.waits) == 3
    assert watcher.report().is_clean


@pytest.mark.parametrize(
    "fault",
    [
        faults.SERVER_ERROR,
        faults.ORIGIN_DOWN,
        faults.RESET,
        faults.CUT,
        faults.rate_limited(),
        faults.Answer(200, b"7", JSON),
        faults.Answer(200, b"[]", JSON),
        faults.Answer(200, b'{"kind": "Listing"}', JSON),
        faults.Answer(200, b'{"kind": "Listing", "data": {"children": 7}}', JSON),
        faults.Answer(200, b"[" * 100_000, JSON),
        faults.Answer(200, b"", JSON),
        faults.Answer(204),
    ],
    ids=repr,
)
@pytest.mark.parametrize("route", ["access_token", r"after="])
def test_a_fault_that_stays_is_told_and_the_cursor_waits_for_the_rows(
    watcher: Watcher, world: World, fault: faults.Fault, route: str
) -> None:
    submit(world, 150)
    world.fail(route, fault, times=4)
    error = watcher.collect().error
    assert isinstance(error, CollectorError)
    assert not error.permanent
    assert str(error).startswith("Reddit ")
    assert (watcher.count(Post), watcher.source().cursor) == (0, None)
    world.heal()
    assert watcher.collect().intake == Intake(new=150)


def test_a_patience_shorter_than_the_answer_ends_the_request(watcher: Watcher, world: World) -> None:
    submit(world, 1)
    watcher.settings = watcher.settings.model_copy(update={"http_timeout": 0.2})
    world.fail("/new", faults.Delayed(1), times=4)
    assert str(watcher.collect().error).startswith("Reddit cannot be reached: ")


@pytest.mark.parametrize(
    ("packed", "message"),
    [("gzip", "Reddit sent more than 16777216 bytes"), ("zstd", "in a way that was not asked for")],
)
def test_an_answer_that_was_packed_small_cannot_fill_the_memory(
    watcher: Watcher, world: World, packed: str, message: str
) -> None:
    submit(world, 1)
    bomb = faults.Answer(200, gzip.compress(b" " * 17 * 2**20), {**JSON, "Content-Encoding": packed})
    world.fail("/new", bomb, times=4)
    assert message in str(watcher.collect().error)


# --- waiting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "reset", "retry_after"),
    [
        ("7", None, 7.0),
        ("7", "30", 30.0),
        ("3600", "30", 3600.0),
        (None, "300", 300.0),
        (None, None, None),
        ("Fri, 20 Nov 2026 10:30:00 GMT", None, 3600.0),
        ("1000000000", None, 86_400.0),
        ("later", "soon", None),
        ("nan", "nan", None),
    ],
)
def test_reddit_says_when_to_come_back(
    watcher: Watcher, world: World, header: str | None, reset: str | None, retry_after: float | None
) -> None:
    submit(world, 1, at=world.now)
    world.advance(-1)
    told = {"Retry-After": header, "x-ratelimit-reset": reset}
    headers = {name: value for name, value in told.items() if value is not None}
    world.fail("/new", faults.Answer(429, b"<html>slow down", HTML | headers), times=4)
    error = watcher.collect().error
    assert error is not None
    assert (error.retry_after, error.permanent) == (retry_after, False)
    assert len(watcher.waits) == (0 if (retry_after or 0) > 60 else 3)


def test_a_restart_does_not_shorten_the_wait(watcher: Watcher, world: World) -> None:
    submit(world, 1)
    world.fail("/new", faults.rate_limited("3600"))
    watcher.collect()
    asked = len(world.requests)
    assert "asked us to wait" in str(watcher.collect().error)  # a process of its own, as far as the collector knows
    assert len(world.requests) == asked
    world.advance(3600)
    assert watcher.collect().intake == Intake(new=1)


def test_a_budget_that_is_spent_is_waited_for(watcher: Watcher, world: World) -> None:
    submit(world, 1)
    state = world.state(wire.Reddit)
    state.remaining, state.used, state.reset = 0.0, 1000, 240
    error = watcher.collect().error
    assert error is not None
    assert (error.retry_after, watcher.count(Post)) == (240.0, 1)  # what had been answered is kept
    assert watcher.source().budget == {"limit": 1000.0, "remaining": 0.0, "resets_in": 240.0}
    state.remaining = 1000.0
    world.advance(240)
    assert watcher.collect().error is None


def test_a_budget_that_runs_short_is_spread_over_its_time(watcher: Watcher, world: World) -> None:
    submit(world, 250)
    state = world.state(wire.Reddit)
    state.remaining, state.used, state.reset = 100.0, 900, 300
    assert watcher.collect().error is None
    assert watcher.waits == [3.0, 3.0, 3.0]
    with watcher.sessions() as session:
        assert session.scalars(sa.select(Usage.requests)).one() == len(world.requests) == 5


# --- what only the operator or time can mend --------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["private", "quarantined"])
def test_a_closed_subreddit_is_asked_again_in_a_day(watcher: Watcher, world: World, reason: str) -> None:
    submit(world, 3)
    watcher.collect()
    before = watcher.source().cursor
    world.state(wire.Reddit).closed[BAKERS] = reason
    submit(world, 3)
    started = world.now
    error = watcher.collect().error
    assert error is not None
    assert f"it is {reason}" in str(error)
    source = watcher.source()
    assert (source.cursor, source.state) == (before, SourceState.WATCHING)
    assert source.not_before == started + timedelta(days=1)
    world.state(wire.Reddit).closed.clear()
    world.advance(86_400)
    assert watcher.collect().intake == Intake(new=3)


@pytest.mark.parametrize(
    ("route", "fault", "message"),
    [
        ("/new", refused(404, reason="banned"), "new is banned. To stop reading it and erase its posts: overheard"),
        ("/new", refused(404), "new is not there."),
        ("/new", faults.Answer(302, headers={"Location": "/subreddits/search?q=bakers"}), "There is no such place"),
        ("/new", faults.Answer(301), "There is no such place"),
        ("/new", faults.Answer(403, BLOCK_PAGE, HTML), "it blocks this network or this app"),
        ("/new", faults.Answer(200, BLOCK_PAGE, HTML), "it blocks this network or this app"),
        ("/new", faults.Answer(403, b"{}", {"www-authenticate": 'error="insufficient_scope"'}), "lacks a scope"),
        ("/new", faults.Answer(401, b"{}"), "Reddit has withdrawn the access"),
        ("/new", faults.Answer(451, b"{}"), "Reddit answered 451"),
        ("/new", refused(400, reason="BAD_LIMIT"), "Reddit answered 400 (BAD_LIMIT)"),
        ("/new", faults.Answer(415, b"<html>"), "Reddit answered 415"),
        ("access_token", refused(401), "Reddit does not accept the app's credentials (401)"),
        ("access_token", refused(400, error="invalid_grant"), "does not accept the app's credentials (400)"),
        ("access_token", faults.Answer(200, b'{"error": "invalid_grant"}', JSON), "credentials (invalid_grant)"),
        ("access_token", faults.Answer(200, BLOCK_PAGE, HTML), "it blocks this network or this app"),
    ],
)
def test_what_no_waiting_can_mend_waits_for_the_operator(
    watcher: Watcher, world: World, route: str, fault: faults.Fault, message: str
) -> None:
    submit(world, 3)
    world.fail(route, fault, times=99)
    error = watcher.collect().error
    assert message in str(error)
    assert watcher.source().state is SourceState.NEEDS_OPERATOR
    assert len(world.asked(route)) <= 4


def test_a_token_that_runs_out_between_two_pages_is_renewed(watcher: Watcher, world: World) -> None:
    submit(world, 250)
    state = world.state(wire.Reddit)
    state.on_next_page = [state.tokens.clear]
    assert watcher.collect().intake == Intake(new=250)
    assert state.tokens_given == 2
    assert watcher.waits == []


def test_access_that_was_withdrawn_is_told_after_one_fresh_token(watcher: Watcher, world: World) -> None:
    submit(world, 3)
    state = world.state(wire.Reddit)
    state.is_withdrawn = True
    assert "Reddit has withdrawn the access" in str(watcher.collect().error)
    assert state.tokens_given == 2


def test_one_source_that_fails_keeps_no_other_out(watcher: Watcher, world: World) -> None:
    submit(world, 3)
    world.state(wire.Reddit).closed["r/cooks"] = "private"
    watcher.watch("r/cooks")
    first, second = watcher.collect_all()
    assert (first.intake, first.error) == (Intake(new=3), None)
    assert second.error is not None


# --- adding a source --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["bakers", "r/bakers", "/r/Bakers/", "https://www.reddit.com/r/bakers/new/?sort=x", " old.reddit.com/r/BAKERS "],
)
def test_a_subreddit_is_found_as_people_type_it(watcher: Watcher, world: World, typed: str) -> None:
    submit(world)
    with Reddit(watcher.tools()) as collector:
        assert collector.account_name() == "u/flour_power"
        assert collector.communities(typed) == [Found("bakers", "r/bakers", "public, 1,234 members")]


def test_several_subreddits_are_found_as_one(watcher: Watcher, world: World) -> None:
    submit(world)
    world.write(Platform.REDDIT, "r/cooks")
    with Reddit(watcher.tools()) as collector:
        (found,) = collector.communities("bakers+cooks")
    assert (found.address, found.community) == ("bakers+cooks", "r/bakers+r/cooks")


@pytest.mark.parametrize("typed", ["", "two words", "https://example.org/r/bakers", "https://reddit.com/user/x", "a"])
def test_what_is_no_subreddit_is_told(watcher: Watcher, world: World, typed: str) -> None:
    with Reddit(watcher.tools()) as collector, pytest.raises(CollectorError, match="is no subreddit"):
        collector.communities(typed)
    assert world.requests == []


@pytest.mark.parametrize(
    ("reason", "message"),
    [("missing", "There is no such place"), ("private", "it is private"), ("banned", "is banned")],
)
def test_a_subreddit_that_cannot_be_read_is_not_found(
    watcher: Watcher, world: World, reason: str, message: str
) -> None:
    world.state(wire.Reddit).closed[BAKERS] = reason
    with Reddit(watcher.tools()) as collector, pytest.raises(CollectorError, match=message):
        collector.communities("bakers")


def test_reddit_is_told_who_asks(watcher: Watcher, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("username", "password", "client_id", "refresh_token", "user_agent"):
        monkeypatch.setenv(f"praw_{name}", "somebody else's")
    monkeypatch.setenv("praw_site", "no_such_site")
    submit(world)
    assert watcher.collect().error is None
    for request in world.requests:
        assert request.headers["User-Agent"].startswith("python:overheard:v")
        assert "(by /u/flour_power) PRAW/" in request.headers["User-Agent"]
    (token,) = world.asked("access_token")
    assert token.body == b"grant_type=client_credentials"


def test_a_refresh_token_is_used_where_there_is_one(watcher: Watcher, world: World) -> None:
    submit(world)
    watcher.secrets = SECRETS | {"refresh_token": wire.REFRESH_TOKEN}
    with Reddit(watcher.tools()) as collector:
        assert collector.account_name() == "u/flour_power"
    assert world.asked("access_token")[0].body == b"grant_type=refresh_token&refresh_token=refresh"


def test_the_token_is_not_replaced_by_what_a_netrc_says(
    watcher: Watcher, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    submit(world)
    assert watcher.collect().error is None


@pytest.mark.parametrize("contact", ["", "two words", "x\r\nHost: evil", "ab"])
def test_a_contact_that_is_no_user_name_is_told(watcher: Watcher, contact: str) -> None:
    watcher.secrets = SECRETS | {"contact": contact}
    with pytest.raises(CollectorError, match="give your Reddit user name"):
        Reddit(watcher.tools())


@pytest.mark.parametrize("backfill", ["many", "-1", "1001", ""])
def test_a_backfill_that_is_no_number_is_told(watcher: Watcher, world: World, backfill: str) -> None:
    submit(world)
    with watcher.sessions.begin() as session:
        session.execute(sa.update(Source).values(options={"backfill": backfill}))
    assert "it is a number from 0 to 1000" in str(watcher.collect().error)
