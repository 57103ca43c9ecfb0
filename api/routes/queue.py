"""The review queue."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Now, ReadDb, on_page
from api.filters import QueueParams
from api.pages import page
from overheard import campaigns, review_queue
from overheard.models import User
from overheard.vocabulary import Stage

router = APIRouter()

_TABS = (
    (Stage.MARKETING_QUALIFIED, "To review"),
    (Stage.SALES_QUALIFIED, "Promoted"),
    (Stage.DISQUALIFIED, "Disqualified"),
)


@router.get("/queue")
def queue(
    request: Request,
    viewer: Annotated[User, on_page(Action.READ_QUEUE)],
    db: ReadDb,
    now: Now,
    params: Annotated[QueueParams, Query()],
) -> Response:
    """A page of leads, newest day first and the strongest of a day first."""
    filters = params.filters(viewer, now)
    found = review_queue.page(db, filters, after=params.place)
    return page(
        request,
        "queue.html",
        viewer=viewer,
        params=params,
        stage=filters.stage,
        tabs=_TABS,
        items=found.items,
        next_address=params.address(after=found.next_place) if found.next_place else None,
        total=review_queue.count(db, filters),
        campaigns=[view.campaign for view in campaigns.views(db)],
    )
