"""Items that could not be taken in: looking at them, taking them in after all, letting them go."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.listening.intake import Item, Rejected, take_in
from overheard.models import DeadLetter, User
from overheard.settings import Settings
from overheard.users import audit
from overheard.vocabulary import AuditAction

PAGE_SIZE = 20

Reread = Callable[[DeadLetter], Sequence[Item]]
"""What an item is by now: asked of its platform, or read once more. `InvalidInput` where neither can be done."""


class Retried(StrEnum):
    """What came of a letter that was read again."""

    TAKEN_IN = "taken_in"
    UNREADABLE = "unreadable"
    """Still; it stays, with the reason of today."""
    UNKNOWN = "unknown"
    """Its platform says nothing of it. It stays."""


def page(session: Session, *, before: int | None = None, limit: int = PAGE_SIZE) -> list[DeadLetter]:
    """The newest, those older than the letter `before`; one more than `limit` where there are more."""
    statement = sa.select(DeadLetter).order_by(DeadLetter.id.desc()).limit(limit + 1)
    return list(session.scalars(statement if before is None else statement.where(DeadLetter.id < before)))


def count(session: Session) -> int:
    """How many there are."""
    return session.scalar(sa.select(sa.func.count()).select_from(DeadLetter)) or 0


def get(session: Session, letter_id: int) -> DeadLetter:
    """One of them."""
    letter = session.get(DeadLetter, letter_id)
    if letter is None:
        raise NotFound(f"There is no dead letter {letter_id}: it was taken in, dropped or erased.")
    return letter


def take_again(
    session: Session, settings: Settings, letter_id: int, items: Sequence[Item], *, actor: User | None, now: datetime
) -> Retried:
    """Take in what was read of a letter (`Reread`), by the same door as everything. What can be read is no letter any
    more, be it stored, known by now or gone at its platform.
    """
    letter = get(session, letter_id)
    if not items:
        return Retried.UNKNOWN
    session.delete(letter)
    session.flush()  # first: the same item may be set aside again
    take_in(session, items, origin=letter.origin, now=now, settings=settings)
    audit.record(session, actor, AuditAction.RETRIED, f"dead letter {letter_id}", now=now)
    return Retried.UNREADABLE if any(isinstance(item, Rejected) for item in items) else Retried.TAKEN_IN


def drop(session: Session, letter_id: int, *, actor: User | None, now: datetime) -> None:
    """Let one go: what was kept of the item is gone."""
    session.delete(get(session, letter_id))
    session.flush()
    audit.record(session, actor, AuditAction.DROPPED, f"dead letter {letter_id}", now=now)
