"""The review queue: its pages, who works on which lead of it, and one reason for several leads."""

from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from api.access import Action, may
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, Text, on_page
from api.filters import QueueParams
from api.kept import keep_page, kept_page
from api.pages import Flash, done, page
from api.security import own_page
from api.words import reason_name
from overheard.days import begins, day_of
from overheard.desk import bulk, review_queue, views
from overheard.desk.tally import today
from overheard.errors import InvalidInput
from overheard.labelling import samples
from overheard.leads import claims
from overheard.leads.dealings import background
from overheard.leads.lead_notes import due_follow_ups
from overheard.leads.leads import lead_by_id
from overheard.models import Post, User
from overheard.vocabulary import DisqualifyReason, Stage

router = APIRouter()

_TABS = (
    (Stage.MARKETING_QUALIFIED, "To review"),
    (Stage.SALES_QUALIFIED, "Promoted"),
    (Stage.DISQUALIFIED, "Disqualified"),
)
_WEEK = 7

LeadIds = Annotated[list[Annotated[int, Field(ge=1, le=MAX_ID)]], Field(min_length=1, max_length=bulk.MAX_LEADS)]
Back = Annotated[str, Form()]


class Until(StrEnum):
    """For how long a lead is snoozed, by one key."""

    TOMORROW = "tomorrow"
    THREE_DAYS = "three_days"
    NEXT_WEEK = "next_week"

    def begins(self, now: datetime, zone: tzinfo) -> datetime:
        """The day on which it comes back, as it begins."""
        today = day_of(now, zone)
        days = {Until.TOMORROW: 1, Until.THREE_DAYS: 3, Until.NEXT_WEEK: _WEEK - today.weekday()}[self]
        return begins(today + timedelta(days=days), zone)


@router.get("/queue")
def queue(
    *,
    request: Request,
    state: StateDep,
    viewer: Annotated[User, on_page(Action.READ_QUEUE)],
    db: ReadDb,
    now: Now,
    params: Annotated[QueueParams, Query()],
) -> Response:
    """A page of leads, newest day first and the strongest of a day first."""
    if (kept := kept_page(request, now)) is not None:
        return kept
    filters = params.filters(viewer, now)
    found = review_queue.page(db, filters, after=params.place, key=state.key)
    stage, may_tick = filters.stage, may(viewer, Action.DISQUALIFY) and filters.stage is not Stage.DISQUALIFIED
    choices = review_queue.choices(db)
    halves = [state.cards.halves(item, stage, may_tick=may_tick, now=now) for item in found.items]
    is_asked = filters.stage is Stage.MARKETING_QUALIFIED and may(viewer, Action.ANSWER_SAMPLE)
    shown = page(
        request,
        "queue.html",
        viewer=viewer,
        params=params,
        stage=stage,
        tabs=_TABS,
        cards=[(item, before, after) for item, (before, after) in zip(found.items, halves, strict=True)],
        next_address=params.address(after=found.next_place) if found.next_place else None,
        total=review_queue.count_to_thousand(db, filters),
        held=review_queue.held_by_others(db, filters),
        choices=choices,
        due=due_follow_ups(db, viewer, day_of(now, state.settings.zone)),
        people=choices.people,
        views=views.visible(db, viewer),
        today=today(db, viewer, now, zone=state.settings.zone),
        may_decide=may(viewer, Action.PROMOTE),
        untils=Until,
        samples=samples.open_cards(db, now, campaign_id=filters.campaign_id) if is_asked else [],
        claim_seconds=state.settings.claim_minutes * 60,
    )
    return keep_page(request, shown, until=claims.next_end(db, now))


@router.get("/queue/{lead_id}/background")
def lead_background(
    request: Request, lead_id: Id, viewer: Annotated[User, on_page(Action.READ_QUEUE)], db: ReadDb
) -> Response:
    """What is looked up for the one lead that somebody reads: its author's other posts, and similar decisions."""
    view = lead_by_id(db, lead_id)
    return page(request, "queue_background.html", viewer=viewer, lead=view, told=background(db, view))


@router.get("/queue/{lead_id}/acts")
def lead_acts(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.READ_QUEUE)],
    db: ReadDb,
    place: Annotated[int, Query(ge=1, le=review_queue.MAX_PAGE_SIZE)] = 1,
    back: str = "",
) -> Response:
    """What the menus of a card hold, as a page: for who has no script."""
    lead = lead_by_id(db, lead_id)
    return page(
        request,
        "queue_acts.html",
        viewer=viewer,
        lead=lead,
        top=db.get(Post, lead.top_post_id) if lead.top_post_id else None,
        place=place,
        back=own_page(back),
        people=claims.assignable(db),
    )


@router.post("/queue/claims")
def claim(
    *,
    state: StateDep,
    viewer: Annotated[User, on_page(Action.CLAIM)],
    db: Db,
    now: Now,
    lead: Annotated[LeadIds, Form()],
) -> Response:
    """Keep these leads from others for some minutes, those that are free; for the script of the queue."""
    lasts = timedelta(minutes=state.settings.claim_minutes)
    held = claims.claim_many(db, lead, viewer, now, lasts=lasts, stage=Stage.MARKETING_QUALIFIED)
    others = {str(lead_id): holder.name for lead_id, holder in claims.holders(db, lead, now, but=viewer).items()}
    return JSONResponse({"held": held, "others": others})


@router.post("/queue/claims/release")
def release(viewer: Annotated[User, on_page(Action.CLAIM)], db: Db, lead: Annotated[LeadIds, Form()]) -> Response:
    """Give them back: the page was left."""
    claims.release(db, lead, viewer)
    return JSONResponse({"held": []})


@router.post("/leads/{lead_id}/snooze")
def snooze(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.SNOOZE)],
    db: Db,
    state: StateDep,
    now: Now,
    until: Annotated[Until | date, Form()],
    back: Back = "",
) -> Response:
    """Out of the queue until then."""
    zone = state.settings.zone
    at = until.begins(now, zone) if isinstance(until, Until) else begins(until, zone)
    claims.snooze(db, lead_id, viewer, at, now)
    return done(request, back, Flash(f"Snoozed until {at:%A}, {at.day} {at:%B}.", undo=f"/leads/{lead_id}/wake"))


@router.post("/leads/{lead_id}/wake")
def wake(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.SNOOZE)],
    db: Db,
    now: Now,
    back: Back = "",
) -> Response:
    """Back into the queue before its time."""
    claims.snooze(db, lead_id, viewer, None, now)
    return done(request, back, Flash("It is in the queue again."))


@router.post("/leads/{lead_id}/assign")
def assign(
    *,
    request: Request,
    lead_id: Id,
    viewer: Annotated[User, on_page(Action.ASSIGN)],
    db: Db,
    now: Now,
    chosen: Annotated[int | None, Form(alias="to", ge=0, le=MAX_ID)] = None,
    again: Annotated[int | None, Query(alias="to", ge=0, le=MAX_ID)] = None,
    back: Back = "",
) -> Response:
    """To a user, or to nobody (0). A form chooses; what takes it back is an address, which names whom."""
    to = again if chosen is None else chosen
    if to is None:
        raise InvalidInput("Say to whom: `to` is a user's id, or 0 for nobody.")
    former = lead_by_id(db, lead_id).assignee_id
    claims.assign(db, lead_id, viewer, to or None, now)
    name = db.get_one(User, to).name if to else None
    told = "It is nobody's now." if name is None else "It is yours now." if to == viewer.id else f"Assigned to {name}."
    return done(request, back, Flash(told, undo=f"/leads/{lead_id}/assign?to={former or 0}", assignee=name or ""))


@router.post("/queue/disqualify")
def disqualify_several(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.DISQUALIFY)],
    db: Db,
    state: StateDep,
    now: Now,
    reason: Annotated[DisqualifyReason, Form()],
    lead: Annotated[LeadIds, Form()],
    note: Annotated[Text, Form()] = "",
    back: Back = "",
) -> Response:
    """One reason for several leads; each gets its label and its event."""
    outcome = bulk.disqualify(db, lead, reason=reason, note=note, actor=viewer, now=now, key=state.key)
    told = f"Disqualified {_number(outcome.done)}: {reason_name(reason)}." + _refused(outcome)
    undo = "/queue/undo?" + urlencode([("lead", one) for one in outcome.done]) if outcome.done else None
    return done(request, back, Flash(told, undo=undo, refused=list(outcome.refused)))


@router.post("/queue/undo")
def undo_several(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.UNDO)],
    db: Db,
    now: Now,
    lead: Annotated[LeadIds, Query()],
    back: Back = "",
) -> Response:
    """Take one's own last step on each of these back."""
    outcome = bulk.undo(db, lead, actor=viewer, now=now)
    told = f"Taken back: {_number(outcome.done)}." + _refused(outcome)
    return done(request, back, Flash(told, refused=list(outcome.refused)))


def _number(leads: list[int]) -> str:
    return "1 lead" if len(leads) == 1 else f"{len(leads)} leads"


def _refused(outcome: bulk.Outcome) -> str:
    """Why some are left as they were: the first reason, and how many there are."""
    if not outcome.refused:
        return ""
    others = len(outcome.refused) - 1
    return " Left as it was: " + next(iter(outcome.refused.values())) + (f" And {others} more." if others else "")
