"""One lead, and the steps that a person can take with it. What is written down about it: `lead_desk.py`."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action, may
from api.conversing import guard_of
from api.deps import Db, Id, Now, ReadDb, StateDep, Text, on_page
from api.pages import Flash, done, page
from api.words import lead_name, reason_name
from overheard.desk import review_queue
from overheard.labelling.labels import Seen
from overheard.leads import claims, funnel
from overheard.leads.assignment import assign_by_rule
from overheard.leads.lead_desk import lead_desk
from overheard.models import Lead, Post, User
from overheard.replying.composer import composer
from overheard.vocabulary import DisqualifyReason, Stage

router = APIRouter(prefix="/leads/{lead_id}")

Position = Annotated[int | None, Form(ge=1, le=review_queue.MAX_PAGE_SIZE)]
Back = Annotated[str, Form()]
Mover = Annotated[User, on_page(Action.MOVE_LEAD)]
Note = Annotated[Text, Form()]


@router.get("")
def lead(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.READ_LEAD)],
    db: ReadDb,
    state: StateDep,
    now: Now,
) -> Response:
    """A lead with its posts, what is known of it, and its history."""
    view = review_queue.lead_view(db, lead_id, key=state.key)
    desk = lead_desk(db, view.lead, limits=state.settings.desk, now=now, zone=state.settings.zone)
    writing = composer(db, view.lead, viewer=viewer, guard=guard_of(state), now=now)
    ways = funnel.ways_from(view.lead.stage) if view.lead.merged_into_id is None else {}
    return page(
        request,
        "lead.html",
        viewer=viewer,
        view=view,
        desk=desk,
        ways=ways,
        composer=writing,
        holder=claims.holders(db, [lead_id], now, but=viewer).get(lead_id),
        claim_seconds=state.settings.claim_minutes * 60 if _is_claimed_by_looking(viewer, view.lead) else None,
    )


def _is_claimed_by_looking(viewer: User, lead: Lead) -> bool:
    """By the page's script and not by the GET, which browsers send ahead of a look that may never come."""
    return may(viewer, Action.CLAIM) and lead.stage is Stage.MARKETING_QUALIFIED and lead.merged_into_id is None


def _view(back: str) -> str | None:
    """The filters of the queue that somebody decided under, where they came from there."""
    came_from = urlsplit(back)
    return came_from.query if came_from.path == "/queue" else None


@router.post("/promote")
def promote(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.PROMOTE)],
    db: Db,
    state: StateDep,
    now: Now,
    position: Position = None,
    back: Back = "",
) -> Response:
    """MQL → SQL."""
    funnel.promote(db, lead_id, actor=viewer, now=now, seen=Seen(position, view=_view(back)))
    assign_by_rule(db, lead_id, rule=state.settings.assignment, now=now)
    return done(request, back, Flash(f"Promoted {_name(db, lead_id)}.", lead_id, next=_answering(viewer, lead_id)))


def _answering(viewer: User, lead_id: int) -> str | None:
    return f"/leads/{lead_id}#reply" if may(viewer, Action.WRITE_REPLY) else None


@router.post("/disqualify")
def disqualify(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.DISQUALIFY)],
    db: Db,
    state: StateDep,
    now: Now,
    reason: Annotated[DisqualifyReason, Form()],
    note: Note = "",
    position: Position = None,
    back: Back = "",
) -> Response:
    """Out, with a reason."""
    seen = Seen(position, view=_view(back))
    funnel.disqualify(db, lead_id, reason=reason, note=note, actor=viewer, now=now, seen=seen, key=state.key)
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


@router.post("/push_back")
def push_back(
    *,
    request: Request,
    lead_id: Id,
    viewer: Mover,
    db: Db,
    now: Now,
    note: Note = "",
    back: Back = "",
) -> Response:
    """SQL → MQL, with a note."""
    funnel.push_back(db, lead_id, note=note, actor=viewer, now=now)
    return done(request, back, Flash(f"Handed {_name(db, lead_id)} back to marketing.", lead_id))


@router.post("/record_reply")
def record_reply(*, request: Request, lead_id: Id, viewer: Mover, db: Db, now: Now, back: Back = "") -> Response:
    """SQL → replied, for what was written elsewhere."""
    funnel.record_reply(db, lead_id, actor=viewer, now=now)
    return done(request, back, Flash(f"{_name(db, lead_id)} has been replied to.", lead_id))


@router.post("/make_prospect")
def make_prospect(*, request: Request, lead_id: Id, viewer: Mover, db: Db, now: Now, back: Back = "") -> Response:
    """Replied → prospect."""
    funnel.make_prospect(db, lead_id, actor=viewer, now=now)
    return done(request, back, Flash(f"{_name(db, lead_id)} is a prospect.", lead_id))


@router.post("/win")
def win(*, request: Request, lead_id: Id, viewer: Mover, db: Db, now: Now, back: Back = "") -> Response:
    """Prospect → won."""
    funnel.win(db, lead_id, actor=viewer, now=now)
    return done(request, back, Flash(f"{_name(db, lead_id)} is won.", lead_id))


@router.post("/lose")
def lose(
    *,
    request: Request,
    lead_id: Id,
    viewer: Mover,
    db: Db,
    now: Now,
    note: Note = "",
    back: Back = "",
) -> Response:
    """Lost, with the reason."""
    funnel.lose(db, lead_id, note=note, actor=viewer, now=now)
    return done(request, back, Flash(f"{_name(db, lead_id)} is lost.", lead_id))


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
