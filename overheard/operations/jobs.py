"""The jobs that wait for workers, run, or were given up: Procrastinate's own tables, seen and fed from here.

Only PostgreSQL has them (migration 0021). On SQLite one process does all there is to do, so nothing is deferred and
there is nothing to see.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from overheard.errors import NotFound, WrongStage

DEFAULT_QUEUE = "default"

WAITING, RUNNING, FAILED = "todo", "doing", "failed"
"""States as Procrastinate names them; the others are `succeeded`, `cancelled` and `aborted`."""

STALLED_AFTER = 20.0
"""Seconds without a sign of life after which a worker counts as dead; they give one every five."""

_KEPT = 100  # jobs that were given up, of each task

_JOBS = sa.table(
    "procrastinate_jobs",
    sa.column("id", sa.BigInteger),
    sa.column("task_name", sa.String),
    sa.column("queue_name", sa.String),
    sa.column("status", sa.String),
    sa.column("attempts", sa.Integer),
    sa.column("priority", sa.Integer),
    sa.column("lock", sa.String),
    sa.column("queueing_lock", sa.String),
    sa.column("scheduled_at", sa.DateTime(timezone=True)),
    sa.column("args", JSONB),
    sa.column("worker_id", sa.BigInteger),
)
_EVENTS = sa.table(
    "procrastinate_events", sa.column("job_id", sa.BigInteger), sa.column("at", sa.DateTime(timezone=True))
)
_STATE = sa.cast(_JOBS.c.status, sa.String)  # an enum of the database's own, which compares with no string

_DEFER = sa.text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(:queue, :task, :priority, :lock, :queueing_lock, "
    "CAST(:args AS jsonb), CAST(:scheduled_at AS timestamptz))]::procrastinate_job_to_defer_v1[])"
)
_RETRY = sa.text("SELECT procrastinate_retry_job_v2(:id, :at, NULL, NULL, NULL)")
_STALLED = (
    "FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id "
    "WHERE job.status = 'doing' "
    "AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :seconds))"
)
_LOST = sa.text(f"SELECT job.id {_STALLED} FOR UPDATE OF job SKIP LOCKED")
_LOST_NUMBER = sa.text(f"SELECT count(*) {_STALLED}")
_ALIVE = sa.text(
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat >= now() - make_interval(secs => :seconds)"
)
_WORKERS = sa.text(
    "SELECT id, last_heartbeat, (SELECT count(*) FROM procrastinate_jobs job WHERE job.worker_id = worker.id "
    "AND job.status = 'doing') FROM procrastinate_workers worker "
    "WHERE last_heartbeat >= now() - interval '1 hour' ORDER BY last_heartbeat DESC, id LIMIT 100"
)
_GROUPS = sa.text(
    "SELECT job.queue_name, job.task_name, CAST(job.status AS text), count(*), min(since.at) "
    "FROM procrastinate_jobs job CROSS JOIN LATERAL (SELECT max(event.at) AS at FROM procrastinate_events event "
    "WHERE event.job_id = job.id) since GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_LONGEST_WAITING = sa.text(
    "SELECT job.queue_name, min(since.at) FROM procrastinate_jobs job "
    "CROSS JOIN LATERAL (SELECT COALESCE(job.scheduled_at, max(event.at)) AS at FROM procrastinate_events event "
    "WHERE event.job_id = job.id) since WHERE job.status = 'todo' AND since.at <= now() "
    "AND NOT EXISTS (SELECT FROM procrastinate_jobs other JOIN procrastinate_workers worker ON worker.id = "
    "other.worker_id WHERE other.queue_name = job.queue_name AND other.status = 'doing' "
    "AND worker.last_heartbeat >= now() - make_interval(secs => :seconds)) "
    "GROUP BY job.queue_name"
)


@dataclass(frozen=True, slots=True)
class Job:
    """One job, as it stands."""

    id: int
    task: str
    queue: str
    state: str
    attempts: int
    """How often it was done and failed."""
    priority: int
    lock: str | None
    """Of the jobs with one lock, one runs at a time."""
    scheduled_at: datetime | None
    changed_at: datetime | None
    """When it came into its state."""
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobGroup:
    """The jobs of one task in one state."""

    queue: str
    task: str
    state: str
    number: int
    since: datetime | None
    """When the one that is longest in this state came into it."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker; a process is one for each queue that it serves."""

    id: int
    seen_at: datetime
    """Its last sign of life."""
    running: int
    """Jobs that it does just now."""


def jobs(
    session: Session, *, states: Collection[str] | None = None, before: int | None = None, limit: int = 100
) -> list[Job]:
    """The newest jobs, newest first; of these states, or of all; older than the job `before`. What was done well leaves
    no row behind.
    """
    if not has_jobs(session):
        return []
    statement = _jobs().order_by(_JOBS.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(_JOBS.c.id < before)
    if states is not None:
        statement = statement.where(_STATE.in_(list(states)))
    return [Job(*row) for row in session.execute(statement)]


def counts(session: Session) -> dict[str, dict[str, int]]:
    """How many jobs each task has in each state."""
    if not has_jobs(session):
        return {}
    statement = sa.select(_JOBS.c.task_name, _STATE, sa.func.count()).group_by(_JOBS.c.task_name, _STATE)
    found: dict[str, dict[str, int]] = {}
    for task, state, number in session.execute(statement.order_by(_JOBS.c.task_name)):
        found.setdefault(task, {})[state] = number
    return found


def groups(session: Session) -> list[JobGroup]:
    """All jobs, by queue, task and state."""
    if not has_jobs(session):
        return []
    return [JobGroup(*row) for row in session.execute(_GROUPS)]


def workers(session: Session) -> list[Worker]:
    """All that gave a sign of life within an hour, the latest first."""
    if not has_jobs(session):
        return []
    return [Worker(*row) for row in session.execute(_WORKERS)]


def workers_alive(session: Session) -> int:
    """How many workers gave a sign of life within `STALLED_AFTER`; one process is one for each queue that it serves."""
    return session.scalar(_ALIVE, {"seconds": STALLED_AFTER}) or 0 if has_jobs(session) else 0


def longest_waiting(session: Session) -> dict[str, datetime]:
    """Since when a job waits in each queue of which nobody does anything; the other queues are left out."""
    if not has_jobs(session):
        return {}
    rows = session.execute(_LONGEST_WAITING, {"seconds": STALLED_AFTER})
    return {queue: since for queue, since in rows}  # noqa: C416 - dict() of rows confuses mypy


def stalled(session: Session) -> int:
    """How many jobs stand in `RUNNING` whose worker has not been heard of for a while."""
    return session.scalar(_LOST_NUMBER, {"seconds": STALLED_AFTER}) or 0 if has_jobs(session) else 0


def retry(session: Session, job_id: int, *, now: datetime) -> None:
    """Let a job that was given up be done again."""
    job = _get(session, job_id)
    if job.state != FAILED:
        raise WrongStage(f"Job {job_id} ({job.task}) is {job.state}: only what failed can be tried again.")
    try:
        with session.begin_nested():
            session.execute(_RETRY, {"id": job_id, "at": now})
    except IntegrityError as error:
        raise WrongStage(f"{job.task} waits to be done already: drop job {job_id}.") from error


def drop(session: Session, job_id: int) -> None:
    """Forget a job. What it would have done is found again where the tables say that it is still to be done."""
    job = _get(session, job_id)
    gone = sa.delete(_JOBS).where(_JOBS.c.id == job_id, _STATE != RUNNING).returning(_JOBS.c.id)
    if session.scalar(gone) is None:
        raise WrongStage(f"Job {job_id} ({job.task}) runs: wait for its end, or end its worker.")


def defer(
    session: Session,
    task: str,
    *,
    queue: str = DEFAULT_QUEUE,
    lock: str | None = None,
    queueing_lock: str | None = None,
    args: Mapping[str, Any] | None = None,
    priority: int = 0,
    scheduled_at: datetime | None = None,
) -> None:
    """Have a worker do this once the session's transaction is committed, and not if it is rolled back.

    `lock`: of the jobs with this one, one runs at a time. `queueing_lock`: only one job with this one waits; another
    is not added. The second to add one waits for the end of the first one's transaction.
    """
    if not has_jobs(session):
        return
    values = {
        "queue": queue,
        "task": task,
        "priority": priority,
        "lock": lock,
        "queueing_lock": queueing_lock,
        "args": json.dumps(dict(args or {})),
        "scheduled_at": scheduled_at,
    }
    if queueing_lock is None:
        session.execute(_DEFER, values)
        return
    try:
        with session.begin_nested():
            session.execute(_DEFER, values)
    except IntegrityError:
        return  # one waits already


def take_waiting(session: Session, task: str) -> int:
    """Take all waiting jobs of a task away, as the caller does their work; how many.

    What was committed together with one of them is seen by every statement of the caller that comes after this.
    """
    if not has_jobs(session):
        return 0
    waiting = (
        sa.select(_JOBS.c.id)
        .where(_JOBS.c.task_name == task, _STATE == WAITING)
        .with_for_update(of=_JOBS, skip_locked=True)
    )
    gone = sa.delete(_JOBS).where(_JOBS.c.id.in_(waiting)).returning(_JOBS.c.id)
    return len(session.scalars(gone).all())


def has_jobs(session: Session) -> bool:
    """Whether this database has jobs at all: it is PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"


def _jobs() -> sa.Select[Any]:
    changed_at = sa.select(sa.func.max(_EVENTS.c.at)).where(_EVENTS.c.job_id == _JOBS.c.id).scalar_subquery()
    names = ("id", "task_name", "queue_name", "status", "attempts", "priority", "lock", "scheduled_at")
    columns = [_STATE if name == "status" else _JOBS.c[name] for name in names]
    return sa.select(*columns, changed_at, _JOBS.c.args)


def _get(session: Session, job_id: int) -> Job:
    row = session.execute(_jobs().where(_JOBS.c.id == job_id)).first() if has_jobs(session) else None
    if row is None:
        raise NotFound(f"There is no job {job_id}: it may be done by now.")
    return Job(*row)


# --- for the workers -----------------------------------------------------------------------------------------------


def is_waiting(session: Session, task: str) -> bool:
    """Whether a job of this task waits for a worker."""
    return has_jobs(session) and bool(
        session.scalar(sa.select(sa.exists().where(_JOBS.c.task_name == task, _STATE == WAITING)))
    )


def is_there(session: Session, lock: str) -> bool:
    """Whether a job with this lock waits or runs."""
    return has_jobs(session) and bool(
        session.scalar(sa.select(sa.exists().where(_JOBS.c.lock == lock, _STATE.in_((WAITING, RUNNING)))))
    )


def is_held(session: Session, job_id: int, worker_id: int | None) -> bool:
    """Whether a job is still this worker's: one that was paused for long may have lost it to another."""
    mine = sa.exists().where(_JOBS.c.id == job_id, _STATE == RUNNING, _JOBS.c.worker_id == worker_id)
    return has_jobs(session) and bool(session.scalar(sa.select(mine)))


def is_held_up(session: Session, queue: str) -> bool:
    """Whether a job waits in this queue though nothing but the want of a free place holds it up."""
    running = _JOBS.alias()
    is_locked = sa.exists().where(running.c.lock == _JOBS.c.lock, sa.cast(running.c.status, sa.String) == RUNNING)
    waits = sa.exists().where(_JOBS.c.queue_name == queue, _STATE == WAITING, ~is_locked)
    return has_jobs(session) and bool(session.scalar(sa.select(waits)))


def take_back(session: Session) -> int:
    """Let jobs be done again whose worker has not been heard of for a while; how many.

    Procrastinate lets them stand in `doing` (its issue 1518), where their locks keep all others like them from running.
    """
    if not has_jobs(session):
        return 0
    lost = session.scalars(_LOST, {"seconds": STALLED_AFTER}).all()
    for job_id in lost:
        try:
            with session.begin_nested():
                session.execute(_RETRY, {"id": job_id, "at": None})
        except IntegrityError:  # one like it waits already
            session.execute(sa.delete(_JOBS).where(_JOBS.c.id == job_id))
    return len(lost)


def prune(session: Session) -> None:
    """Keep the newest of each task that were given up or cancelled, so that one that fails again and again fills no
    disk.
    """
    if not has_jobs(session):
        return
    place = sa.func.row_number().over(partition_by=_JOBS.c.task_name, order_by=_JOBS.c.id.desc())
    ended = sa.select(_JOBS.c.id, place.label("place")).where(_STATE.not_in((WAITING, RUNNING))).subquery()
    session.execute(sa.delete(_JOBS).where(_JOBS.c.id.in_(sa.select(ended.c.id).where(ended.c.place > _KEPT))))
