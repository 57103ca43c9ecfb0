"""Another tool's keyword list becomes queries of a campaign: first weighed, then those that were chosen are saved."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.keywords.backtest import Preview, preview
from overheard.keywords.queries import in_force, save_query
from overheard.marketing import campaigns
from overheard.models import Query, User
from overheard.query_language.imports import Form, Imported, read_list

MOST = 200
"""Queries that one list may bring."""
COUNTED = 50
"""Of a longer list only the first are asked of the stored posts, so that the page comes soon."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A line of the list, and what it would find."""

    line: Imported
    found: Preview | None
    """None: it was not asked."""
    is_in_force: bool
    """Whether the campaign has a query of this name, of which it would be a new version."""


def weigh(session: Session, campaign_id: int, text: str, form: Form, *, now: datetime) -> list[Weighed]:
    """What the list becomes, in its order. Nothing is saved."""
    source_ids = [source.id for source in campaigns.view(session, campaign_id).campaign.sources]
    return [
        Weighed(
            line,
            preview(session, line.expression, now=now, source_ids=source_ids)
            if line.expression and place < COUNTED
            else None,
            in_force(session, campaign_id, line.name) is not None,
        )
        for place, line in enumerate(_lines(text, form))
    ]


def take(
    session: Session,
    campaign_id: int,
    text: str,
    form: Form,
    *,
    chosen: Collection[str],
    author: User,
    now: datetime,
) -> list[Query]:
    """Save those lines of the list whose expression was chosen; all of them or none."""
    campaigns.get(session, campaign_id)
    lines = list(dict.fromkeys(line for line in _lines(text, form) if line.expression and line.expression in chosen))
    if not lines:
        raise InvalidInput("Tick at least one of the queries.")
    twice = [name for name, times in Counter(line.name for line in lines).items() if times > 1]
    if twice:
        raise InvalidInput(f"Two of the chosen are named {twice[0]!r}: rename one in the list, or take one only.")
    note = f"Imported from a list ({form.value})."
    return [
        save_query(session, campaign_id, name=line.name, expression=line.expression, author=author, note=note, now=now)
        for line in lines
    ]


def _lines(text: str, form: Form) -> list[Imported]:
    lines = read_list(text, form)
    if not 1 <= len(lines) <= MOST:
        raise InvalidInput(f"A list has 1 to {MOST} lines; this one has {len(lines):,}.")
    return lines
