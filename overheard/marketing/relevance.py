"""Relevance: how well a post fits a campaign.

A post is relevant when a query in force met it, or when what it needs is close enough in meaning to the campaign's
offer. How close it is was measured by the classifier and stands in `relevances`; here it is only compared.
"""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from overheard.keywords.queries import Span
from overheard.marketing.score import score_for
from overheard.models import Campaign, Match, PostRelevance, Prediction, Query

DEFAULT_THRESHOLD = 0.3
"""What a new campaign gets; docs/model.md has the figures."""

_PostId = sa.ColumnElement[int] | InstrumentedAttribute[int]


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close in meaning a post is to its campaign's offer as it stands."""

    relevance: float
    sentence: Span | None
    """The sentence that is closest; none where the post was not close enough for anybody to look."""


def offer_hash(offer: str) -> str:
    """What tells one offer from another, and from its own former text."""
    return hashlib.sha256(offer.encode()).hexdigest()


def is_relevant(session: Session, post_id: _PostId) -> sa.ColumnElement[bool]:
    """Whether a post is relevant to the statement's campaign."""
    return sa.or_(_met_by_a_query(post_id), _close_in_meaning(session, post_id))


def _met_by_a_query(post_id: _PostId) -> sa.Exists:
    return sa.exists().where(
        Match.post_id == post_id,
        Match.query_id == Query.id,
        Query.campaign_id == Campaign.id,
        Query.retired_at.is_(None),
    )


def _close_in_meaning(session: Session, post_id: _PostId) -> sa.Exists:
    return sa.exists().where(PostRelevance.post_id == post_id, *_is_close(session))


def _is_close(session: Session) -> tuple[sa.ColumnElement[bool], ...]:
    offers = session.execute(sa.select(Campaign.id, Campaign.offer))
    current = [(campaign_id, offer_hash(offer)) for campaign_id, offer in offers]  # what is of a former offer is void
    return (
        PostRelevance.campaign_id == Campaign.id,
        PostRelevance.relevance >= Campaign.meaning_threshold,
        sa.tuple_(PostRelevance.campaign_id, PostRelevance.offer_hash).in_(current),
    )


def relevant_pairs(session: Session) -> tuple[sa.Select[int, int], sa.Select[int, int]]:
    """Posts and the campaigns that they are relevant to (`post_id`, `campaign_id`): by queries, and by meaning. A pair
    may come more than once.
    """
    met = sa.select(Match.post_id, Query.campaign_id).join(Query, Query.id == Match.query_id)
    close = sa.select(PostRelevance.post_id, PostRelevance.campaign_id).select_from(PostRelevance)
    return (
        met.where(Query.retired_at.is_(None)),
        close.join(Campaign, Campaign.id == PostRelevance.campaign_id).where(*_is_close(session)),
    )


def count_by_meaning(session: Session, campaign: Campaign) -> int:
    """How many stored posts over the campaign's threshold are relevant by their meaning alone: no query met them.

    Of a campaign that does not use meaning, how many it would be at the default.
    """
    needed = DEFAULT_THRESHOLD if campaign.meaning_threshold is None else campaign.meaning_threshold
    reaches: sa.ColumnElement[bool] = sa.true()
    if campaign.threshold is not None:  # it may have been raised since relevance was measured
        reaches = sa.exists().where(
            Prediction.post_id == PostRelevance.post_id, Prediction.is_judged, score_for(session) >= campaign.threshold
        )
    statement = (
        sa.select(sa.func.count())
        .select_from(PostRelevance)
        .join(Campaign, Campaign.id == PostRelevance.campaign_id)
        .where(
            PostRelevance.campaign_id == campaign.id,
            PostRelevance.offer_hash == offer_hash(campaign.offer),
            PostRelevance.relevance >= needed,
            ~_met_by_a_query(PostRelevance.post_id),
            reaches,
        )
    )
    return session.scalar(statement) or 0
