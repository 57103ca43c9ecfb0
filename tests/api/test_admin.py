"""The operator's page: what is not well, jobs and dead letters in an admin's hand, versions and sizes."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from api.app import create_app
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.intake import Item, Rejected, take_in
from overheard.models import AuditEntry, DeadLetter, Post
from overheard.operations import jobs
from overheard.settings import Settings
from overheard.vocabulary import AuditAction, Platform, SourceState
from tests.api.conftest import World
from tests.factories import new_post, watch_source


class Told:
    """A platform that says of a dead letter what a test wants."""

    def __init__(self) -> None:
        self.says: Sequence[Item] | Exception = []

    def __call__(self, letter: DeadLetter) -> Sequence[Item]:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def world(world: World, settings: Settings, told: Told) -> World:
    """As it is everywhere, but platforms can be asked."""
    engine = world.sessions.kw["bind"]
    world.app = create_app(settings, engine=engine, clock=lambda: world.clock[0], reread=told)
    return world


def _set_aside(world: World, *, external_id: str = "4711", raw: bytes = b"<b>secret canary</b>") -> int:
    with world.sessions.begin() as session:
        rejected = Rejected(f"item {external_id}", "title is missing", raw, Platform.HACKERNEWS, external_id)
        take_in(session, [rejected], origin="Hacker News: Hacker News", now=world.now)
        return session.scalars(sa.select(DeadLetter.id).order_by(DeadLetter.id.desc())).first() or 0


def _actions(world: World) -> list[AuditAction]:
    with world.rows() as session:
        return list(session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))


def test_the_page_says_what_is_not_well_and_shows_no_item(world: World) -> None:
    _set_aside(world)
    with world.sessions.begin() as session:
        source = watch_source(session, now=world.now)
        source.state = SourceState.NEEDS_OPERATOR
    page = world.browser(world.cast.alice).get("/admin")
    assert page.status_code == 200
    for said in (
        "What is not well",
        "Hacker News: Hacker News",
        "title is missing",
        "needs you",
        "migration",
        "last backup",
    ):
        assert said in page.text
    assert "canary" not in page.text
    assert ("There are none on SQLite" in page.text) == (world.sessions.kw["bind"].dialect.name == "sqlite")
    assert world.browser(world.cast.mara).get("/admin").status_code == 403


def test_a_dead_letter_that_can_be_read_now_becomes_a_post_by_the_usual_way(world: World, told: Told) -> None:
    letter_id = _set_aside(world)
    told.says = [new_post(platform=Platform.HACKERNEWS, community="Hacker News", external_id="4711")]
    answer = world.browser(world.cast.alice).submit(f"/admin/dead-letters/{letter_id}/retry")
    assert answer.status_code == 303
    with world.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(DeadLetter)) == 0
        assert session.scalars(sa.select(Post.external_id)).all() == ["4711"]
    assert _actions(world)[-1] is AuditAction.RETRIED


@pytest.mark.parametrize("refusal", [InvalidInput("It cannot be asked for."), CollectorError("Closed for the night.")])
def test_one_that_cannot_be_asked_for_stays_and_the_page_says_why(world: World, told: Told, refusal: Exception) -> None:
    letter_id, told.says = _set_aside(world), refusal
    alice = world.browser(world.cast.alice)
    alice.submit(f"/admin/dead-letters/{letter_id}/retry")
    page = alice.get("/admin")
    assert str(refusal) in page.text
    assert f'id="letter-{letter_id}"' in page.text


def test_one_that_is_still_unreadable_stays_with_the_reason_of_today(world: World, told: Told) -> None:
    letter_id = _set_aside(world)
    told.says = [Rejected("item 4711", "time is missing", b"{}", Platform.HACKERNEWS, "4711")]
    program = world.program(world.cast.alice)
    assert program.post(f"/v1/admin/dead-letters/{letter_id}/retry").json() == {"outcome": "unreadable"}
    (item,) = program.get("/v1/admin/dead-letters").json()["items"]
    assert (item["reason"], "raw" in item) == ("time is missing", False)
    told.says = []
    assert program.post(f"/v1/admin/dead-letters/{item['id']}/retry").json() == {"outcome": "unknown"}
    assert program.delete(f"/v1/admin/dead-letters/{item['id']}").status_code == 204
    assert program.delete(f"/v1/admin/dead-letters/{item['id']}").status_code == 404
    assert _actions(world)[-1] is AuditAction.DROPPED


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_jobs_that_were_given_up_are_tried_again_or_dropped(world: World) -> None:
    with world.sessions.begin() as session:
        for task in ("sweep", "digests"):
            jobs.defer(session, task, queue="upkeep")
        for state in ("doing", "failed"):
            session.execute(
                sa.text("UPDATE procrastinate_jobs SET status = CAST(:to AS procrastinate_job_status)"), {"to": state}
            )
        digests, sweep = (job.id for job in jobs.jobs(session))
    alice, program = world.browser(world.cast.alice), world.program(world.cast.alice)
    page = alice.get("/admin").text
    assert "given up" in page
    assert f"/admin/jobs/{sweep}/retry" in page
    assert alice.submit(f"/admin/jobs/{sweep}/retry").status_code == 303
    assert alice.submit(f"/admin/jobs/{digests}/drop").status_code == 303
    told = program.get("/v1/admin").json()
    assert [(group["task"], group["state"], group["number"]) for group in told["jobs"]] == [("sweep", "todo", 1)]
    (job,) = program.get("/v1/admin/jobs").json()["items"]
    assert (job["id"], job["attempts"]) == (sweep, 1)
    assert program.post(f"/v1/admin/jobs/{sweep}/retry").status_code == 409
    assert program.delete(f"/v1/admin/jobs/{sweep}").status_code == 204
    assert _actions(world)[-3:] == [AuditAction.RETRIED, AuditAction.DROPPED, AuditAction.DROPPED]


def test_programs_read_versions_and_sizes(world: World) -> None:
    told = world.program(world.cast.alice).get("/v1/admin").json()
    assert told["database_bytes"] > 0
    assert told["disk_free_bytes"] > 0
    assert {"Overheard", "Python", "database", "migration", "model", "encoder"} == set(told["versions"])
    assert {table["name"] for table in told["tables"]} & {"users", "audit_log", "procrastinate_jobs", "alembic_version"}
    assert all(finding["do"] for finding in told["findings"])


def test_on_older_tables_the_page_says_what_to_do_and_no_page_fails(world: World, engine: Engine) -> None:
    lead, alice, program = world.lead(), world.browser(world.cast.alice), world.program(world.cast.alice)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE signals RENAME TO gone"))
    try:
        with world.at_revision("0001"):
            page, told, other = alice.get("/admin"), program.get("/v1/admin"), alice.get(f"/leads/{lead}")
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE gone RENAME TO signals"))
    assert page.status_code == 200
    assert "The tables are older (0001)" in page.text
    assert "<code>overheard init</code>" in page.text
    assert 'id="dead-letters"' not in page.text
    assert (told.status_code, told.json()["error"]) == (503, "DatabaseAway")
    assert "overheard init" in told.json()["detail"]
    assert other.status_code == 503
    assert "The tables are older than this version." in other.text


def test_newer_tables_are_told_and_everything_else_shown(world: World) -> None:
    with world.at_revision("from_tomorrow"):
        page = world.browser(world.cast.alice).get("/admin")
    assert "The tables are newer (from_tomorrow)" in page.text
    assert 'id="dead-letters"' in page.text


def test_without_its_home_folder_the_page_says_which_is_missing(world: World, settings: Settings) -> None:
    shutil.rmtree(settings.home)
    page = world.browser(world.cast.alice).get("/admin")
    assert page.status_code == 200
    assert f"There is no folder {settings.home}." in page.text


@contextmanager
def _each_connection(engine: Engine, pragma: str) -> Iterator[None]:
    """Every connection to an SQLite file begins with a pragma, until the end."""

    def say(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "connect", say)
    engine.dispose()
    try:
        yield
    finally:
        sa.event.remove(engine, "connect", say)
        engine.dispose()


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@on_sqlite
def test_where_nothing_can_be_written_the_page_can_still_be_read(world: World, engine: Engine) -> None:
    alice, program = world.browser(world.cast.alice), world.program(world.cast.alice)
    world.passes(timedelta(minutes=30))  # by then it would be noted again that somebody is here
    with _each_connection(engine, "query_only = ON"):
        assert alice.get("/admin").status_code == 200
        assert program.get("/v1/admin/dead-letters").status_code == 200


@on_sqlite
def test_a_full_disk_is_told_as_such_and_what_was_sent_is_not_half_done(world: World, engine: Engine) -> None:
    sam = world.browser(world.cast.sam)
    long = {"name": "Long", "text": "\N{CROISSANT}" * 4000}
    with _each_connection(engine, "max_page_count = 1"):  # it is never less than there are
        answer = sam.submit("/snippets", **long)
    assert answer.status_code == 507
    assert "There is no room left where the database is" in answer.text
    assert sam.submit("/snippets", **long).status_code == 303
