"""Live updates: for pages by the login, for programs by a token."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import StreamingResponse

from api.access import Action
from api.deps import by_token, on_page
from api.errors import TooManyListeners
from api.openapi import problems
from api.routing import ApiRouter
from api.state import state_of
from overheard.models import User

page_router = APIRouter()
router = ApiRouter()

LastId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The id of the last event you have: it is not told again.")
]

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": 'Events named `queue`, as often as something changes: `{"to_review": 12, "mine": 3, "due": 1, '
        '"newest_lead": 407}`. A comment at least every 15 seconds. The stream ends after a quarter of an hour: come '
        "back with Last-Event-ID.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


# Both are coroutines on purpose: a listener holds no thread and no connection to the database.
@page_router.get("/events")
async def page_events(
    request: Request, viewer: Annotated[User, on_page(Action.READ_QUEUE)], last_event_id: LastId = None
) -> StreamingResponse:
    """What the queue's counts are, for the pages' scripts."""
    return _stream(request, viewer, last_event_id)


@router.get(
    "/events",
    operation_id="readEvents",
    summary="Live updates",
    tags=["leads"],
    response_class=StreamingResponse,
    responses={**_STREAM, **problems(TooManyListeners)},
)
async def events(
    request: Request, user: Annotated[User, by_token(Action.READ_QUEUE)], last_event_id: LastId = None
) -> StreamingResponse:
    """How much waits in the queue, at once and whenever it changes, as server-sent events."""
    return _stream(request, user, last_event_id)


def _stream(request: Request, user: User, last_id: str | None) -> StreamingResponse:
    feed = state_of(request).feed
    if not feed.has_place(user.id):
        raise TooManyListeners
    headers = {"X-Accel-Buffering": "no"}  # nginx would else keep events until it has enough of them
    return StreamingResponse(feed.listen(user.id, last_id), headers=headers, media_type="text/event-stream")
