"""A deletion is data: what is deleted at the source disappears here with all that was derived from it."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.models import DeadLetter, Post, Signal, Tombstone
from overheard.posts import Key, ids_among
from overheard.qualify import refresh


def erase(session: Session, gone: Mapping[Key, str], *, now: datetime) -> None:
    """Erase posts (key → reason), stored or not, and leave a tombstone for each, without content.

    Foreign keys take all that was derived along: matches, predictions, vectors, relevances, signals and labels. A lead
    that has no signal left goes too.
    """
    if not gone:
        return
    rows = [
        {"platform": platform, "external_id": external_id, "reason": reason, "at": now}
        for (platform, external_id), reason in gone.items()
    ]
    session.execute(upsert(session, Tombstone).on_conflict_do_nothing(), rows)
    for platform, external_ids in ids_among(gone).items():
        here = (Post.platform == platform) & Post.external_id.in_(external_ids)
        let_go(session, here)
        session.execute(
            sa.delete(DeadLetter).where(DeadLetter.platform == platform, DeadLetter.external_id.in_(external_ids))
        )


def let_go(session: Session, these: sa.ColumnElement[bool]) -> None:
    """Remove posts, with all that was derived from them, without a trace: they may come again."""
    leads = sa.select(Signal.lead_id).join(Post, Post.id == Signal.post_id).where(these).distinct()
    lead_ids = list(session.scalars(leads))
    session.execute(sa.delete(Post).where(these), execution_options={"synchronize_session": False})
    refresh(session, lead_ids)
