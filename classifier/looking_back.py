"""When all that is stored has to be looked through, and when what came in is enough."""

from collections.abc import Hashable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.modelling.vocabulary import ModelState
from overheard.models import Campaign, DoNotContact, Exclusion, ModelVersion, Query, QueryVariable, campaign_sources

AT_LEAST_EVERY = timedelta(minutes=10)
"""Whatever is known: for what nobody foresaw. A look takes a second or two where a million posts are stored."""


class LookingBack:
    """What one process remembers of the last time it looked back. What is stored has to be looked through again when
    people have changed a campaign, a query or a list, when another model judges, when a day begins, in a process that
    has just begun, and after ten minutes in any case.
    """

    def __init__(self) -> None:
        self._found: tuple[Hashable, datetime] | None = None
        self._done: tuple[Hashable, datetime] | None = None

    def is_due(self, session: Session, model_version: str, now: datetime) -> bool:
        """Whether to look back in the run that begins now."""
        self._found = ((model_version, now.date(), _conditions(session)), now)
        if self._done is None or self._done[0] != self._found[0]:
            return True
        return not self._done[1] <= now < self._done[1] + AT_LEAST_EVERY

    def done(self) -> None:
        """All was looked through as it stood when `is_due` was asked."""
        self._done = self._found


def _conditions(session: Session) -> Hashable:
    """All that people have set which decides what judged posts become leads. As long as it stays and nothing is judged,
    `qualify` finds nothing that it has not found.
    """
    asked = (
        sa.select(
            Campaign.id,
            Campaign.offer,
            Campaign.threshold,
            Campaign.meaning_threshold,
            Campaign.daily_budget,
            Campaign.languages,
            Campaign.archived_at,
        ),
        sa.select(campaign_sources),
        sa.select(ModelVersion.id, ModelVersion.campaign_id).where(ModelVersion.state == ModelState.CHAMPION),
        sa.select(Query.id).where(Query.retired_at.is_(None)),
        sa.select(QueryVariable.name, QueryVariable.changed_at),
        *(sa.select(sa.func.count(), sa.func.max(table.id)) for table in (Exclusion, DoNotContact)),
    )
    return tuple(frozenset(tuple(row) for row in session.execute(statement)) for statement in asked)
