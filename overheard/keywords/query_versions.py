"""The versions of a query: who wrote each of them, when and why, what differs, and going back to one."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.keywords.queries import save_query
from overheard.models import Query, User

_PART = re.compile(r"\s+|\w+|[^\w\s]")
_TERM = re.compile(r".*?\b(?:OR|AND|NOT)\b\s*|.+", re.DOTALL)
_MOST_PAIRS = 500_000
"""Of parts that are alike. What compares them takes a step for each, or for each of them several times."""


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
    """What was taken from an expression and what was put in: word by word, in long lists term by term."""
    start = _alike(former, later)
    end = _alike(former[start:][::-1], later[start:][::-1])
    while start and not former[start - 1].isspace():  # back to where the word begins
        start -= 1
    while end and not former[-end].isspace():
        end -= 1
    same, middle, new = former[:start], former[start : len(former) - end], later[start : len(later) - end]
    runs = [Run(same, Change.KEPT), *_changed(middle, new), Run(former[len(former) - end :], Change.KEPT)]
    alike = groupby((run for run in runs if run.text), key=lambda run: run.change)
    return [Run("".join(run.text for run in group), change) for change, group in alike]


def _alike(one: str, other: str) -> int:
    """With how many characters both begin."""
    unlike = (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    return next(unlike, min(len(one), len(other)))


def _changed(former: str, later: str) -> list[Run]:
    for parts in (_PART, _TERM):
        before, after = parts.findall(former), parts.findall(later)
        counts = Counter(after)
        if sum(counts[part] for part in before) <= _MOST_PAIRS:
            return _compared(before, after)
    return [Run(former, Change.REMOVED), Run(later, Change.ADDED)]


def _compared(before: list[str], after: list[str]) -> list[Run]:
    runs: list[Run] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            runs.append(Run("".join(before[start:end]), Change.KEPT))
            continue
        runs.append(Run("".join(before[start:end]), Change.REMOVED))
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
