"""Jobs in a person's hand: tried again or dropped, and written down."""

from datetime import datetime

from sqlalchemy.orm import Session

from overheard.models import User
from overheard.operations import jobs
from overheard.users import audit
from overheard.vocabulary import AuditAction


def retry_job(session: Session, job_id: int, *, actor: User | None, now: datetime) -> None:
    """Let a job that was given up be done again."""
    jobs.retry(session, job_id, now=now)
    audit.record(session, actor, AuditAction.RETRIED, f"job {job_id}", now=now)


def drop_job(session: Session, job_id: int, *, actor: User | None, now: datetime) -> None:
    """Forget a job."""
    jobs.drop(session, job_id)
    audit.record(session, actor, AuditAction.DROPPED, f"job {job_id}", now=now)
