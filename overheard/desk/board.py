"""All stages side by side, each with its first leads: where everybody stands, and what is waiting too long."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from sqlalchemy.orm import Session

from overheard.desk import review_queue
from overheard.desk.review_queue import Filters, QueueItem
from overheard.leads import funnel
from overheard.leads.lead_history import overdue
from overheard.leads.leads import LeadRow
from overheard.leads.qualification import Fit, fit_of
from overheard.settings import DeskSettings
from overheard.vocabulary import LeadAction, Stage

COLUMNS = (
    Stage.MARKETING_QUALIFIED,
    Stage.SALES_QUALIFIED,
    Stage.REPLIED,
    Stage.PROSPECT,
    Stage.WON,
    Stage.LOST,
    Stage.DISQUALIFIED,
)
CARDS = 12
"""How many of a column are shown; the queue has them all."""


@dataclass(frozen=True, slots=True)
class BoardCard:
    """A lead on the board."""

    item: QueueItem
    fit: Fit | None
    """None: its campaign asks nothing."""
    overdue: str | None

    @property
    def lead(self) -> LeadRow:
        """Whose card it is."""
        return self.item.lead


@dataclass(frozen=True, slots=True)
class Column:
    """A stage with its first leads."""

    stage: Stage
    total: int
    """Counted as far as `review_queue.COUNTED` and one more."""
    cards: list[BoardCard]
    ways: Mapping[Stage, LeadAction]
    """To which columns a card of this one can go, and by which step."""


def columns(
    session: Session,
    *,
    limits: DeskSettings,
    now: datetime,
    zone: tzinfo = UTC,
    campaign_id: int | None = None,
    assignee_id: int | None = None,
    key: str = "",
) -> list[Column]:
    """The board: of all, of one campaign, of one person. `key` as in `review_queue.page`."""
    filters = {stage: Filters(stage=stage, campaign_id=campaign_id, assignee_id=assignee_id) for stage in COLUMNS}
    items = {stage: review_queue.page(session, filters[stage], limit=CARDS, key=key).items for stage in COLUMNS}
    leads = [item.lead for stage in COLUMNS for item in items[stage]]
    fits = fit_of(session, leads)
    late = overdue(session, leads, limits=limits, now=now, zone=zone)
    return [
        Column(
            stage,
            review_queue.count_to_thousand(session, filters[stage]),
            [BoardCard(item, fits.get(item.lead.id), late.get(item.lead.id)) for item in items[stage]],
            funnel.ways_from(stage),
        )
        for stage in COLUMNS
    ]
