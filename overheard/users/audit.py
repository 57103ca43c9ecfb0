"""The audit log: who did what of which somebody may have to answer for. Rows are only ever added."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.models import AuditEntry, User
from overheard.text import clean
from overheard.vocabulary import AuditAction

PAGE_SIZE = 50
_LONGEST = 500
_AT_ONCE = 1_000
DOOR = "audit_door"
"""What stands in a session's `info` under this is the door by which its changes are made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are asked for; what is None is not asked."""

    action: AuditAction | None = None
    actor_id: int | None = None
    text: str = ""
    """Occurs in the subject or the detail."""
    since: datetime | None = None
    until: datetime | None = None
    """Before that."""


def record(
    session: Session, actor: User | None, action: AuditAction, subject: str, detail: str = "", *, now: datetime
) -> None:
    """Write down what was done, in the transaction that does it.

    `actor`: None for the system, and where nobody is logged in. `subject`: to whom or what ("user 7", "campaign 3").
    Neither `subject` nor `detail` may hold a secret, or a stranger's text or handle: an erasure does not come by here.
    """
    entry = AuditEntry(
        at=now,
        actor_id=actor.id if actor else None,
        action=action,
        subject=clean(subject)[:_LONGEST],
        detail=clean(detail)[:_LONGEST],
        door=session.info.get(DOOR),
    )
    session.add(entry)
    session.flush()


def entries(session: Session, wanted: Wanted, *, before: int | None = None, limit: int = PAGE_SIZE) -> list[AuditEntry]:
    """The newest entries, those older than the entry `before`; one more than `limit` where there are more."""
    statement = sa.select(AuditEntry).options(joinedload(AuditEntry.actor)).order_by(AuditEntry.id.desc())
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    if wanted.action is not None:
        statement = statement.where(AuditEntry.action == wanted.action)
    if wanted.actor_id is not None:
        statement = statement.where(AuditEntry.actor_id == wanted.actor_id)
    statement = _within(statement, wanted.since, wanted.until)
    if wanted.text:
        found = AuditEntry.subject.icontains(wanted.text, autoescape=True)
        statement = statement.where(found | AuditEntry.detail.icontains(wanted.text, autoescape=True))
    return list(session.scalars(statement.limit(limit + 1)))


def between(session: Session, since: datetime | None, until: datetime | None) -> Iterator[AuditEntry]:
    """All entries from one time on and before another, the oldest first, read a few at a time."""
    statement = sa.select(AuditEntry).options(joinedload(AuditEntry.actor)).order_by(AuditEntry.id)
    yield from session.scalars(_within(statement, since, until).execution_options(yield_per=_AT_ONCE))


def _within(statement: sa.Select[AuditEntry], since: datetime | None, until: datetime | None) -> sa.Select[AuditEntry]:
    if since is not None:
        statement = statement.where(AuditEntry.at >= since)
    return statement if until is None else statement.where(AuditEntry.at < until)


def user_named(user: User) -> str:
    """A user as the subject of an entry."""
    return f"user {user.id} ({user.email})"
