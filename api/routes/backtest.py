"""Testing an edited query against the stored posts, its versions, and going back to one."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from overheard.errors import InvalidInput, InvalidQuery
from overheard.keywords.backtest import WINDOWS, backtest
from overheard.keywords.query_versions import roll_back, versions
from overheard.marketing import campaigns
from overheard.models import User

router = APIRouter(prefix="/campaigns")

Words = Annotated[Text, Form()]


@router.post("/{campaign_id}/backtest")
def run_backtest(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Annotated[User, on_page(Action.TEST_QUERY)],
    db: ReadDb,
    now: Now,
    query: Words = "",
    expression: Words = "",
    days: Annotated[int, Form(ge=0, le=3650, description="0: all posts.")] = 30,
    fragment: Annotated[bool, Form(description="Only what a script puts into its page.")] = False,
) -> Response:
    """What the campaign's query of that name would gain and lose with the expression; nothing is saved."""
    campaign = campaigns.get(db, campaign_id)
    expression = expression.strip()
    shown = {"campaign": campaign, "query": query.strip(), "expression": expression, "windows": WINDOWS}
    found, wrong, status = None, None, HTTPStatus.OK
    try:
        found = backtest(db, campaign_id, name=query, expression=expression, days=days or None, now=now)
    except InvalidInput as error:
        wrong, status = error, status_of(error)
    return page(
        request,
        "backtest.html" if fragment else "backtest_page.html",
        viewer=viewer,
        status=status,
        found=found,
        error=wrong,
        position=wrong.position if isinstance(wrong, InvalidQuery) else None,
        days=days or None,
        **shown,
    )


@router.get("/{campaign_id}/versions")
def all_versions(
    request: Request,
    campaign_id: Id,
    viewer: Annotated[User, on_page(Action.READ_CAMPAIGNS)],
    db: ReadDb,
    query: Annotated[Text, Query()] = "",
) -> Response:
    """The versions of a campaign's query."""
    campaign = campaigns.get(db, campaign_id)
    found = versions(db, campaign_id, query)
    return page(request, "query_versions_page.html", viewer=viewer, campaign=campaign, query=query, versions=found)


@router.post("/queries/{query_id}/rollback")
def go_back(
    *,
    request: Request,
    query_id: Id,
    viewer: Annotated[User, on_page(Action.SAVE_QUERY)],
    db: Db,
    now: Now,
    note: Words = "",
) -> Response:
    """Put a former version in force, as a new one."""
    saved = roll_back(db, query_id, author=viewer, note=note, now=now)
    said = f"Query {saved.name} is in force as version {saved.version}: {saved.note}."
    return done(request, f"/campaigns/{saved.campaign_id}#queries", Flash(said))
