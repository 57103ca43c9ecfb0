"""Jobs are hints: whichever of them are lost, doubled or cut off, the tables end the same."""

import asyncio
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from procrastinate import App, PsycopgConnector
from procrastinate.worker import Worker
from pydantic import SecretStr
from sqlalchemy.orm import Session

from cli.context import Context, clock
from cli.jobs import Jobs, cron
from cli.judging import Judging
from overheard.listening import judging_queue, sources
from overheard.listening.intake import Erased, take_in
from overheard.models import Lead, Post, Prediction, Signal, Source, TakenPost, UnjudgedPost
from overheard.operations import jobs as rows
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.classifier.test_run import WordJudge
from tests.factories import make_campaign, new_post, watch_source

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class InUse:
    """A model that is always in use."""

    def __init__(self) -> None:
        self._judge = WordJudge()

    def judge(self) -> WordJudge:
        return self._judge

    def is_current(self, session: Session) -> bool:
        return True


@pytest.fixture
def context(database_url: str, tmp_path: Path) -> Iterator[Context]:
    context = Context(Settings(home=tmp_path / "home", database_url=SecretStr(database_url)))
    yield context
    context.engine.dispose()


@pytest.fixture
def jobs(context: Context) -> Jobs:
    jobs = Jobs(context, threading.Event())
    jobs.judging = Judging(context, threading.Event(), is_shared=True)
    jobs.judging.in_use = InUse()  # type: ignore[assignment] # the seam that classifying needs
    jobs.judging._meaning = None  # type: ignore[assignment] # noqa: SLF001 - queries alone find posts here
    return jobs


def work(context: Context, jobs: Jobs) -> None:
    """A worker does all that waits, and ends."""

    async def run() -> None:
        url = context.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        app = App(connector=PsycopgConnector(conninfo=url, min_size=1))
        jobs.register(app, schedules=False)
        async with app.open_async():
            worker = Worker(
                app, wait=False, delete_jobs="successful", listen_notify=False, install_signal_handlers=False
            )
            await worker.run()  # type: ignore[no-untyped-call]

    asyncio.run(run())


def disturb(context: Context, chance: random.Random) -> None:
    """Jobs are lost and doubled, and a batch is left by a worker that dies after it took it."""
    with context.sessions.begin() as session:
        for job in rows.jobs(session):
            match chance.choice(("lost", "doubled", "left", "as it is")):
                case "lost":
                    rows.drop(session, job.id)
                case "doubled":
                    rows.defer(session, job.task, queue=job.queue, args=job.args)
                case "left":
                    dead = "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = :id"
                    session.execute(sa.text(dead), {"id": job.id})
                    taken = session.scalars(sa.select(UnjudgedPost.post_id).limit(3)).all()
                    for post_id in taken:
                        session.merge(TakenPost(post_id=post_id, until=clock()))


def live(context: Context, jobs: Jobs, chance: random.Random | None) -> list[object]:
    """The same posts, edits and erasures come in, while jobs are done as they come, or disturbed; what is there in the
    end, when nothing more happens.
    """
    with context.sessions.begin() as session:
        make_campaign(session, now=clock())
    for page in range(6):
        posts = [
            new_post(external_id=f"p{n}", author=f"a{n % 7}", body="I need it" if n % 3 == 0 else "Hm.")
            for n in range(page * 5, page * 5 + 8)  # some come twice
        ]
        gone = [Erased(Platform.REDDIT, f"p{page * 4}")] if page % 2 else []
        with context.sessions.begin() as session:
            take_in(session, [*posts, *gone], origin="t", now=clock())
        if chance:
            disturb(context, chance)
        if chance is None or chance.random() < 0.7:
            work(context, jobs)
    for _ in range(3):
        jobs.tidy()
        jobs.find_unjudged()
        work(context, jobs)
    with context.sessions() as session:
        assert rows.jobs(session) == []
        assert judging_queue.waiting(session, at_most=1) == 0
        said = sa.select(Post.external_id, Prediction.score).join(Prediction, Prediction.post_id == Post.id)
        signals = (
            sa.select(Post.external_id, Lead.author)
            .join(Signal, Signal.post_id == Post.id)
            .join(Lead, Lead.id == Signal.lead_id)
        )
        return [sorted(tuple(row) for row in session.execute(each)) for each in (said, signals)]


@on_postgresql
@pytest.mark.parametrize("seed", range(3))
def test_whatever_jobs_are_lost_doubled_or_left_by_the_dead_the_end_is_the_same(
    seed: int, context: Context, jobs: Jobs
) -> None:
    said = [(f"p{n}", 0.9 if n % 3 == 0 else 0.1) for n in range(33) if n not in {4, 12, 20}]
    signals = [(f"p{n}", f"a{n % 7}") for n in range(33) if n % 3 == 0 and n != 12]
    chance = random.Random(seed) if seed else None  # noqa: S311 - no secret
    assert live(context, jobs, chance) == [sorted(said), sorted(signals)]


@on_postgresql
def test_an_account_that_nobody_reads_is_found_and_only_once(context: Context, jobs: Jobs) -> None:
    with context.sessions.begin() as session:
        source = watch_source(session, mode="hackernews", platform=Platform.HACKERNEWS, community="all", now=clock())
    for _ in range(2):
        jobs.find_accounts()
    with context.sessions.begin() as session:
        (job,) = rows.jobs(session)
        assert (job.task, job.args) == ("collect", {"mode": "hackernews", "credential_id": None})
        rows.drop(session, job.id)
        sources.pause(session.get_one(Source, source.id))
    jobs.find_accounts()
    with context.sessions() as session:
        assert rows.jobs(session) == []


@on_postgresql
def test_an_account_gives_its_place_away_when_another_one_waits_for_one(context: Context) -> None:
    with context.sessions.begin() as session:
        rows.defer(session, "collect", queue="collect", lock="collect a")
        session.execute(sa.text("UPDATE procrastinate_jobs SET status = 'doing'"))
        rows.defer(session, "collect", queue="collect", lock="collect a")
        assert not rows.is_held_up(session, "collect"), "its own next job is no other account's"
        rows.defer(session, "collect", queue="collect", lock="collect b")
        assert rows.is_held_up(session, "collect")
        assert not rows.is_held_up(session, "send")


@on_postgresql
def test_of_what_failed_the_newest_are_kept(context: Context) -> None:
    with context.sessions.begin() as session:
        for _ in range(101):
            rows.defer(session, "crm")
        session.execute(sa.text("UPDATE procrastinate_jobs SET status = 'failed'"))
        rows.defer(session, "crm")
        oldest = min(job.id for job in rows.jobs(session, limit=200))
        rows.prune(session)
        assert rows.counts(session) == {"crm": {"failed": 100, "todo": 1}}
        assert oldest not in {job.id for job in rows.jobs(session, limit=200)}


def test_rhythms_are_said_as_cron_says_them() -> None:
    assert [cron(every) for every in (5.0, 60.0, 600.0)] == ["* * * * * */5", "* * * * *", "*/10 * * * *"]
