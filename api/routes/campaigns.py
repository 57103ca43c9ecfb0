"""Campaigns: what we sell, to whom, and the queries that listen for them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from overheard import campaigns, queries, suggestions
from overheard.errors import InvalidInput, InvalidQuery
from overheard.models import User
from overheard.qualification import questions
from overheard.relevance import count_by_meaning

router = APIRouter(prefix="/campaigns")

_HERE = "/campaigns"

Words = Annotated[Text, Form()]
# A campaign without a form of its own to return to is the form for a new one.
_NEW = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """What somebody typed that could not be taken, so that it can be shown again with what is wrong about it."""

    campaign_id: int
    error: InvalidInput
    name: str = ""
    offer: str = ""
    query: str = ""
    expression: str = ""

    @property
    def position(self) -> int | None:
        """The character at which reading the query failed."""
        return self.error.position if isinstance(self.error, InvalidQuery) else None


@router.get("")
def all_campaigns(request: Request, viewer: Annotated[User, on_page(Action.READ_CAMPAIGNS)], db: ReadDb) -> Response:
    """All campaigns with their queries."""
    return _page(request, viewer, db)


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
            campaigns.create(db, name=name, offer=offer, queries={query: expression}, now=now)
    except InvalidInput as error:
        return _page(request, viewer, db, Refused(_NEW, error, name, offer, query, expression))
    return done(request, _HERE, Flash(f"Campaign {name.strip()} is listening from now on."))


@router.post("/{campaign_id}/queries")
def save_query(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Annotated[User, on_page(Action.SAVE_QUERY)],
    db: Db,
    now: Now,
    query: Words = "",
    expression: Words = "",
) -> Response:
    """A new query, or a new version of one."""
    campaigns.get(db, campaign_id)
    try:
        with db.begin_nested():
            saved = queries.save_query(db, campaign_id, name=query, expression=expression.strip(), now=now)
    except InvalidInput as error:
        return _page(request, viewer, db, Refused(campaign_id, error, query=query, expression=expression))
    return done(request, _HERE, Flash(f"Query {saved.name} is in force as version {saved.version}."))


@router.post("/queries/{query_id}/retire")
def retire_query(
    request: Request,
    query_id: Id,
    _viewer: Annotated[User, on_page(Action.RETIRE_QUERY)],
    db: Db,
    now: Now,
) -> Response:
    """Take a query out of force."""
    query = queries.retire_query(db, query_id, now=now)
    return done(request, _HERE, Flash(f"Query {query.name} is retired. The leads it brought stay."))


@router.post("/{campaign_id}/threshold")
def set_threshold(
    request: Request,
    campaign_id: Id,
    _viewer: Annotated[User, on_page(Action.SET_THRESHOLD)],
    db: Db,
    percent: Annotated[float | None, Form(ge=0, le=100, allow_inf_nan=False)] = None,
) -> Response:
    """The score from which a post is put before a person; nothing means the model's own threshold."""
    threshold = None if percent is None else percent / 100
    campaign = campaigns.set_threshold(db, campaign_id, threshold)
    told = "the model's own" if threshold is None else f"{percent:g} %"
    return done(request, _HERE, Flash(f"The threshold of {campaign.name} is {told} now."))


@router.post("/{campaign_id}/meaning")
def set_meaning_threshold(
    request: Request,
    campaign_id: Id,
    _viewer: Annotated[User, on_page(Action.SET_THRESHOLD)],
    db: Db,
    percent: Annotated[float | None, Form(gt=0, le=100, allow_inf_nan=False)] = None,
) -> Response:
    """The relevance from which posts come in that no query met; nothing means that queries alone decide."""
    threshold = None if percent is None else percent / 100
    campaign = campaigns.set_meaning_threshold(db, campaign_id, threshold)
    told = "by its queries alone" if threshold is None else f"by meaning too, from {percent:g} % on"
    return done(request, _HERE, Flash(f"{campaign.name} finds posts {told}."))


def _page(request: Request, viewer: User, db: Session, refused: Refused | None = None) -> Response:
    status = status_of(refused.error) if refused else HTTPStatus.OK
    views = campaigns.views(db)
    by_meaning = {view.campaign.id: count_by_meaning(db, view.campaign) for view in views}
    asked = questions(db, [view.campaign.id for view in views])
    shown = {"views": views, "by_meaning": by_meaning, "refused": refused, "asked": asked}
    return page(request, "campaigns.html", viewer=viewer, status=status, **shown)
