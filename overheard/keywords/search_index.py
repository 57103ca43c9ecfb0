"""The full-text index over stored posts: which of them a query could meet, told without reading them all.

It holds the words of the normalised text, on which queries are matched too, so both agree on what a word is. On SQLite
it is an FTS5 table, from which a trigger takes what is deleted; on PostgreSQL a table of `tsvector` under a GIN index,
from which the foreign key does.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from overheard.listening.posts import Key, ids_among
from overheard.models import Post
from overheard.query_language.nodes import And, Domain, Near, Node, Or, Phrase, Symbol, Within, Word
from overheard.query_language.patterns import pattern_of
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
    found: dict[str, None] = {}
    for text in texts:
        found |= dict.fromkeys(_WORD.findall(normalise(text).text))
        if not text.isascii():
            found |= dict.fromkeys(_written_words(text))
    return list(dict.fromkeys(word[:_LONGEST] for word in found))


def _written_words(text: str) -> Iterable[str]:
    """The words of the text as it was written: an invisible sign ends one. So exact symbols are met."""
    return (part for word in _WORD.findall(text) for part in _WORD.findall(normalise(word).text))


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


# --- looking posts up ----------------------------------------------------------------------------------------------

_INDEX = sa.table("post_search")
_IN_PATTERN = re.compile(r"[\w*]+")

_Words = frozenset[str]
"""Words that a post must all hold; one that ends in `*` stands for all that begin so."""
_Clause = Sequence[_Words]
"""Of which a post must meet one."""


def candidates(session: Session, *roots: Node) -> sa.Select[int] | None:
    """The posts (ids) that one of the queries may meet: all that one does meet are among them. None: any post may.

    What the index cannot tell (order, distance, exclusions, fields) is left to the matcher.
    """
    asked = [_clauses(root) for root in roots]
    if not all(asked):
        return None
    if session.get_bind().dialect.name == "sqlite":
        question = _question(asked, whole='"%s"', prefix='"%s"*', every=" AND ", some=" OR ")
        met = sa.literal_column("post_search").op("MATCH")(question)
        return sa.select(sa.literal_column("rowid", sa.Integer)).select_from(_INDEX).where(met)
    question = _question(asked, whole="'%s'", prefix="'%s':*", every=" & ", some=" | ")
    met = sa.literal_column("words").op("@@")(sa.cast(question, postgresql.TSQUERY))
    return sa.select(sa.literal_column("post_id", sa.Integer)).select_from(_INDEX).where(met)


def _question(asked: Iterable[Sequence[_Clause]], *, whole: str, prefix: str, every: str, some: str) -> str:
    """The clauses of queries, of which a post may meet any, as an index takes them."""

    def way(words: _Words) -> str:
        return every.join(prefix % word[:-1] if word.endswith("*") else whole % word for word in sorted(words))

    def clause(ways: _Clause) -> str:
        return some.join(f"({way(words)})" for words in dict.fromkeys(ways))

    return some.join(f"({every.join(f'({clause(ways)})' for ways in clauses)})" for clauses in asked)


def _clauses(node: Node) -> list[_Clause]:
    """What a post that meets the node meets for certain: each of these clauses."""
    match node:
        case Within(_, part):
            return _clauses(part)
        case Near(left, right):
            return _clauses(left) + _clauses(right)
        case And(parts):
            return [clause for part in parts for clause in _clauses(part)]
        case Or(parts):
            ways = [_ways(part) for part in parts]
            return [[way for found in ways for way in found]] if all(ways) else []
        case _:
            words = _words_in(node)
            return [[words]] if words else []


def _ways(node: Node) -> _Clause:
    """The same as one clause: of several the one with the fewest ways, with the words that all of them need."""
    clauses = _clauses(node)
    needed = frozenset[str]().union(*(clause[0] for clause in clauses if len(clause) == 1))
    several = min((clause for clause in clauses if len(clause) > 1), key=len, default=[needed] if needed else [])
    return [way | needed for way in several]


def _words_in(node: Node) -> _Words:
    """The words of a literal, each as far as its first `*`."""
    match node:
        case Symbol(text):
            found = list(_written_words(text))
        case Word(is_inflected=True):
            literal = pattern_of(node).literal  # with which all its forms begin
            found = [f"{literal.text}*"] if literal else []
        case Word(text) | Domain(text):
            found = _IN_PATTERN.findall(text)
        case Phrase(words):
            found = [part for word in words for part in _IN_PATTERN.findall(word)]
        case _:
            found = []
    parts = (part.partition("*") for part in found)
    return frozenset(word[:_LONGEST] + star for word, star, _ in parts if word)
