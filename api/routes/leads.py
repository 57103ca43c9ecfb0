"""One lead, and the four things a person can do with it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.pages import Flash, done, page
from api.words import lead_name, reason_name
from overheard import funnel, review_queue
from overheard.labels import Seen
from overheard.models import Lead, Post, User
from overheard.vocabulary import DisqualifyReason

router = APIRouter(prefix="/leads/{lead_id}")

Position = Annotated[int | None, Form(ge=1, le=review_queue.MAX_PAGE_SIZE)]
Back = Annotated[str, Form()]


@router.get("")
def lead(request: Request, lead_id: Id, viewer: Annotated[User, on_page(Action.READ_LEAD)], db: ReadDb) -> Response:
    """A lead with its posts and its timeline."""
    view = review_queue.lead_view(db, lead_id)
    return page(request, "lead.html", viewer=viewer, view=view, open_from=funnel.OPEN_FROM)


@router.post("/promote")
def promote(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.PROMOTE)],
    db: Db,
    now: Now,
    position: Position = None,
    back: Back = "",
) -> Response:
    """MQL → SQL."""
    funnel.promote(db, lead_id, actor=viewer, now=now, seen=Seen(position=position))
    return done(request, back, Flash(f"Promoted {_name(db, lead_id)}.", lead_id))


@router.post("/disqualify")
def disqualify(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.DISQUALIFY)],
    db: Db,
    now: Now,
    reason: Annotated[DisqualifyReason, Form()],
    note: Annotated[Text, Form()] = "",
    position: Position = None,
    back: Back = "",
) -> Response:
    """Out, with a reason."""
    funnel.disqualify(db, lead_id, reason=reason, note=note, actor=viewer, now=now, seen=Seen(position=position))
    return done(request, back, Flash(f"Disqualified {_name(db, lead_id)}: {reason_name(reason)}.", lead_id))


@router.post("/reopen")
def reopen(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.REOPEN)],
    db: Db,
    now: Now,
    back: Back = "",
) -> Response:
    """Back into the queue."""
    funnel.reopen(db, lead_id, actor=viewer, now=now)
    return done(request, back, Flash(f"Reopened {_name(db, lead_id)}.", lead_id))


@router.post("/undo")
def undo(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.UNDO)],
    db: Db,
    now: Now,
    back: Back = "",
) -> Response:
    """Take back one's own last decision."""
    event = funnel.undo(db, lead_id, actor=viewer, now=now)
    return done(request, back, Flash(f"Taken back: {_name(db, lead_id)} is {event.to_stage.display} again."))


def _name(db: Session, lead_id: int) -> str:
    lead = db.get_one(Lead, lead_id)
    return lead_name(lead, db.get(Post, lead.top_post_id) if lead.top_post_id else None)
