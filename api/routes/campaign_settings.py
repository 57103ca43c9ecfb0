"""The settings of a campaign, as forms of its page."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BeforeValidator, Field
from starlette.responses import Response

from api.access import Action
from api.campaign_page import campaign_page, quiet_hours
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.filters import none_if_empty
from api.pages import Flash, done
from api.routes.campaign import home
from overheard.marketing import campaign_settings, campaigns, exclusions
from overheard.marketing.exclusions import Place
from overheard.marketing.relevance import offer_hash
from overheard.models import User
from overheard.vocabulary import ExclusionKind, Platform

router = APIRouter(prefix="/campaigns")

Editor = Annotated[User, on_page(Action.EDIT_CAMPAIGN)]
Words = Annotated[Text, Form()]
Chosen = Annotated[list[int], Form()]
Hour = Annotated[int | None, BeforeValidator(none_if_empty), Field(ge=0, le=23)]


@router.post("/{campaign_id}/settings")
def describe(
    *,
    request: Request,
    campaign_id: Id,
    _viewer: Editor,
    db: Db,
    name: Words = "",
    offer: Words = "",
    languages: Words = "",
) -> Response:
    """Name, offer and languages."""
    former = offer_hash(campaigns.get(db, campaign_id).offer)
    campaign = campaign_settings.describe(db, campaign_id, name=name, offer=offer)
    campaign_settings.set_languages(db, campaign_id, languages.replace(",", " ").split())
    said = f"The settings of {campaign.name} are saved."
    if offer_hash(campaign.offer) != former and campaign.meaning_threshold is not None:
        said += " Posts are compared with the new offer when they are classified next."
    return done(request, home(campaign_id, "settings"), Flash(said))


@router.post("/{campaign_id}/sources")
def set_sources(request: Request, campaign_id: Id, _viewer: Editor, db: Db, source: Chosen = []) -> Response:  # noqa: B006 - the framework copies it
    """Where it listens."""
    campaign = campaign_settings.set_sources(db, campaign_id, source)
    told = "all sources" if not campaign.sources else f"{len(campaign.sources)} of the sources"
    return done(request, home(campaign_id, "settings"), Flash(f"{campaign.name} listens to {told} now."))


@router.post("/{campaign_id}/members")
def set_members(request: Request, campaign_id: Id, _viewer: Editor, db: Db, member: Chosen = []) -> Response:  # noqa: B006 - the framework copies it
    """Who works on its leads."""
    team = campaign_settings.set_members(db, campaign_id, member)
    names = ", ".join(user.name for user in team)
    said = f"Promoted leads go to {names} in turn." if team else "Nobody is named: the team's own rule decides."
    return done(request, home(campaign_id, "settings"), Flash(said))


@router.post("/{campaign_id}/quiet-hours")
def set_quiet_hours(
    *,
    request: Request,
    campaign_id: Id,
    _viewer: Editor,
    db: Db,
    quiet_from: Annotated[Hour, Form()] = None,
    quiet_until: Annotated[Hour, Form()] = None,
) -> Response:
    """When nobody is told of its leads at once."""
    hours = quiet_hours(campaigns.set_quiet_hours(db, campaign_id, quiet_from, quiet_until))
    said = f"Nobody is told of its leads at once from {hours}." if hours else "It has no quiet hours."
    return done(request, home(campaign_id, "settings"), Flash(said))


@router.post("/{campaign_id}/exclusions")
def exclude(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Editor,
    db: Db,
    now: Now,
    platform: Annotated[Platform, Form()],
    kind: Annotated[ExclusionKind, Form()],
    name: Words = "",
) -> Response:
    """Hear an author or a community no more; leads that wait from there leave the queue."""
    row, left = exclusions.exclude(db, campaign_id, Place(platform, kind, name), actor=viewer, now=now)
    said = f"The {row.kind.value} {row.name} is excluded; {_leads(len(left))} left the queue."
    return done(request, home(campaign_id, "exclusions"), Flash(said))


@router.post("/{campaign_id}/exclusions/count")
def count_excluded(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Editor,
    db: ReadDb,
    platform: Annotated[Platform, Form()],
    kind: Annotated[ExclusionKind, Form()],
    name: Words = "",
) -> Response:
    """What excluding it would take out of the queue; nothing is done yet."""
    place = Place(platform, kind, name)
    counted = (place, len(exclusions.affected(db, campaign_id, place)))
    return campaign_page(request, viewer, db, campaign_id, counted=counted)


@router.post("/exclusions/{exclusion_id}/lift")
def lift(request: Request, exclusion_id: Id, viewer: Editor, db: Db, now: Now) -> Response:
    """Hear them again."""
    row, back = exclusions.lift(db, exclusion_id, actor=viewer, now=now)
    said = f"The {row.kind.value} {row.name} is heard again; {_leads(len(back))} came back into the queue."
    return done(request, home(row.campaign_id, "exclusions"), Flash(said))


@router.post("/{campaign_id}/archive")
def archive(request: Request, campaign_id: Id, viewer: Editor, db: Db, now: Now) -> Response:
    """Let it rest."""
    left = campaign_settings.archive(db, campaign_id, actor=viewer, now=now)
    return done(request, home(campaign_id), Flash(f"The campaign is archived; {_leads(left)} left the queue."))


@router.post("/{campaign_id}/restore")
def restore(request: Request, campaign_id: Id, viewer: Editor, db: Db, now: Now) -> Response:
    """Let it run again."""
    back = campaign_settings.restore(db, campaign_id, actor=viewer, now=now)
    return done(request, home(campaign_id), Flash(f"The campaign runs again; {_leads(back)} came back into the queue."))


def _leads(number: int) -> str:
    return "1 lead" if number == 1 else f"{number} leads"
