"""All campaigns, a line each: what listens, what waits, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.marketing.campaigns import views
from overheard.models import Campaign, Lead, Query, User, campaign_members
from overheard.vocabulary import Stage


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """A campaign in the list."""

    campaign: Campaign
    queries: Sequence[Query]
    """In force."""
    waiting: int
    """Leads that wait for a person's decision."""
    leads: int
    accepted: int
    """Of them, those that a person said to be worth an answer, and that are not out since."""
    is_mine: bool
    """Whether whoever looks is a member."""


def lines(session: Session, viewer: User) -> list[CampaignLine]:
    """All campaigns: those of which the viewer is a member first, then by name."""
    waiting = sa.func.count().filter(Lead.stage == Stage.MARKETING_QUALIFIED)
    accepted = sa.func.count().filter(Lead.stage.not_in({Stage.MARKETING_QUALIFIED, Stage.DISQUALIFIED}))
    statement = sa.select(Lead.campaign_id, waiting, sa.func.count(), accepted).where(Lead.merged_into_id.is_(None))
    counts: dict[int, tuple[int, int, int]] = {
        campaign_id: (waits, all_of_them, good)
        for campaign_id, waits, all_of_them, good in session.execute(statement.group_by(Lead.campaign_id))
    }
    members = campaign_members.c
    mine = set(session.scalars(sa.select(members.campaign_id).where(members.user_id == viewer.id)))
    found = [
        CampaignLine(
            view.campaign,
            view.queries,
            *counts.get(view.campaign.id, (0, 0, 0)),
            is_mine=view.campaign.id in mine,
        )
        for view in views(session)
    ]
    return sorted(found, key=lambda line: not line.is_mine)
