"""The full-text index over stored posts: which of them a query could meet, told without reading them all.

It holds the words of the normalised text, on which queries are matched too, so both agree on what a word is. On SQLite
it is an FTS5 table, from which a trigger takes what is deleted; on PostgreSQL a table of `tsvector` under a GIN index,
from which the foreign key does.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from overheard.models import Post
from overheard.posts import Key, ids_among
from overheard.text import normalise

_WORD = re.compile(r"\w+")
_LONGEST = 100  # characters of a word that are kept: a longer one is found by its beginning, and looked at afterwards

_STORE = {
    "sqlite": "INSERT OR REPLACE INTO post_search (rowid, words) VALUES (:post_id, :words)",
    "postgresql": "INSERT INTO post_search (post_id, words)"
    " VALUES (:post_id, array_to_tsvector(CAST(:words AS TEXT[])))"
    " ON CONFLICT (post_id) DO UPDATE SET words = excluded.words",
}


def words_of(*texts: str) -> list[str]:
    """The words of texts as the index keeps them, each once."""
    found = (word[:_LONGEST] for text in texts for word in _WORD.findall(normalise(text).text))
    return list(dict.fromkeys(found))


def index_posts(session: Session, keys: Iterable[Key]) -> None:
    """Take stored posts into the index, or their newer texts. Doing so again changes nothing."""
    for platform, ids in ids_among(keys).items():
        statement = sa.select(Post.id, Post.title, Post.body)
        rows = session.execute(statement.where(Post.platform == platform, Post.external_id.in_(ids))).all()
        index_rows(session.connection(), rows)


def index_rows(connection: Connection, posts: Sequence[sa.Row[int, str, str]]) -> None:
    """The same for posts at hand: id, title, body."""
    if not posts:
        return
    dialect = connection.dialect.name
    rows: list[dict[str, Any]] = []
    for post_id, title, body in posts:
        words = words_of(title, body)
        rows.append({"post_id": post_id, "words": " ".join(words) if dialect == "sqlite" else words})
    connection.execute(sa.text(_STORE[dialect]), rows)
