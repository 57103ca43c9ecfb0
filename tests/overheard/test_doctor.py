"""Looking an installation over: what is wrong is found, told without a secret, and comes with a way out."""

import shutil
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from overheard.db import Sessions, head_revision, make_engine
from overheard.home import credentials_key
from overheard.listening import credentials
from overheard.models import DeadLetter, OutboundDelivery, Reply, Source
from overheard.notifications.outbound_vocabulary import OutboundEvent, OutboundState
from overheard.operations import backup_list, jobs
from overheard.operations.checks import OF_THE_DATABASE, OF_THE_MACHINE, OF_THE_TABLES
from overheard.operations.findings import Check, Finding, Installation, State, examine
from overheard.operations.work_checks import OF_THE_WORK
from overheard.replying import reply_stops
from overheard.settings import Settings
from overheard.vocabulary import Platform, ReplyState, SourceState
from tests.factories import make_cast, new_post, predict, store, watch_source
from tests.overheard.reply_rows import drafted

ALL: Mapping[str, Check] = {**OF_THE_DATABASE, **OF_THE_MACHINE, **OF_THE_TABLES, **OF_THE_WORK}
Look = Callable[..., dict[str, Finding]]


@pytest.fixture
def look(engine: Engine, tmp_path: Path, now: datetime) -> Look:
    """What is found, by what it is about; of several the worst."""

    def found(**settings: object) -> dict[str, Finding]:
        given = Settings(_env_file=None, **({"home": tmp_path} | settings))  # type: ignore[call-arg, arg-type] # pydantic-settings' own switch
        worst = sorted(examine(Installation(given, engine, now), ALL), key=lambda one: list(State).index(one.state))
        return {finding.what: finding for finding in worst}

    return found


def test_of_a_new_installation_nothing_is_broken_and_every_line_that_is_not_well_says_what_to_do(look: Look) -> None:
    found = look()
    assert {what for what, finding in found.items() if finding.state is State.BROKEN} <= {"workers"}, "none runs yet"
    assert {what for what, finding in found.items() if finding.state is State.LOOK} >= {"sources", "backup"}
    assert all(finding.do for finding in found.values() if finding.state is not State.OK)
    assert set(ALL) - set(found) <= {"jobs"}, "on SQLite there are none"


def test_looking_makes_nothing(tmp_path: Path, now: datetime) -> None:
    home = tmp_path / "home"
    engine = make_engine(f"sqlite:///{home}/overheard.db")
    settings = Settings(home=home, _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch
    first, *_ = examine(Installation(settings, engine, now), ALL)
    assert (first.what, first.state, first.do) == ("database", State.BROKEN, "Make it: `overheard init`")
    assert not home.exists()


def test_what_nobody_foresaw_is_a_finding_that_quotes_nothing_and_the_others_are_done(
    engine: Engine, now: datetime
) -> None:
    def fails(_: Installation) -> list[Finding]:
        raise KeyError("hunter2")

    installation = Installation(Settings(_env_file=None), engine, now)  # type: ignore[call-arg] # as above
    first, *others = examine(installation, {"first": fails, **OF_THE_DATABASE})
    assert (first.state, "hunter2" in repr(first)) == (State.BROKEN, False)
    assert [finding.what for finding in others] == ["database", "migrations"]


def test_tables_of_another_version_are_told_apart(engine: Engine, look: Look) -> None:
    def say(revision: str) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :to"), {"to": revision})

    try:
        for revision, state in (("0001", State.BROKEN), ("9999", State.LOOK)):
            say(revision)
            assert look()["migrations"].state is state, revision
    finally:
        say(head_revision())


def test_a_home_that_others_read_and_a_password_that_anybody_guesses_are_told(look: Look, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    found = look(host="0.0.0.0", secret_key="hunter2")  # noqa: S104 - that is the point
    assert "chmod go-rwx" in found["home"].do
    assert found["secrets"].state is State.BROKEN
    assert "hunter2" not in repr(found)


def test_a_full_disk_is_broken_and_a_nearly_full_one_is_looked_at(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    for free, state in ((10**12, State.OK), (500 * 10**6, State.LOOK), (10**6, State.BROKEN)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert look()["disk"].state is state


def test_accounts_that_the_key_does_not_open_are_told_and_no_key_is_made(
    look: Look, sessions: Sessions, tmp_path: Path, now: datetime
) -> None:
    settings = Settings(home=tmp_path, _env_file=None)  # type: ignore[call-arg] # as above
    with sessions.begin() as session:
        credentials.save(session, settings, mode="slack", name="acme", secrets={"token": "hunter2"}, now=now)
    assert look()["accounts"].state is State.OK
    (tmp_path / "credentials_key").unlink()
    assert (look()["accounts"].state, (tmp_path / "credentials_key").exists()) == (State.BROKEN, False)
    credentials_key(settings)  # another one
    assert "overheard sources add slack" in look()["accounts"].do


def test_a_backup_of_days_ago_is_old(look: Look, tmp_path: Path, now: datetime) -> None:
    (tmp_path / "backups").mkdir()
    for age, state in ((timedelta(days=5), State.LOOK), (timedelta(hours=5), State.OK)):
        (tmp_path / "backups" / f"overheard-{now - age:%Y%m%dT%H%M%S}.tar.zst").touch()
        assert look()["backup"].state is state


def test_a_backup_that_was_written_elsewhere_counts_until_it_is_seen_gone(
    look: Look, sessions: Sessions, tmp_path: Path, now: datetime
) -> None:
    (written := tmp_path / "elsewhere.tar.zst").touch()
    with sessions.begin() as session:
        backup_list.write_down(session, written, at=now - timedelta(hours=5))
    assert look()["backup"].state is State.OK
    written.unlink()
    assert look()["backup"].state is State.LOOK


def test_a_clock_that_went_back_is_seen_by_what_came_in(look: Look, sessions: Sessions, now: datetime) -> None:
    assert look()["clock"].state is State.OK
    with sessions.begin() as session:
        store(session, new_post(), now=now + timedelta(hours=1))
    assert look()["clock"].state is State.LOOK


def test_posts_that_wait_for_the_model_and_hold_up_sources_are_told(
    look: Look, sessions: Sessions, now: datetime
) -> None:
    with sessions.begin() as session:
        store(session, new_post(), new_post(), now=now - timedelta(hours=1))
    found = look(backlog_limit=1)
    assert (found["judging"].state, found["back-pressure"].state) == (State.LOOK, State.LOOK)
    assert "back-pressure" not in look(backlog_limit=2)


def test_sources_are_told_by_what_is_the_matter_with_them(look: Look, sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        source = watch_source(session, now=now)
    assert look()["sources"].state is State.OK
    changes: dict[str, dict[str, object]] = {
        "The last pass failed": {"failures": 3, "last_error": "hunter2"},
        "Waiting for somebody": {"failures": 0, "state": SourceState.NEEDS_OPERATOR},
        "Due for more than": {"state": SourceState.WATCHING, "next_run_at": now - timedelta(hours=1)},
    }
    for said, values in changes.items():
        with sessions.begin() as session:
            session.execute(sa.update(Source).where(Source.id == source.id).values(**values))
        found = look()["sources"]
        assert found.says.startswith(said)
        assert "hunter2" not in repr(found)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_jobs_and_workers_are_told(look: Look, sessions: Sessions, now: datetime) -> None:
    def run(statement: str) -> None:
        with sessions.begin() as session:
            session.execute(sa.text(statement))

    assert "No worker" in look()["workers"].says
    run("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
    assert look()["workers"].state is State.OK
    with sessions.begin() as session:
        jobs.defer(session, "sweep", queue="upkeep", scheduled_at=now - timedelta(hours=1))
    assert "overheard worker --queues upkeep" in look()["workers"].do
    run("UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT max(id) FROM procrastinate_workers)")
    assert (look()["workers"].state, look()["jobs"].state) == (State.OK, State.OK)
    run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    assert "dead workers" in look()["jobs"].says
    run("UPDATE procrastinate_jobs SET status = 'failed'")
    assert look()["jobs"].says == "Given up: sweep."


def test_replies_and_deliveries_that_do_not_arrive_are_told(look: Look, sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        reply = drafted(session, make_cast(session, now=now).sam, now=now)
        session.execute(sa.update(Reply).where(Reply.id == reply.id).values(state=ReplyState.AMBIGUOUS))
        session.add(
            OutboundDelivery(
                key="1", event=next(iter(OutboundEvent)), at=now, state=OutboundState.FAILED, next_at=now, attempts=12
            )
        )
    found = look()
    assert "Never send again" in found["replies"].do
    assert "/alerts/deliveries" in found["deliveries"].do
    with sessions.begin() as session:
        session.execute(sa.delete(Reply))
        reply_stops.stop(session, because="a test", actor=None, now=now)
    assert "overheard replies go" in look()["replies"].do


def test_posts_that_are_kept_too_long_are_told(look: Look, sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        (post,) = store(
            session, new_post(platform=Platform.HACKERNEWS, community="Hacker News"), now=now - timedelta(days=3)
        )
        source = watch_source(session, now=now)
        predict(session, post, now=now)
    assert look()["sweeping"].state is State.OK
    with sessions.begin() as session:
        session.execute(sa.update(Source).where(Source.id == source.id).values(retention_hours=48))
    assert look()["sweeping"].do.startswith("Erase them now: `overheard sweep`")


def test_many_unreadable_items_are_told(look: Look, sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        watch_source(session, now=now)
        session.add(
            DeadLetter(origin="Hacker News: Hacker News", locator="item 1", reason="r", raw=b"", raw_sha256="", at=now)
        )
    assert look()["sources"].do.startswith("Look: `overheard dead-letters")


def test_the_operators_page_has_a_line_for_every_finding() -> None:
    told = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for what in (*ALL, "back-pressure", "model", "encoder", "judgement", "platforms", "platforms' clock", "work"):
        assert f"`{what}`" in told, what
