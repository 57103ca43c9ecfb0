"""Campaigns: what we sell, to whom, and the queries that listen for them. Each has a page in `campaign`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, StateDep, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from api.routes.campaign import home
from overheard.errors import InvalidInput, InvalidQuery
from overheard.keywords.query_variables import list_variables
from overheard.listening import suggestions
from overheard.marketing import campaign_proposals, campaign_settings, campaigns
from overheard.marketing.backfill import fill
from overheard.marketing.campaign_list import lines
from overheard.marketing.campaigns import MAX_OFFER
from overheard.models import User

router = APIRouter(prefix="/campaigns")

Words = Annotated[Text, Form()]
Many = Annotated[list[Text], Form(default_factory=list)]


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed, so that nothing of it is lost when it cannot be taken."""

    name: str = ""
    offer: str = ""
    queries: Sequence[tuple[str, str]] = (("", ""),)
    error: InvalidInput | None = None

    @property
    def position(self) -> int | None:
        """The character at which reading failed, where there is one query only."""
        return self.error.position if isinstance(self.error, InvalidQuery) and len(self.queries) == 1 else None


@router.get("")
def all_campaigns(request: Request, viewer: Annotated[User, on_page(Action.READ_CAMPAIGNS)], db: ReadDb) -> Response:
    """All campaigns, a line each, one's own first."""
    return page(request, "campaigns.html", viewer=viewer, lines=lines(db, viewer), variables=list_variables(db))


@router.get("/new")
def new_campaign(request: Request, viewer: Annotated[User, on_page(Action.CREATE_CAMPAIGN)]) -> Response:
    """Where a new campaign begins: with what somebody sells."""
    return page(request, "campaign_new.html", viewer=viewer, typed=Typed(), found=None)


@router.post("/propose")
def propose(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.CREATE_CAMPAIGN)],
    db: ReadDb,
    now: Now,
    name: Words = "",
    offer: Words = "",
) -> Response:
    """Queries, competitors and sources for it, each with what it finds; nothing is saved."""
    found = campaign_proposals.propose(db, offer, now=now)
    return page(request, "campaign_new.html", viewer=viewer, typed=Typed(name, offer[:MAX_OFFER]), found=found)


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
    state: StateDep,
    name: Words = "",
    offer: Words = "",
    query: Many,
    expression: Many,
    use: Annotated[list[int] | None, Form(description="Which of the queries; none named: all.")] = None,
    source: Annotated[list[int], Form(default_factory=list)],
) -> Response:
    """A new campaign with its first queries; what is stored comes in at once."""
    chosen = [one for place, one in enumerate(zip(query, expression, strict=False)) if use is None or place in use]
    try:
        with db.begin_nested():  # what was refused must leave nothing behind, and the page is still to be read
            campaign = campaigns.create(db, name=name, offer=offer, queries=_by_name(chosen), now=now)
            campaign_settings.set_sources(db, campaign.id, source)
    except InvalidInput as error:
        typed = Typed(name, offer, tuple(chosen), error)
        return page(request, "campaign_new.html", viewer=viewer, status=status_of(error), typed=typed, found=None)
    came = fill(db, campaign.id, now=now, key=state.key)
    told = "1 lead waits in its queue" if came == 1 else f"{came} leads wait in its queue"
    said = f"Campaign {campaign.name} is listening from now on. Of the stored posts, {told}."
    return done(request, home(campaign.id), Flash(said))


def _by_name(chosen: Sequence[tuple[str, str]]) -> dict[str, str]:
    by_name = dict(chosen)
    if not by_name:
        raise InvalidInput("Choose a query, or write one: without any a campaign hears nothing.")
    if len(by_name) < len(chosen):
        raise InvalidInput("Two of the queries have the same name: give each one of its own.")
    return by_name
