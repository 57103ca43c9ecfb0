"""Jobs are deferred with the rows that need them, seen, tried again and dropped; on SQLite there are none."""

from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.errors import NotFound, WrongStage
from overheard.operations import jobs

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def _set(session: Session, state: str) -> None:
    session.execute(
        sa.text("UPDATE procrastinate_jobs SET status = CAST(:state AS procrastinate_job_status)"), {"state": state}
    )


@on_postgresql
def test_a_job_is_there_if_and_only_if_the_rows_beside_it_are_committed(sessions: Sessions) -> None:
    with sessions() as session:
        jobs.defer(session, "classify")
        session.rollback()
    with sessions.begin() as session:
        jobs.defer(session, "collect", queue="collect", lock="hackernews", args={"mode": "hackernews"}, priority=3)
    with sessions() as session:
        (job,) = jobs.jobs(session)
        assert (job.task, job.queue, job.state, job.attempts, job.priority) == ("collect", "collect", "todo", 0, 3)
        assert (job.lock, job.args, job.scheduled_at) == ("hackernews", {"mode": "hackernews"}, None)
        assert job.changed_at is not None
        assert jobs.counts(session) == {"collect": {"todo": 1}}


@on_postgresql
def test_of_jobs_that_wait_under_one_lock_there_is_one_and_the_rows_beside_a_second_stay(sessions: Sessions) -> None:
    for _ in range(2):
        with sessions.begin() as session:
            jobs.defer(session, "sweep", queueing_lock="sweep")
            jobs.defer(session, "classify")
    with sessions() as session:
        assert jobs.counts(session) == {"classify": {"todo": 2}, "sweep": {"todo": 1}}
        assert [job.task for job in jobs.jobs(session, limit=2)] == ["classify", "classify"]
        assert jobs.jobs(session, states=["failed"]) == []


@on_postgresql
def test_what_failed_is_tried_again_and_only_that(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        jobs.defer(session, "sweep", queueing_lock="sweep")
        (job,) = jobs.jobs(session)
        with pytest.raises(WrongStage, match="only what failed"):
            jobs.retry(session, job.id, now=now)
        _set(session, "doing")
        _set(session, "failed")
        jobs.retry(session, job.id, now=now)
        (again,) = jobs.jobs(session)
        assert (again.state, again.attempts, again.scheduled_at) == ("todo", 1, now)
        _set(session, "doing")
        _set(session, "failed")
        jobs.defer(session, "sweep", queueing_lock="sweep")
        with pytest.raises(WrongStage, match="waits to be done already"):
            jobs.retry(session, job.id, now=now)


@on_postgresql
def test_a_job_is_dropped_unless_it_runs(sessions: Sessions) -> None:
    with sessions.begin() as session:
        jobs.defer(session, "sweep")
        (job,) = jobs.jobs(session)
        _set(session, "doing")
        with pytest.raises(WrongStage, match="runs"):
            jobs.drop(session, job.id)
        _set(session, "failed")
        jobs.drop(session, job.id)
        assert jobs.jobs(session) == []
        with pytest.raises(NotFound):
            jobs.drop(session, job.id)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_sqlite_nothing_is_deferred_and_there_is_nothing_to_see(session: Session, now: datetime) -> None:
    jobs.defer(session, "classify")
    assert jobs.jobs(session) == []
    assert jobs.counts(session) == {}
    with pytest.raises(NotFound):
        jobs.retry(session, 1, now=now)
