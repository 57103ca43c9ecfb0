"""When all that is stored has to be looked through, and when what came in is enough."""

from collections.abc import Hashable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from overheard.leads.qualify import conditions

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
        self._found = ((model_version, now.date(), conditions(session)), now)
        if self._done is None or self._done[0] != self._found[0]:
            return True
        return not self._done[1] <= now < self._done[1] + AT_LEAST_EVERY

    def done(self) -> None:
        """All was looked through as it stood when `is_due` was asked."""
        self._done = self._found
