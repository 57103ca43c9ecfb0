"""Campaigns: what we sell, to whom, and the queries that listen for them. Each has a page in `campaign`."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from api.routes.campaign import home
from overheard import campaigns, suggestions
from overheard.campaign_list import lines
from overheard.errors import InvalidInput, InvalidQuery
from overheard.models import User

router = APIRouter(prefix="/campaigns")

Words = Annotated[Text, Form()]
_BLANK = {"name": "", "offer": "", "query": "", "expression": ""}


@router.get("")
def all_campaigns(request: Request, viewer: Annotated[User, on_page(Action.READ_CAMPAIGNS)], db: ReadDb) -> Response:
    """All campaigns, a line each."""
    return page(request, "campaigns.html", viewer=viewer, lines=lines(db))


@router.get("/new")
def new_campaign(request: Request, viewer: Annotated[User, on_page(Action.CREATE_CAMPAIGN)]) -> Response:
    """Where a new campaign begins."""
    return page(request, "campaign_new.html", viewer=viewer, typed=_BLANK, error=None, position=None)


@router.get("/{campaign_id}/suggestions")
def suggest(
    request: Request, campaign_id: Id, viewer: Annotated[User, on_page(Action.READ_SUGGESTIONS)], db: ReadDb, now: Now
) -> Response:
    """Communities worth watching, from the links in what its queries met."""
    campaign = campaigns.get(db, campaign_id)
    found = suggestions.suggest_communities(db, campaign_id, now=now)
    return page(request, "suggestions.html", viewer=viewer, campaign=campaign, found=found)


@router.post("")
def create(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.CREATE_CAMPAIGN)],
    db: Db,
    now: Now,
    name: Words = "",
    offer: Words = "",
    query: Words = "",
    expression: Words = "",
) -> Response:
    """A new campaign with its first query."""
    try:
        with db.begin_nested():  # what was refused must leave nothing behind, and the page is still to be read
            campaign = campaigns.create(db, name=name, offer=offer, queries={query: expression}, now=now)
    except InvalidInput as error:
        typed = {"name": name, "offer": offer, "query": query, "expression": expression}
        position = error.position if isinstance(error, InvalidQuery) else None
        shown = {"typed": typed, "error": error, "position": position}
        return page(request, "campaign_new.html", viewer=viewer, status=status_of(error), **shown)
    return done(request, home(campaign.id), Flash(f"Campaign {campaign.name} is listening from now on."))
