"""The score of a post for a campaign: its own head's word where it has one, else what the model said for all.

Whoever compares a score with a campaign's threshold, or orders by it, asks here.
"""

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from overheard.modelling.versions import own_heads
from overheard.models import Campaign, CampaignScore, Prediction

Score = sa.ColumnElement[float] | InstrumentedAttribute[float]


def score_for(session: Session) -> Score:
    """The score of the statement's prediction for the statement's campaign.

    An own head says nothing of posts that the shared head dismisses, and nothing yet of those it has not come to: of
    these the shared word holds.
    """
    heads = {head.campaign_id: head.id for head in own_heads(session)}
    if not heads:  # an index of scores can be of use
        return Prediction.score
    own = (
        sa.select(CampaignScore.score)
        .where(
            CampaignScore.post_id == Prediction.post_id, CampaignScore.version_id == sa.case(heads, value=Campaign.id)
        )
        .correlate(Prediction, Campaign)
        .scalar_subquery()
    )
    return sa.func.coalesce(own, Prediction.score)


def best_score(session: Session) -> Score:
    """The highest score that the statement's prediction has for any campaign."""
    heads = [head.id for head in own_heads(session)]
    if not heads:
        return Prediction.score
    own = (
        sa.select(sa.func.max(CampaignScore.score))
        .where(CampaignScore.post_id == Prediction.post_id, CampaignScore.version_id.in_(heads))
        .correlate(Prediction)
        .scalar_subquery()
    )
    return sa.case((own > Prediction.score, own), else_=Prediction.score)


def may_reach(session: Session, score: float) -> sa.ColumnElement[bool]:
    """Whether the statement's prediction may have this score or more for any campaign: a first choice among all that
    are stored, in such a form that an index of scores is of use with own heads too.
    """
    heads = [head.id for head in own_heads(session)]
    if not heads:
        return Prediction.score >= score
    own = sa.select(CampaignScore.post_id).where(CampaignScore.version_id.in_(heads), CampaignScore.score >= score)
    return (Prediction.score >= score) | Prediction.post_id.in_(own)
