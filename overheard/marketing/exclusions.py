"""Authors and communities of whom nothing becomes a lead of a campaign, with what that does to leads that wait."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.leads import funnel
from overheard.marketing import campaigns
from overheard.models import Campaign, Exclusion, Lead, Post, Signal, Source, User
from overheard.vocabulary import ExclusionKind, Platform, Stage

_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Whom or where not to hear."""

    platform: Platform
    kind: ExclusionKind
    name: str
    """As somebody wrote it."""

    @property
    def key(self) -> str:
        """As it is compared."""
        name = " ".join(self.name.split()).lower()
        return name.removeprefix("u/").removeprefix("@") if self.kind is ExclusionKind.AUTHOR else name

    @property
    def because(self) -> str:
        """Why a lead leaves the queue."""
        return f"The {self.kind.value} {self.key} is excluded from the campaign."


def is_excluded() -> sa.ColumnElement[bool]:
    """Whether the statement's campaign excludes the author or the community of the statement's post."""
    community = (
        sa.select(sa.func.lower(Source.community)).where(Source.id == Post.source_id).correlate(Post).scalar_subquery()
    )
    author = sa.or_(Exclusion.name == sa.func.lower(Post.author), Exclusion.name == sa.func.lower(Post.author_name))
    return sa.exists().where(
        Exclusion.campaign_id == Campaign.id,
        Exclusion.platform == Post.platform,
        sa.case((Exclusion.kind == ExclusionKind.AUTHOR, author), else_=Exclusion.name == community),
    )


def exclusions(session: Session, campaign_id: int) -> list[Exclusion]:
    """Of a campaign, the newest first."""
    statement = sa.select(Exclusion).where(Exclusion.campaign_id == campaign_id)
    return list(session.scalars(statement.order_by(Exclusion.id.desc())))


def affected(session: Session, campaign_id: int, place: Place) -> list[int]:
    """The leads that wait in the queue and have no signal but from there: what excluding it would take out."""
    _check(place)
    from_there = (
        sa.or_(sa.func.lower(Post.author) == place.key, sa.func.lower(Post.author_name) == place.key)
        if place.kind is ExclusionKind.AUTHOR
        else sa.exists().where(Source.id == Post.source_id, sa.func.lower(Source.community) == place.key)
    )
    signals = sa.select(Signal.lead_id).join(Post, Post.id == Signal.post_id)
    there = sa.and_(Post.platform == place.platform, from_there)
    statement = sa.select(Lead.id).where(
        Lead.campaign_id == campaign_id,
        Lead.stage == Stage.MARKETING_QUALIFIED,
        Lead.merged_into_id.is_(None),
        Lead.id.in_(signals.where(there)),
        ~sa.exists().where(
            Signal.lead_id == Lead.id, Signal.post_id == Post.id, sa.not_(sa.func.coalesce(there, False))
        ),
    )
    return list(session.scalars(statement.order_by(Lead.id)))


def exclude(
    session: Session, campaign_id: int, place: Place, *, actor: User, now: datetime
) -> tuple[Exclusion, list[int]]:
    """From now on nothing from there qualifies; the leads that left the queue by it. What somebody looks at stays.

    It is no word about the posts' intent, so no label is made of it.
    """
    campaigns.get(session, campaign_id)
    leaving = affected(session, campaign_id, place)
    present = sa.select(Exclusion.id).where(
        Exclusion.campaign_id == campaign_id,
        Exclusion.platform == place.platform,
        Exclusion.kind == place.kind,
        Exclusion.name == place.key,
    )
    if session.scalar(present) is not None:
        raise InvalidInput(f"The {place.kind.value} {place.key} is excluded already.")
    row = Exclusion(
        campaign_id=campaign_id, platform=place.platform, kind=place.kind, name=place.key, at=now, actor_id=actor.id
    )
    session.add(row)
    session.flush()
    return row, funnel.set_aside(session, leaving, because=place.because, actor=actor, now=now)


def lift(session: Session, exclusion_id: int, *, actor: User, now: datetime) -> tuple[Exclusion, list[int]]:
    """Hear them again; the leads that had left the queue by it, and that nobody has touched since, come back."""
    row = session.get(Exclusion, exclusion_id)
    if row is None:
        raise NotFound(f"There is no exclusion {exclusion_id}: somebody may have lifted it.")
    because = Place(row.platform, row.kind, row.name).because
    session.delete(row)
    back = funnel.bring_back(session, row.campaign_id, because=because, at=row.at, actor=actor, now=now)
    return row, back


def _check(place: Place) -> None:
    if not 1 <= len(place.key) <= _MAX_NAME:
        raise InvalidInput(f"Name the {place.kind.value}, in 1 to {_MAX_NAME} characters.")
