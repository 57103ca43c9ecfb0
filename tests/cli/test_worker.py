"""`overheard worker`, in processes of their own on a PostgreSQL: shared work, killed workers, polite ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from classifier.backlog import BATCH
from cli.context import clock
from overheard.db import make_engine, make_sessions, upgrade
from overheard.listening.intake import take_in
from tests.cli.process import run_command
from tests.conftest import create_postgres_database
from tests.factories import make_campaign, new_post

PATIENCE = 240.0  # seconds; the model takes some to load where the machine is busy
GRACE = 10.0
POSTS = 520
CLASSIFYING = "procrastinate_jobs WHERE task_name = 'classify' AND status = 'doing'"


@pytest.fixture
def engine(postgres_server: str, tmp_path: Path) -> Iterator[Engine]:
    """A database of its own: workers go on in it until they are told to end."""
    engine = make_engine(create_postgres_database(postgres_server, f"workers_{tmp_path.name}"))
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def environment(engine: Engine, tmp_path: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")} | {
        "OVERHEARD_HOME": str(tmp_path / "home"),
        "OVERHEARD_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "HF_HUB_OFFLINE": "1",
    }


@contextmanager
def worker(environment: dict[str, str], *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-m", "cli", "worker", *words], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(happened: Callable[[], bool]) -> None:
    pause, end = threading.Event(), time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        pause.wait(0.1)


def count(engine: Engine, what: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(f"SELECT count(*) FROM {what}")) or 0)  # noqa: S608 - our own words


def ask(engine: Engine, numbers: Sequence[int]) -> None:
    """People ask for an invoicing tool, each post another one's."""
    with make_sessions(engine).begin() as session:
        posts = [
            new_post(author=f"writer{number}", body=f"We are {number} people. Can you recommend a simple CRM?")
            for number in numbers
        ]
        take_in(session, posts, origin="test", now=clock())


def prepare(engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        make_campaign(session, now=clock())


def let_time_pass(engine: Engine) -> None:
    """As if the half minute were over after which what a dead worker had is given to others."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 hour'")
        )
        connection.execute(sa.text("UPDATE taken_posts SET until = until - interval '1 hour'"))


def test_a_killed_worker_loses_and_doubles_nothing_and_a_polite_end_takes_less_than_ten_seconds(
    engine: Engine, environment: dict[str, str]
) -> None:
    prepare(engine)
    with ExitStack() as stack:
        first, second = (stack.enter_context(worker(environment, "--queues", "classify,upkeep")) for _ in range(2))
        until(lambda: count(engine, "procrastinate_workers") == 4)
        ask(engine, range(POSTS))
        until(lambda: count(engine, f"taken_posts HAVING count(*) > {BATCH}") > 0)  # both are at work
        first.kill()
        first.wait()
        assert count(engine, CLASSIFYING) >= 1, "a dead worker's job goes on standing there"  # and perhaps the other's
        let_time_pass(engine)
        ask(engine, range(POSTS, POSTS + 50))
        until(lambda: count(engine, "unjudged_posts") == count(engine, CLASSIFYING) == 0)
        second.send_signal(signal.SIGTERM)
        assert second.wait(GRACE) == 0
    assert count(engine, "predictions") == count(engine, "posts") == POSTS + 50
    assert (
        count(engine, "leads") == count(engine, "signals") == count(engine, "(SELECT DISTINCT post_id FROM signals) s")
    )
    assert count(engine, "procrastinate_jobs WHERE status = 'failed'") == 0


def test_a_worker_that_is_busy_ends_in_time_and_what_it_left_is_still_to_be_done(
    engine: Engine, environment: dict[str, str]
) -> None:
    prepare(engine)
    many = 4 * POSTS  # more than it can judge while this test is not given the processor
    ask(engine, range(many))
    with worker(environment, "--queues", "classify") as process:
        until(lambda: count(engine, "taken_posts") > 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(GRACE) == 0
    assert count(engine, "predictions") + count(engine, "unjudged_posts") == many
    assert count(engine, "predictions") < many, "it was busy"


@pytest.mark.parametrize(
    ("words", "url", "says"),
    [
        (["worker"], "sqlite:///x.db", "overheard run"),
        (["worker", "--queues", "collect,judge"], None, "There is no queue 'judge'"),
    ],
)
def test_a_worker_that_cannot_work_says_what_to_do(
    words: list[str], url: str | None, says: str, environment: dict[str, str], tmp_path: Path
) -> None:
    done = run_command(words, environment=environment | ({"OVERHEARD_DATABASE_URL": url} if url else {}), cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr
