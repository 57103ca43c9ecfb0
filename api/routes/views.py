"""Saved views of the queue."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.filters import read_params
from api.pages import Flash, done, page
from overheard.desk import review_queue, views
from overheard.errors import InvalidInput
from overheard.models import User

router = APIRouter(prefix="/queue/views")

Back = Annotated[str, Form()]


@router.get("")
def saved_views(
    *, request: Request, viewer: Annotated[User, on_page(Action.READ_QUEUE)], db: ReadDb, now: Now, params: str = ""
) -> Response:
    """All views that this user sees, each with how many leads it shows; and saving the filters one comes from."""
    shown = []
    for view in views.visible(db, viewer):
        kept = read_params(view.saved.params)
        number = None if kept is None else review_queue.count_to_thousand(db, kept.filters(viewer, now))
        shown.append((view, number))
    present = read_params(params)
    return page(
        request,
        "queue_views.html",
        viewer=viewer,
        views=shown,
        params=present.params if present else "",
        longest=views.MAX_NAME,
    )


@router.post("")
def save(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.SAVE_VIEW)],
    db: Db,
    name: Annotated[Text, Form()],
    params: Annotated[Text, Form(max_length=2000)] = "",
    shared: Annotated[bool, Form()] = False,
    back: Back = "",
) -> Response:
    """Keep the present filters under a name."""
    kept = read_params(params)
    if kept is None:
        raise InvalidInput("These filters cannot be kept: set them on the queue page and save the view from there.")
    view = views.save(db, viewer, name=name, params=kept.params, is_shared=shared)
    return done(request, back or f"/queue?{kept.params}", Flash(f"Saved as {view.name}."))


@router.post("/{view_id}/share")
def share(
    *,
    request: Request,
    view_id: Id,
    viewer: Annotated[User, on_page(Action.SAVE_VIEW)],
    db: Db,
    shared: Annotated[bool, Form()] = False,
    back: Back = "",
) -> Response:
    """Let all see it, or nobody else any more."""
    view = views.share(db, viewer, view_id, is_shared=shared)
    said = f"All see {view.name} now." if shared else f"Only you see {view.name} now."
    return done(request, back or "/queue/views", Flash(said))


@router.post("/{view_id}/delete")
def delete(
    *, request: Request, view_id: Id, viewer: Annotated[User, on_page(Action.SAVE_VIEW)], db: Db, back: Back = ""
) -> Response:
    """Forget it."""
    view = views.delete(db, viewer, view_id)
    return done(
        request, back or "/queue/views", Flash(f"The view {view.name} is deleted. Nothing happened to its leads.")
    )
