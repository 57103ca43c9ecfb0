"""The one page of a campaign: what it listens for, what that brings, and its thresholds."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import JSONResponse, Response

from api.access import Action
from api.campaign_page import Draft, campaign_page, checked
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.pages import Flash, done
from overheard.errors import InvalidInput
from overheard.keywords import queries
from overheard.keywords.query_edits import with_term, without_term
from overheard.marketing import campaigns
from overheard.measuring import forecast
from overheard.models import User

router = APIRouter(prefix="/campaigns")

Words = Annotated[Text, Form()]


def home(campaign_id: int, part: str = "") -> str:
    """The address of a campaign's page, or of a part of it."""
    return f"/campaigns/{campaign_id}" + (f"#{part}" if part else "")


@router.get("/{campaign_id}")
def one_campaign(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Annotated[User, on_page(Action.READ_CAMPAIGNS)],
    db: ReadDb,
    query: Annotated[Text, Query()] = "",
    add: Annotated[Text, Query(max_length=200, description="A term that the query is to meet too.")] = "",
    exclude: Annotated[Text, Query(max_length=200, description="A term that the query is to leave out.")] = "",
) -> Response:
    """All about one campaign; with the name of a query, that one stands in the editor, changed as it is asked."""
    current = queries.in_force(db, campaign_id, query)
    expression = current.expression if current else ""
    if add.strip():
        expression = with_term(expression, add)
    if exclude.strip():
        expression = without_term(expression, exclude)
    return campaign_page(request, viewer, db, campaign_id, draft=Draft(query, expression))


@router.post("/{campaign_id}/check")
def check_query(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Annotated[User, on_page(Action.READ_CAMPAIGNS)],
    db: ReadDb,
    query: Words = "",
    expression: Words = "",
) -> Response:
    """Whether an expression can be read, and what it finds, in plain words. A script is told as JSON."""
    campaigns.get(db, campaign_id)
    draft = checked(db, Draft(query, expression))
    if request.headers.get("Accept") == "application/json":
        error = str(draft.error) if draft.error else None
        return JSONResponse({"words": draft.words, "error": error, "position": draft.position})
    return campaign_page(request, viewer, db, campaign_id, draft=draft)


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
    note: Words = "",
) -> Response:
    """A new query, or a new version of one."""
    campaigns.get(db, campaign_id)
    try:
        with db.begin_nested():  # what was refused must leave nothing behind, and the page is still to be read
            text = expression.strip()
            saved = queries.save_query(db, campaign_id, name=query, expression=text, author=viewer, note=note, now=now)
    except InvalidInput as error:
        draft = Draft(query, expression, error, note=note)
        return campaign_page(request, viewer, db, campaign_id, draft=draft)
    said = f"Query {saved.name} is in force as version {saved.version}."
    flood = forecast.warning(db, saved, now)
    return done(request, home(campaign_id, "queries"), Flash(f"{said} {flood}" if flood else said))


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
    said = f"Query {query.name} is retired. The leads it brought stay."
    return done(request, home(query.campaign_id, "queries"), Flash(said))


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
    return done(request, home(campaign_id), Flash(f"The threshold of {campaign.name} is {told} now."))


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
    return done(request, home(campaign_id), Flash(f"{campaign.name} finds posts {told}."))
