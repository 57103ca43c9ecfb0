"""Posts that wait to be judged: how many there are, and calling a worker for them."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import UnjudgedPost
from overheard.operations import jobs

_TASK = _QUEUE = "classify"
_FIRST = 10  # priority: before what is judged anew


def waiting(session: Session, *, at_most: int) -> int:
    """How many posts wait, counted up to a number: the look costs the same however many there are."""
    some = sa.select(UnjudgedPost.post_id).limit(at_most).subquery()
    return session.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def is_full(session: Session, limit: int) -> bool:
    """Whether so many wait that no more should be brought in; with a limit of 0 never."""
    if not limit:
        return False
    beyond = sa.select(UnjudgedPost.post_id).order_by(UnjudgedPost.post_id).offset(limit).limit(1)
    return session.scalar(beyond) is not None


def call(session: Session) -> None:
    """Have a worker judge what waits when this transaction is committed. On SQLite there is nobody to call."""
    jobs.defer(session, _TASK, queue=_QUEUE, priority=_FIRST)
