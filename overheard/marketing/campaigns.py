"""Campaigns: what we sell and to whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from overheard.errors import InvalidInput, NotFound
from overheard.keywords.queries import save_query
from overheard.marketing import budget
from overheard.marketing.relevance import DEFAULT_THRESHOLD
from overheard.models import Campaign, Query, Source
from overheard.notifications.rhythms import check_hours, is_quiet
from overheard.vocabulary import Platform

MAX_NAME = 120
MAX_OFFER = 4_000
FEWEST_SAMPLES = 5
"""One of each stratum that is drawn from."""
_MOST_SAMPLES = 100


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with its sources and the queries in force."""

    campaign: Campaign
    queries: list[Query]


def create(
    session: Session,
    *,
    name: str,
    offer: str,
    queries: dict[str, str],
    now: datetime,
    threshold: float | None = None,
    meaning_threshold: float | None = DEFAULT_THRESHOLD,
    daily_budget: int | None = budget.DEFAULT,
    sources: Sequence[tuple[Platform, str]] = (),
) -> Campaign:
    """Create a campaign with its first queries (name → expression). Without sources it listens to all of them."""
    name, offer = checked_words(name, offer)
    if find(session, name) is not None:
        raise InvalidInput(f"There is a campaign named {name!r} already: choose another name.")
    campaign = Campaign(name=name, offer=offer, created_at=now, threshold=checked_threshold(threshold))
    campaign.meaning_threshold = checked_meaning_threshold(meaning_threshold)
    campaign.daily_budget = budget.checked(daily_budget)
    campaign.sources = [_source(session, platform, community) for platform, community in sources]
    session.add(campaign)
    session.flush()  # its id is needed for the queries
    for query_name, expression in queries.items():
        save_query(session, campaign.id, name=query_name, expression=expression, now=now)
    return campaign


def checked_words(name: str, offer: str) -> tuple[str, str]:
    """A name and an offer that can be kept, without space around them."""
    name, offer = name.strip(), offer.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidInput(f"A campaign's name has 1 to {MAX_NAME} characters.")
    if not 1 <= len(offer) <= MAX_OFFER:
        raise InvalidInput(f"Say what you offer, in 1 to {MAX_OFFER} characters.")
    return name, offer


def checked_threshold(threshold: float | None) -> float | None:
    """A score between 0 and 1, or None for the model's own threshold."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise InvalidInput(f"A threshold is a score between 0 and 1, not {threshold}.")
    return threshold


def set_threshold(session: Session, campaign_id: int, threshold: float | None) -> Campaign:
    """The score from which a post is put before a person; None means the model's own threshold."""
    campaign = get(session, campaign_id)
    campaign.threshold = checked_threshold(threshold)
    return campaign


def set_hot_floor(session: Session, campaign_id: int, floor: float | None) -> Campaign:
    """The score from which a lead is hot and told at once; None: none is."""
    campaign = get(session, campaign_id)
    campaign.hot_floor = checked_threshold(floor)
    return campaign


def set_daily_budget(session: Session, campaign_id: int, daily_budget: int | None) -> Campaign:
    """How many posts may come into the queue a day; None: all."""
    campaign = get(session, campaign_id)
    campaign.daily_budget = budget.checked(daily_budget)
    return campaign


def set_quiet_hours(session: Session, campaign_id: int, quiet_from: int | None, quiet_until: int | None) -> Campaign:
    """Hours, in the team's time zone, in which alerts tell of none of its leads at once; None, None: there are none."""
    check_hours(0, quiet_from, quiet_until)
    if quiet_from is not None and quiet_from == quiet_until:
        raise InvalidInput("Quiet hours that end at the hour at which they begin are none: choose another end.")
    campaign = get(session, campaign_id)
    campaign.quiet_from, campaign.quiet_until = quiet_from, quiet_until
    return campaign


def quiet(session: Session, zone: tzinfo, now: datetime) -> list[int]:
    """The campaigns (ids) whose quiet hours it is."""
    hours = sa.select(Campaign.id, Campaign.quiet_from, Campaign.quiet_until).where(Campaign.quiet_from.is_not(None))
    return [row.id for row in session.execute(hours) if is_quiet(row.quiet_from, row.quiet_until, zone, now)]


def set_samples_a_day(session: Session, campaign_id: int, samples: int) -> Campaign:
    """How many of the posts that are not shown are drawn every day to be shown blind; 0: none."""
    if samples and not FEWEST_SAMPLES <= samples <= _MOST_SAMPLES:
        message = f"Blind samples are 0 or {FEWEST_SAMPLES} to {_MOST_SAMPLES} a day, so that each kind of post is met."
        raise InvalidInput(message)
    campaign = get(session, campaign_id)
    campaign.samples_a_day = samples
    return campaign


def checked_meaning_threshold(threshold: float | None) -> float | None:
    """A relevance above 0, at most 1, or None: at 0 every post would be relevant."""
    if threshold is not None and not 0 < threshold <= 1:
        raise InvalidInput(f"The relevance by meaning is a number above 0, at most 1, not {threshold}.")
    return threshold


def set_meaning_threshold(session: Session, campaign_id: int, threshold: float | None) -> Campaign:
    """The relevance from which posts come in that no query met; None means that queries alone decide."""
    campaign = get(session, campaign_id)
    campaign.meaning_threshold = checked_meaning_threshold(threshold)
    return campaign


def find(session: Session, name: str) -> Campaign | None:
    """The campaign of that name."""
    return session.scalars(sa.select(Campaign).where(Campaign.name == name)).one_or_none()


def by_name(session: Session, name: str) -> Campaign:
    """The campaign of that name; `NotFound` when there is none."""
    campaign = find(session, name)
    if campaign is None:
        raise NotFound(f"There is no campaign {name!r}. See: overheard campaigns list")
    return campaign


def get(session: Session, campaign_id: int) -> Campaign:
    """The campaign of that id; `NotFound` when there is none."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound(f"There is no campaign {campaign_id}.")
    return campaign


def views(session: Session) -> list[CampaignView]:
    """All campaigns by name, each with the queries in force."""
    campaigns = session.scalars(sa.select(Campaign).order_by(Campaign.name).options(selectinload(Campaign.sources)))
    statement = sa.select(Query).where(Query.retired_at.is_(None)).order_by(Query.name)
    queries: dict[int, list[Query]] = {}
    for query in session.scalars(statement):
        queries.setdefault(query.campaign_id, []).append(query)
    return [CampaignView(campaign, queries.get(campaign.id, [])) for campaign in campaigns]


def names(session: Session) -> Sequence[sa.Row[int, str]]:
    """Id and name of all campaigns, by name."""
    return session.execute(sa.select(Campaign.id, Campaign.name).order_by(Campaign.name)).all()


def view(session: Session, campaign_id: int) -> CampaignView:
    """One campaign with the queries in force; `NotFound` when there is none."""
    campaign = get(session, campaign_id)
    return next(found for found in views(session) if found.campaign.id == campaign.id)


def _source(session: Session, platform: Platform, community: str) -> Source:
    source = session.scalars(
        sa.select(Source).where(Source.platform == platform, Source.community == community)
    ).one_or_none()
    if source is None:
        raise NotFound(f"There is no source {community!r} on {platform.display}: collect or import it first.")
    return source
