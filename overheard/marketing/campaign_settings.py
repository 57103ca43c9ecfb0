"""What a campaign's marketer settles: name, offer, languages, sources, who works on it, whether it still runs."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.keywords.queries import match_again
from overheard.leads import funnel
from overheard.leads.claims import assignable
from overheard.marketing import campaigns
from overheard.marketing.exclusions import is_excluded
from overheard.models import Campaign, Lead, Prediction, Source, User, campaign_members
from overheard.vocabulary import Stage

_CODE = re.compile("[a-z]{2,3}")


def admits() -> sa.ColumnElement[bool]:
    """Whether the statement's campaign takes the statement's post, whatever its score: both it and its prediction
    stand in the statement. A post whose language nobody could tell is taken.
    """
    spoken = (sa.literal(" ") + Campaign.languages + " ").contains(sa.literal(" ") + Prediction.language + " ")
    return sa.and_(
        Campaign.archived_at.is_(None),
        sa.or_(Campaign.languages.is_(None), Prediction.language.is_(None), spoken),
        ~is_excluded(),
    )


def describe(session: Session, campaign_id: int, *, name: str, offer: str) -> Campaign:
    """Another name, another offer. What was measured against the former offer counts no more."""
    campaign = campaigns.get(session, campaign_id)
    name, offer = campaigns.checked_words(name, offer)
    found = campaigns.find(session, name)
    if found is not None and found.id != campaign_id:
        raise InvalidInput(f"There is a campaign named {name!r} already: choose another name.")
    campaign.name, campaign.offer = name, offer
    return campaign


def set_languages(session: Session, campaign_id: int, codes: Sequence[str]) -> Campaign:
    """Posts in other languages do not qualify; without any language all do. Codes of ISO 639, such as `en`."""
    campaign = campaigns.get(session, campaign_id)
    wanted = sorted({code.strip().lower() for code in codes if code.strip()})
    wrong = [code for code in wanted if not _CODE.fullmatch(code)]
    if wrong:
        raise InvalidInput(f"{wrong[0]!r} is no code of a language: write two or three letters, such as en or de.")
    campaign.languages = " ".join(wanted) or None
    return campaign


def set_sources(session: Session, campaign_id: int, source_ids: Collection[int]) -> Campaign:
    """Where it listens; nowhere named: everywhere. Stored posts of what is new are matched at once."""
    campaign = campaigns.view(session, campaign_id).campaign
    found = session.scalars(sa.select(Source).where(Source.id.in_(source_ids))).all()
    if len(found) < len(set(source_ids)):
        raise InvalidInput("One of these sources is gone: reload the page and choose again.")
    if {source.id for source in found} != {source.id for source in campaign.sources}:
        campaign.sources = list(found)
        session.flush()
        match_again(session, campaign_id)
    return campaign


# --- who works on it -----------------------------------------------------------------------------------------------


def members(session: Session, campaign_id: int) -> list[User]:
    """Who works on the campaign's leads, by name; nobody named: everybody."""
    statement = sa.select(campaign_members.c.user_id).where(campaign_members.c.campaign_id == campaign_id)
    ids = set(session.scalars(statement))
    return [user for user in assignable(session) if user.id in ids]


def set_members(session: Session, campaign_id: int, user_ids: Collection[int]) -> list[User]:
    """Only these are given the campaign's leads, in turn."""
    campaigns.get(session, campaign_id)
    if not set(user_ids) <= {user.id for user in assignable(session)}:
        raise InvalidInput("A member is somebody who works with leads: an SDR or an admin.")
    session.execute(sa.delete(campaign_members).where(campaign_members.c.campaign_id == campaign_id))
    rows = [{"campaign_id": campaign_id, "user_id": user_id} for user_id in sorted(set(user_ids))]
    if rows:
        session.execute(sa.insert(campaign_members), rows)
    return members(session, campaign_id)


# --- whether it runs -----------------------------------------------------------------------------------------------


def archive(session: Session, campaign_id: int, *, actor: User, now: datetime) -> int:
    """Let it rest: nobody new becomes its lead, and those that wait leave the queue; how many did."""
    campaign = campaigns.get(session, campaign_id)
    if campaign.archived_at is not None:
        return 0
    campaign.archived_at = now
    waiting = session.scalars(
        sa.select(Lead.id).where(
            Lead.campaign_id == campaign_id, Lead.stage == Stage.MARKETING_QUALIFIED, Lead.merged_into_id.is_(None)
        )
    )
    return len(funnel.set_aside(session, list(waiting), because=_ARCHIVED, actor=actor, now=now))


def restore(session: Session, campaign_id: int, *, actor: User, now: datetime) -> int:
    """Let it run again, with the leads that had waited; how many came back."""
    campaign = campaigns.get(session, campaign_id)
    if campaign.archived_at is None:
        return 0
    at, campaign.archived_at = campaign.archived_at, None
    return len(funnel.bring_back(session, campaign_id, because=_ARCHIVED, at=at, actor=actor, now=now))


_ARCHIVED = "The campaign is archived."
