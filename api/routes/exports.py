"""What leaves the queue as a file, or is read as a feed."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api import etags
from api.access import Action, may
from api.deps import Db, Now, ReadDb, StateDep, on_page
from api.errors import Forbidden
from api.filters import QueueParams, read_params
from api.spreadsheets import Cell, SheetFormat, table_response
from api.state import State
from overheard.desk.review_queue import Filters
from overheard.errors import NotFound
from overheard.leads.lead_summaries import LeadSummary, in_queue_order
from overheard.models import User
from overheard.notifications import feeds
from overheard.users import audit
from overheard.vocabulary import AuditAction

router = APIRouter()

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold, whatever a stranger wrote."""

HEADER = (
    "lead",
    "link",
    "campaign",
    "stage",
    "score",
    "intent",
    "platform",
    "community",
    "author",
    "posted at",
    "need",
    "permalink",
    "assigned to",
    "title",
    "text",
)


class ExportParams(QueueParams):
    """The filters of the queue, and what file."""

    format: SheetFormat = Field(SheetFormat.CSV, description="csv or xlsx.")


@router.get("/queue/export")
def export(
    *,
    state: StateDep,
    viewer: Annotated[User, on_page(Action.EXPORT_LEADS)],
    db: Db,
    now: Now,
    params: Annotated[ExportParams, Query()],
) -> Response:
    """All leads that the filters show, as a file. Who does not want to hear from us is not in it."""
    audit.record(db, viewer, AuditAction.EXPORTED, "leads", params.params, now=now)
    rows = _rows(state, params.everybodys_filters(viewer, now))
    return table_response(params.format, f"leads-{now:%Y-%m-%d}", HEADER, rows)


def _rows(state: State, filters: Filters) -> Iterator[list[Cell]]:
    with state.reading() as session:  # it is read while it is sent, when the request's own session is closed
        for told in in_queue_order(session, filters, key=state.key):
            yield _row(told, state.settings.address)


def _row(told: LeadSummary, address: str) -> list[Cell]:
    lead = told.lead
    return [
        lead.id,
        f"{address}/leads/{lead.id}",
        told.campaign,
        lead.stage.value,
        round(lead.score, 4),
        lead.intent.value,
        lead.platform.display,
        told.community,
        told.author,
        told.posted_at,
        told.need,
        told.permalink,
        told.assignee,
        told.title,
        told.text,
    ]


@router.get("/feeds/{token}/queue.xml")
def feed(request: Request, token: str, state: StateDep, db: ReadDb, now: Now) -> Response:
    """The newest leads of a view as Atom, for whoever has the address."""
    found, view = feeds.find(db, token)
    if not may(found.user, Action.READ_QUEUE):
        raise Forbidden
    told = list(
        in_queue_order(db, _filters(view.params if view else "", found.user, now), key=state.key, at_most=feeds.ENTRIES)
    )
    shown = {
        "told": told,
        "title": view.name if view else "Review queue",
        "address": state.settings.address,
        "queue": f"{state.settings.address}/queue" + (f"?{view.params}" if view and view.params else ""),
        "feed_id": found.id,
        "with_text": found.with_text,
        "updated": max((one.posted_at for one in told), default=found.created_at),
    }
    body = _NO_XML.sub("", state.templates.get_template("feed.xml").render(**shown))
    response = Response(body, media_type="application/atom+xml", headers={"Cache-Control": "private, no-cache"})
    return etags.tagged(request, response)


def _filters(params: str, viewer: User, now: datetime) -> Filters:
    kept = read_params(params)
    if kept is None:
        raise NotFound("The view of this feed is of another time: save it anew.")
    return kept.everybodys_filters(viewer, now)
