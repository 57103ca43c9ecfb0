"""Stored posts as queries look at them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Post, Prediction, Source
from overheard.query_language import PostText

SAID_AT = sa.func.coalesce(Post.posted_at, Post.collected_at)
"""When a post was written, or else found."""

_AT_ONCE = 1000  # posts held in memory


@dataclass(frozen=True, slots=True)
class StoredText:
    """A stored post, ready for being matched."""

    id: int
    source_id: int
    said_at: datetime
    text: PostText


def stored_texts(session: Session, *where: sa.ColumnElement[bool], limit: int | None = None) -> Iterator[StoredText]:
    """The stored posts for which all this holds, the newest first."""
    language = sa.select(Prediction.language).where(Prediction.post_id == Post.id)
    newest = language.order_by(Prediction.id.desc()).limit(1).scalar_subquery()
    columns = (Post.title, Post.body, Post.author, Source.community, Post.platform, Post.kind, newest, Post.permalink)
    statement = (
        sa.select(Post.id, Post.source_id, SAID_AT, *columns)
        .join(Source, Source.id == Post.source_id)
        .where(*where)
        .order_by(Post.id.desc())
        .limit(limit)
    )
    for post_id, source_id, said_at, *told in session.execute(statement.execution_options(yield_per=_AT_ONCE)):
        yield StoredText(post_id, source_id, said_at, PostText(*told))
