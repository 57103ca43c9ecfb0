"""Insights for programs: the funnel, what a campaign's queries bring, and terms proposed for them."""

from typing import Annotated

from fastapi import Query

from api.access import Action
from api.deps import Id, Now, ReadDb, by_token
from api.insight_bodies import (
    FunnelBody,
    FunnelBy,
    ProposalsBody,
    YieldsBody,
    proposals_body,
    yield_body,
    yields_body,
)
from api.insight_params import InsightParams
from api.openapi import problems
from api.routing import ApiRouter
from overheard.errors import InvalidInput, NotFound
from overheard.keywords.term_proposals import propose
from overheard.marketing import campaigns
from overheard.measuring.insights import Insights, read_insights
from overheard.measuring.yields import Yield, campaign_yields
from overheard.models import User

router = ApiRouter(tags=["insights"])

_Reader = Annotated[User, by_token(Action.READ_INSIGHTS)]


class FunnelParams(InsightParams):
    """Days and filters, and what to divide by."""

    by: FunnelBy = FunnelBy.CAMPAIGN


@router.get(
    "/insights/funnel",
    operation_id="readFunnel",
    summary="The funnel",
    responses=problems(InvalidInput),
)
def read_funnel(_user: _Reader, db: ReadDb, now: Now, params: Annotated[FunnelParams, Query()]) -> FunnelBody:
    """What came in within some days and what has become of it, by campaign, platform, community, query or week."""
    found = read_insights(db, params.asked(now))
    counts = params.by not in (FunnelBy.CAMPAIGN, FunnelBy.WEEK)
    lines = [yield_body(line, counts=counts) for line in _lines(found, params.by)]
    period = found.asked.period
    return FunnelBody(first=period.first, last=period.last, by=params.by, whole=yield_body(found.whole), lines=lines)


def _lines(found: Insights, by: FunnelBy) -> list[Yield]:
    match by:
        case FunnelBy.CAMPAIGN:
            return found.campaigns
        case FunnelBy.PLATFORM:
            return found.platforms
        case FunnelBy.COMMUNITY:
            return found.communities
        case FunnelBy.QUERY:
            return list(found.queries)
        case FunnelBy.WEEK:
            return found.weekly


@router.get(
    "/insights/yields/{campaign_id}",
    operation_id="readYields",
    summary="What a campaign's queries bring",
    responses=problems(NotFound, InvalidInput),
)
def read_yields(
    _user: _Reader, campaign_id: Id, db: ReadDb, now: Now, params: Annotated[InsightParams, Query()]
) -> YieldsBody:
    """Each query, term and community: matches, leads, promoted, replied, prospects."""
    campaigns.get(db, campaign_id)
    asked = params.model_copy(update={"campaign": campaign_id}).asked(now)
    return yields_body(campaign_yields(db, asked))


@router.get(
    "/insights/proposals/{campaign_id}",
    operation_id="readProposals",
    summary="Terms proposed for a campaign",
    responses=problems(NotFound),
)
def read_proposals(_user: _Reader, campaign_id: Id, db: ReadDb) -> ProposalsBody:
    """Terms to add, terms to leave out, and terms of leads that no query met."""
    campaigns.get(db, campaign_id)
    return proposals_body(propose(db, campaign_id))
