"""The versions of a query: who wrote each of them, when and why, what differs, and going back to one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.keywords.queries import save_query
from overheard.models import Query, User

_PART = re.compile(r"\s+|\w+|[^\w\s]")


class Change(StrEnum):
    """What became of a run of an expression."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of an expression, and what became of it."""

    text: str
    change: Change


@dataclass(frozen=True, slots=True)
class Version:
    """A version, who wrote it, and what differs from the version before."""

    query: Query
    author: str | None
    changes: Sequence[Run]


def versions(session: Session, campaign_id: int, name: str) -> list[Version]:
    """All versions of a campaign's query, the newest first; `NotFound` when there is none."""
    statement = (
        sa.select(Query, User.name)
        .outerjoin(User, User.id == Query.author_id)
        .where(Query.campaign_id == campaign_id, Query.name == name)
        .order_by(Query.version)
    )
    found: list[Version] = []
    for query, author in session.execute(statement):
        former = (found[-1].query if found else query).expression
        found.append(Version(query, author, difference(former, query.expression)))
    if not found:
        message = f"Campaign {campaign_id} has no query named {name!r}."
        raise NotFound(message)
    return found[::-1]


def difference(former: str, later: str) -> list[Run]:
    """What was taken from an expression and what was put in, word by word."""
    before, after = _PART.findall(former), _PART.findall(later)
    runs: list[Run] = []
    for tag, *ends in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        start, end, new_start, new_end = ends
        if tag == "equal":
            runs.append(Run("".join(before[start:end]), Change.KEPT))
            continue
        if start < end:
            runs.append(Run("".join(before[start:end]), Change.REMOVED))
        if new_start < new_end:
            runs.append(Run("".join(after[new_start:new_end]), Change.ADDED))
    return runs


def roll_back(session: Session, query_id: int, *, author: User | None, note: str | None = None, now: datetime) -> Query:
    """Put the expression of a former version in force, as a new version: what was in between stays on record."""
    former = session.get(Query, query_id)
    if former is None:
        message = f"There is no query {query_id}."
        raise NotFound(message)
    return save_query(
        session,
        former.campaign_id,
        name=former.name,
        expression=former.expression,
        author=author,
        note=(note or "").strip() or f"Back to version {former.version}",
        now=now,
    )
