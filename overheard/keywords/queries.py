"""Saved queries, and matching posts against them. What a query can say stands in `overheard.query_language`."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.keywords.search_index import candidates
from overheard.listening.post_texts import StoredText, stored_texts
from overheard.listening.posts import Key, ids_among
from overheard.models import Match, Post, Query, User, campaign_sources
from overheard.query_language import Expression, Matcher, read
from overheard.query_language import Span as Span  # noqa: PLC0414 - what `read_span` gives
from overheard.query_language.variables import saved

logger = logging.getLogger(__name__)

MAX_NAME = 120
MAX_NOTE = 500

_AT_ONCE = 1000  # matches held in memory


def read_span(stored: Sequence[str | int | float]) -> Span:
    """The span that begins a stored list; a weight may stand behind it."""
    field, start, end, *_ = stored
    return str(field), int(start), int(end)


# --- saved queries -------------------------------------------------------------------------------------------------


def save_query(
    session: Session,
    campaign_id: int,
    *,
    name: str,
    expression: str,
    now: datetime,
    author: User | None = None,
    note: str | None = None,
) -> Query:
    """Save a new version of the campaign's query `name` (the first one when there is none) and match stored posts.

    The former version is retired; its matches stay, as they explain the leads it brought. An unchanged expression
    makes no new version. `note` says why it was changed.
    """
    read(expression, saved(session))
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidInput(f"A query's name has 1 to {MAX_NAME} characters.")
    note = (note or "").strip() or None
    if note is not None and len(note) > MAX_NOTE:
        raise InvalidInput(f"A note has at most {MAX_NOTE} characters.")
    current = in_force(session, campaign_id, name)
    if current is not None and current.expression == expression:
        return current
    latest = session.scalar(
        sa.select(sa.func.max(Query.version)).where(Query.campaign_id == campaign_id, Query.name == name)
    )
    if current is not None:
        current.retired_at = now
    query = Query(campaign_id=campaign_id, name=name, version=(latest or 0) + 1, expression=expression, created_at=now)
    query.author_id, query.note = author.id if author else None, note
    session.add(query)
    session.flush()  # its id is needed for the matches
    match_stored(session, [query.id])
    return query


def match_again(session: Session, campaign_id: int) -> None:
    """Match the stored posts against a campaign's queries in force once more: it listens to other sources now."""
    statement = sa.select(Query.id).where(Query.campaign_id == campaign_id, Query.retired_at.is_(None))
    match_stored(session, session.scalars(statement).all())


def in_force(session: Session, campaign_id: int, name: str) -> Query | None:
    """The version of the campaign's query of that name that is matched against posts now."""
    return session.scalars(
        sa.select(Query).where(Query.campaign_id == campaign_id, Query.name == name, Query.retired_at.is_(None))
    ).one_or_none()


def retire_query(session: Session, query_id: int, *, now: datetime) -> Query:
    """Take a query out of force; what it brought stays."""
    query = session.get(Query, query_id)
    if query is None:
        message = f"There is no query {query_id}."
        raise NotFound(message)
    query.retired_at = query.retired_at or now
    return query


# --- matching ------------------------------------------------------------------------------------------------------


_Variables = tuple[tuple[str, str], ...]
_Sources = Mapping[int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class _Listeners:
    """Queries in force, and to which sources the campaign of each listens (none: all)."""

    expressions: Mapping[int, Expression]
    matcher: Matcher[int]
    source_ids: _Sources

    def rows(self, post: StoredText) -> list[dict[str, object]]:
        """The matches of a post, as they are stored."""
        return [
            {"post_id": post.id, "query_id": query_id, "spans": [list(span) for span in spans]}
            for query_id, spans in self.matcher.match(post.text).items()
            if not self.source_ids[query_id] or post.source_id in self.source_ids[query_id]
        ]


def match_posts(session: Session, keys: Iterable[Key]) -> None:
    """Match the given stored posts against every query in force. Matching a post again changes nothing.

    Their language is not known yet: a query that asks for it takes them all, until `match_languages` has looked.
    """
    listeners = _listeners(session)
    for platform, ids in ids_among(keys).items():
        _store_matches(session, listeners, Post.platform == platform, Post.external_id.in_(ids))


def match_languages(session: Session, post_ids: Sequence[int]) -> None:
    """Match posts whose language has just been told once more against the queries that ask for it.

    What such a query met while the language was not known, and does not meet now, is a match no more.
    """
    asking = [key for key, one in _listeners(session).expressions.items() if one.asks_for_language]
    if not asking:
        return
    listeners = _listeners(session, Query.id.in_(asking))
    session.execute(sa.delete(Match).where(Match.query_id.in_(asking), Match.post_id.in_(post_ids)))
    _store_matches(session, listeners, Post.id.in_(post_ids))


def match_stored(session: Session, query_ids: Sequence[int]) -> None:
    """Match the stored posts against some of the queries in force."""
    listeners = _listeners(session, Query.id.in_(query_ids))
    if listeners.expressions:
        among = candidates(session, *(expression.root for expression in listeners.expressions.values()))
        _store_matches(session, listeners, *(() if among is None else (Post.id.in_(among),)))


def _listeners(session: Session, *where: sa.ColumnElement[bool]) -> _Listeners:
    sources: dict[int, set[int]] = {}
    for campaign_id, source_id in session.execute(sa.select(campaign_sources)):
        sources.setdefault(campaign_id, set()).add(source_id)
    statement = sa.select(Query.id, Query.expression, Query.campaign_id)
    rows = session.execute(statement.where(Query.retired_at.is_(None), *where).order_by(Query.id)).all()
    expressions, matcher = _matcher(
        tuple((query_id, expression) for query_id, expression, _ in rows), tuple(sorted(saved(session).items()))
    )
    return _Listeners(
        expressions, matcher, {query_id: frozenset(sources.get(campaign, ())) for query_id, _, campaign in rows}
    )


@lru_cache(maxsize=16)
def _matcher(
    queries: tuple[tuple[int, str], ...], variables: _Variables
) -> tuple[Mapping[int, Expression], Matcher[int]]:
    """Kept in the process: it is made anew when a query or a variable changes."""
    expressions: dict[int, Expression] = {}
    for query_id, expression in queries:
        try:
            expressions[query_id] = read(expression, dict(variables))
        except InvalidQuery:  # saving one is refused; whatever else wrote it, the others go on
            logger.exception("Query %d cannot be read", query_id, extra={"action": "query_unreadable"})
    return expressions, Matcher(expressions)


def _store_matches(session: Session, listeners: _Listeners, *where: sa.ColumnElement[bool]) -> None:
    store = upsert(session, Match).on_conflict_do_nothing()
    rows: list[dict[str, object]] = []
    for post in stored_texts(session, *where):
        rows += listeners.rows(post)
        if len(rows) >= _AT_ONCE:
            session.execute(store, rows)
            rows = []
    if rows:
        session.execute(store, rows)
