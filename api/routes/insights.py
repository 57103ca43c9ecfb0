"""Insights: the funnel from above, in tables that may be drawn, each with its file."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Now, ReadDb, on_page
from api.insight_params import InsightParams
from api.insight_tables import tables
from api.kept import keep_page, kept_page
from api.pages import page
from api.spreadsheets import SheetFormat, table_response
from overheard.errors import NotFound
from overheard.marketing import campaigns
from overheard.measuring.insights import places, read_insights
from overheard.models import User

router = APIRouter(prefix="/insights")

Reader = Annotated[User, on_page(Action.READ_INSIGHTS)]
Params = Annotated[InsightParams, Query()]


@router.get("")
def show_insights(request: Request, viewer: Reader, db: ReadDb, now: Now, params: Params) -> Response:
    """What came in, and what became of it."""
    if (kept := kept_page(request, now)) is not None:
        return kept
    found = read_insights(db, params.asked(now))
    heard = places(db)
    shown = page(
        request,
        "insights.html",
        viewer=viewer,
        tables=tables(found),
        period=found.asked.period,
        params=params,
        campaigns=campaigns.names(db),
        platforms=sorted({platform for platform, _ in heard}, key=lambda one: one.display),
        communities=sorted({community for _, community in heard}, key=str.casefold),
    )
    return keep_page(request, shown, until=None)


@router.get("/{table}.csv")
def one_table(table: str, _viewer: Reader, db: ReadDb, now: Now, params: Params) -> Response:
    """One of its tables, as a file."""
    asked = params.asked(now)
    found = {one.key: one for one in tables(read_insights(db, asked))}.get(table)
    if found is None:
        raise NotFound(f"There is no table {table!r} of these days. The page names those there are.")
    header, rows = found.cells()
    return table_response(SheetFormat.CSV, f"{found.key}-{asked.period.first}-{asked.period.last}", header, rows)
