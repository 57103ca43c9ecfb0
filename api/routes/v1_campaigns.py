"""The API for programs, of a campaign's settings: what it sells, where and whom it hears, who works on it."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.access import Action
from api.bodies import Body
from api.deps import MAX_ID, Db, Id, Now, ReadDb, Text, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.routing import ApiRouter
from overheard.errors import InvalidInput, NotFound
from overheard.marketing import campaign_proposals, campaign_settings, campaigns, exclusions
from overheard.marketing.campaigns import MAX_NAME, MAX_OFFER
from overheard.marketing.exclusions import Place
from overheard.models import Exclusion, User
from overheard.vocabulary import ExclusionKind, Platform

router = ApiRouter(tags=["campaigns"])

Editor = Annotated[User, by_token(Action.EDIT_CAMPAIGN)]
_Number = Annotated[int, Field(ge=1, le=MAX_ID)]


class ExclusionBody(BaseModel):
    """An author or a community of whom nothing becomes a lead of the campaign."""

    id: int
    platform: Platform
    kind: ExclusionKind
    name: str = Field(description="In small letters.")
    at: datetime


class QuietHours(Body):
    """Hours of the team's day in which alerts that tell at once keep a campaign's leads until they are over."""

    begin: int = Field(strict=True, ge=0, le=23)
    end: int = Field(strict=True, ge=0, le=23, description="Other than `begin`; before it: on the next day.")


class SettingsBody(BaseModel):
    """What is settled about a campaign."""

    name: str
    offer: str
    languages: list[str] = Field(description="Codes of ISO 639; empty: all.")
    sources: list[int] = Field(description="Where it listens; empty: everywhere.")
    members: list[int] = Field(description="Who is given its leads in turn; empty: the team's own rule decides.")
    daily_budget: int | None = Field(description="Posts that may come into the queue a day; null: all.")
    hot_floor: float | None = Field(description="The score from which a lead is hot; null: none is.")
    samples_a_day: int = Field(description="Posts that are shown blind a day.")
    quiet_hours: QuietHours | None = Field(description="Null: there are none.")
    archived_at: datetime | None
    exclusions: list[ExclusionBody]


class SettingsChange(Body):
    """What is to be changed. What is not named stays."""

    name: Text | None = Field(None, min_length=1, max_length=MAX_NAME)
    offer: Text | None = Field(None, min_length=1, max_length=MAX_OFFER)
    languages: list[Text] | None = Field(None, max_length=50)
    sources: list[_Number] | None = Field(None, max_length=1000)
    members: list[_Number] | None = Field(None, max_length=1000)
    daily_budget: int | None = Field(None, strict=True, ge=1, le=100_000, description="Null lets all come in.")
    hot_floor: float | None = Field(None, strict=True, ge=0, le=1, description="Null: no lead is hot.")
    samples_a_day: int | None = Field(None, strict=True, ge=0, le=100, description="0: none.")
    quiet_hours: QuietHours | None = Field(None, description="Null: there are none.")
    archived: bool | None = None


class NewExclusion(Body):
    """Whom or where not to hear."""

    platform: Platform
    kind: ExclusionKind
    name: Text = Field(min_length=1, max_length=200)
    dry_run: bool = Field(False, description="Only count the leads that would leave the queue.")


class ExcludedBody(BaseModel):
    """What an exclusion did, or would do."""

    exclusion: ExclusionBody | None = Field(description="Null after a dry run.")
    leads: list[int] = Field(description="The leads that left the queue, or that would.")


class Offered(Body):
    """What somebody sells."""

    text: Text = Field(max_length=campaign_proposals.MAX_TEXT)


class ProposedQueryBody(BaseModel):
    """A query, and what it finds among the stored posts of 30 days."""

    name: str
    why: str
    expression: str
    posts: int


class ProposedCompetitorBody(BaseModel):
    """A product worth watching, and what naming it finds among the stored posts of 30 days."""

    name: str
    expression: str
    posts: int


class ProposalsBody(BaseModel):
    """What to listen for."""

    terms: list[str]
    competitors: list[ProposedCompetitorBody]
    queries: list[ProposedQueryBody]


@router.get(
    "/campaigns/{campaign_id}/settings",
    operation_id="readCampaignSettings",
    summary="The settings of a campaign",
    responses=problems(NotFound),
)
def read_settings(_user: Annotated[User, by_token(Action.READ_CAMPAIGNS)], campaign_id: Id, db: ReadDb) -> SettingsBody:
    """Name, offer, languages, sources, members and exclusions."""
    return _settings(db, campaign_id)


@router.patch(
    "/campaigns/{campaign_id}/settings",
    operation_id="changeCampaignSettings",
    summary="Change a campaign's settings",
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def change_settings(user: Editor, campaign_id: Id, db: Db, now: Now, body: SettingsChange) -> SettingsBody:
    """Leads of a campaign that is archived leave the queue, and come back when it is taken up again."""
    campaign = campaigns.get(db, campaign_id)
    name, offer = body.name or campaign.name, body.offer or campaign.offer
    campaign_settings.describe(db, campaign_id, name=name, offer=offer)
    if body.languages is not None:
        campaign_settings.set_languages(db, campaign_id, body.languages)
    if body.sources is not None:
        campaign_settings.set_sources(db, campaign_id, body.sources)
    if body.members is not None:
        campaign_settings.set_members(db, campaign_id, body.members)
    if "daily_budget" in body.model_fields_set:
        campaigns.set_daily_budget(db, campaign_id, body.daily_budget)
    if "hot_floor" in body.model_fields_set:
        campaigns.set_hot_floor(db, campaign_id, body.hot_floor)
    if body.samples_a_day is not None:
        campaigns.set_samples_a_day(db, campaign_id, body.samples_a_day)
    if "quiet_hours" in body.model_fields_set:
        quiet = body.quiet_hours
        hours = (quiet.begin, quiet.end) if quiet else (None, None)
        campaigns.set_quiet_hours(db, campaign_id, *hours)
    if body.archived is not None:
        change = campaign_settings.archive if body.archived else campaign_settings.restore
        change(db, campaign_id, actor=user, now=now)
    db.flush()
    return _settings(db, campaign_id)


@router.post(
    "/campaigns/{campaign_id}/exclusions",
    status_code=201,
    operation_id="exclude",
    summary="Hear an author or a community no more",
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def exclude(user: Editor, campaign_id: Id, db: Db, now: Now, body: NewExclusion) -> ExcludedBody:
    """Leads that wait from there leave the queue. No label is made of it."""
    place = Place(body.platform, body.kind, body.name)
    campaigns.get(db, campaign_id)
    if body.dry_run:
        return ExcludedBody(exclusion=None, leads=exclusions.affected(db, campaign_id, place))
    row, left = exclusions.exclude(db, campaign_id, place, actor=user, now=now)
    return ExcludedBody(exclusion=_exclusion(row), leads=left)


@router.delete(
    "/exclusions/{exclusion_id}",
    operation_id="liftExclusion",
    summary="Hear them again",
    responses=problems(NotFound, TooLarge),
)
def lift(user: Editor, exclusion_id: Id, db: Db, now: Now) -> ExcludedBody:
    """Leads that left the queue by it, and that nobody has touched since, come back."""
    row, back = exclusions.lift(db, exclusion_id, actor=user, now=now)
    return ExcludedBody(exclusion=_exclusion(row), leads=back)


@router.post(
    "/campaigns/propose",
    operation_id="proposeCampaign",
    summary="What to listen for",
    responses=problems(InvalidInput, TooLarge),
)
def propose(
    _user: Annotated[User, by_token(Action.CREATE_CAMPAIGN)], db: ReadDb, now: Now, body: Offered
) -> ProposalsBody:
    """Queries and competitors, from a product's page or two sentences about it. Nothing is saved."""
    found = campaign_proposals.propose(db, body.text, now=now)
    return ProposalsBody(
        terms=list(found.terms),
        competitors=[
            ProposedCompetitorBody(name=one.name, expression=one.expression, posts=one.found.posts)
            for one in found.competitors
        ],
        queries=[
            ProposedQueryBody(name=one.name, why=one.why, expression=one.expression, posts=one.found.posts)
            for one in found.queries
        ],
    )


def _settings(db: Session, campaign_id: int) -> SettingsBody:
    campaign = campaigns.view(db, campaign_id).campaign
    return SettingsBody(
        name=campaign.name,
        offer=campaign.offer,
        languages=(campaign.languages or "").split(),
        sources=sorted(source.id for source in campaign.sources),
        members=[user.id for user in campaign_settings.members(db, campaign_id)],
        daily_budget=campaign.daily_budget,
        hot_floor=campaign.hot_floor,
        samples_a_day=campaign.samples_a_day,
        quiet_hours=(
            None
            if campaign.quiet_from is None or campaign.quiet_until is None
            else QuietHours(begin=campaign.quiet_from, end=campaign.quiet_until)
        ),
        archived_at=campaign.archived_at,
        exclusions=[_exclusion(row) for row in exclusions.exclusions(db, campaign_id)],
    )


def _exclusion(row: Exclusion) -> ExclusionBody:
    return ExclusionBody(id=row.id, platform=row.platform, kind=row.kind, name=row.name, at=row.at)
