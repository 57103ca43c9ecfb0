"""The keyword language, and matching posts against the campaigns' queries.

First form of the language: words (`invoice`), exact phrases (`"looking for"`), exclusions (`-hiring`, `-"job offer"`),
and `*`, which meets every post. All words and phrases must occur, none of the excluded may. Case, accents and
invisible characters do not matter; words are whole words. `parse` is the seam: a richer language replaces it and
`Expression.find`, and nothing else.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.models import Campaign, Match, Post, Query, User, campaign_sources
from overheard.posts import Key, ids_among
from overheard.text import Normalised, normalise

_MAX_EXPRESSION = 2_000
MAX_NAME = 120
MAX_NOTE = 500

# One token: an optional minus, then a quoted phrase or a run without blanks and quotes.
_TOKEN = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')

Span = tuple[str, int, int]
"""Field of the post (`title` or `body`), and start and end of the characters met there."""


def read_span(stored: Sequence[str | int | float]) -> Span:
    """The span that begins a stored list; a weight may stand behind it."""
    field, start, end, *_ = stored
    return str(field), int(start), int(end)


@dataclass(frozen=True, slots=True)
class Expression:
    """A query that was read: patterns for the normalised text."""

    required: tuple[re.Pattern[str], ...]
    excluded: tuple[re.Pattern[str], ...]

    def find(self, title: str, body: str) -> list[Span] | None:
        """Where the query meets the post, in reading order; None when it does not. `*` meets all, nowhere."""
        return self.find_in(normalised_fields(title, body))

    def find_in(self, fields: Mapping[str, Normalised]) -> list[Span] | None:
        """The same for a post that is asked about many queries, and so normalised once."""
        if any(pattern.search(text.text) for pattern in self.excluded for text in fields.values()):
            return None
        spans: list[Span] = []
        for pattern in self.required:
            hits = [
                (name, *text.span(*hit.span())) for name, text in fields.items() for hit in pattern.finditer(text.text)
            ]
            if not hits:
                return None
            spans += hits
        return sorted(set(spans), key=lambda span: (span[0] != "title", span[1], span[2]))


def normalised_fields(title: str, body: str) -> Mapping[str, Normalised]:
    """A post's texts as queries meet them."""
    return {"title": normalise(title), "body": normalise(body)}


@lru_cache(maxsize=4096)
def parse(expression: str) -> Expression:
    """Read a query; `InvalidQuery` says what is wrong and at which character."""
    if len(expression) > _MAX_EXPRESSION:
        message = f"A query has at most {_MAX_EXPRESSION} characters; this one has {len(expression)}"
        raise InvalidQuery(message, position=_MAX_EXPRESSION)
    required: list[re.Pattern[str]] = []
    excluded: list[re.Pattern[str]] = []
    meets_all = False
    position = 0
    while position < len(expression):
        if expression[position].isspace():
            position += 1
            continue
        token = _TOKEN.match(expression, position)
        if token is None:
            raise InvalidQuery('A quotation mark is not closed: add the second "', position=position)
        if token["word"] == "*" and not token["minus"]:
            meets_all = True
        else:
            (excluded if token["minus"] else required).append(_pattern(token, position))
        position = token.end()
    if not required and not meets_all:
        message = 'Say what to look for: a word, a "phrase", or * for every post'
        raise InvalidQuery(message, position=0)
    return Expression(tuple(required), tuple(excluded))


def _pattern(token: re.Match[str], position: int) -> re.Pattern[str]:
    words = normalise(token["phrase"] if token["phrase"] is not None else token["word"]).text.split()
    if not any(character.isalnum() for word in words for character in word):
        message = f"{token[0]!r} holds no letter or digit to look for"
        raise InvalidQuery(message, position=position)
    inner = r"\s+".join(re.escape(word) for word in words)
    # Not \b: a term such as c++ or .net begins or ends with a sign, at which \b would never hold.
    # The look back stands after the first character, which the engine can then search for (13 times faster).
    first = re.escape(words[0][0])
    return re.compile(rf"{first}(?<!\w{first}){inner.removeprefix(first)}(?!\w)")


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
    parse(expression)
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
    _match_stored(session, query)
    return query


def match_again(session: Session, campaign_id: int) -> None:
    """Match the stored posts against a campaign's queries in force once more: it listens to other sources now."""
    statement = sa.select(Query).where(Query.campaign_id == campaign_id, Query.retired_at.is_(None))
    for query in session.scalars(statement).all():
        _match_stored(session, query)


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


@dataclass(frozen=True, slots=True)
class _Listener:
    """A query in force and the sources its campaign listens to (none: all)."""

    query_id: int
    expression: Expression
    source_ids: frozenset[int]

    def match(self, post_id: int, source_id: int, fields: Mapping[str, Normalised]) -> dict[str, object] | None:
        if self.source_ids and source_id not in self.source_ids:
            return None
        spans = self.expression.find_in(fields)
        if spans is None:
            return None
        return {"post_id": post_id, "query_id": self.query_id, "spans": [list(span) for span in spans]}


_POST_COLUMNS = (Post.id, Post.source_id, Post.title, Post.body)


def match_posts(session: Session, keys: Iterable[Key]) -> None:
    """Match the given stored posts against every query in force. Matching a post again changes nothing."""
    listeners = _listeners(session)
    for platform, ids in ids_among(keys).items():
        statement = sa.select(*_POST_COLUMNS).where(Post.platform == platform, Post.external_id.in_(ids))
        _store_matches(session, session.execute(statement).all(), listeners)


def _match_stored(session: Session, query: Query) -> None:
    listeners = [listener for listener in _listeners(session) if listener.query_id == query.id]
    statement = sa.select(*_POST_COLUMNS).order_by(Post.id).execution_options(yield_per=1000)
    for rows in session.execute(statement).partitions():
        _store_matches(session, rows, listeners)


def _listeners(session: Session) -> list[_Listener]:
    sources: dict[int, set[int]] = {}
    for campaign_id, source_id in session.execute(sa.select(campaign_sources)):
        sources.setdefault(campaign_id, set()).add(source_id)
    statement = sa.select(Query.id, Query.expression, Query.campaign_id).join(
        Campaign, Campaign.id == Query.campaign_id
    )
    return [
        _Listener(query_id, parse(expression), frozenset(sources.get(campaign_id, ())))
        for query_id, expression, campaign_id in session.execute(statement.where(Query.retired_at.is_(None)))
    ]


def _store_matches(
    session: Session, posts: Sequence[sa.Row[int, int, str, str]], listeners: Sequence[_Listener]
) -> None:
    rows = []
    for post_id, source_id, title, body in posts:
        fields = normalised_fields(title, body)
        rows += [match for listener in listeners if (match := listener.match(post_id, source_id, fields))]
    if rows:
        session.execute(upsert(session, Match).on_conflict_do_nothing(), rows)
